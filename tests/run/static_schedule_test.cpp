// Which programs are run statically, and that their waits are enough.
#include "program/static_schedule.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

/// Levels of `width` chunks; each waits for the three around it in the level before.
struct Grid {
    Grid(std::size_t width, std::size_t levels, std::int64_t cost_ns)
        : dependents(width * levels), costs(width * levels, cost_ns) {
        for (std::size_t i = 0; i + width < width * levels; ++i) {
            const std::size_t column = i % width, below = i + width;
            if (column > 0) dependents[i].push_back(ChunkId(below - 1));
            dependents[i].push_back(ChunkId(below));
            if (column + 1 < width) dependents[i].push_back(ChunkId(below + 1));
        }
    }
    ChunkGraph graph() const {
        std::vector<ChunkNode> nodes;
        for (std::size_t i = 0; i < dependents.size(); ++i) nodes.push_back({LaneKind::cpu, dependents[i], costs[i]});
        return ChunkGraph(nodes);
    }
    std::vector<std::vector<ChunkId>> dependents;
    std::vector<std::int64_t> costs;
};

TEST(StaticSchedule, HoldsEveryChunkOnceAfterItsPredecessors) {
    for (const int workers : {1, 2, 3, 5}) {
        const ChunkGraph graph = Grid(30, 6, 100).graph();
        const auto schedule = find_static_schedule(graph, workers);
        ASSERT_TRUE(schedule) << workers;
        // Levels done by each worker; a level may begin when its waits hold. Whoever can go on does.
        std::vector<std::size_t> done(static_cast<std::size_t>(workers), 0);
        std::vector<int> ran(graph.size(), 0);
        std::vector<std::int32_t> open = graph.all_predecessors();
        for (bool moved = true; moved;) {
            moved = false;
            for (std::size_t w = 0; w < done.size(); ++w) {
                const StaticPart& part = schedule->parts[w];
                if (done[w] == part.levels.size()) continue;
                const StaticLevel& level = part.levels[done[w]];
                bool may = true;
                for (std::size_t i = level.first_wait; i < level.end_wait; ++i)
                    may = may && done[static_cast<std::size_t>(part.waits[i].worker)] >=
                                     static_cast<std::size_t>(part.waits[i].levels);
                if (!may) continue;
                for (std::size_t i = level.first; i < level.end; ++i) {
                    ASSERT_EQ(open[part.chunks[i].index()], 0) << "before a predecessor";
                    ++ran[part.chunks[i].index()];
                    for (const ChunkId dependent : graph.dependents(part.chunks[i])) --open[dependent.index()];
                }
                ++done[w];
                moved = true;
            }
        }
        EXPECT_EQ(ran, std::vector<int>(graph.size(), 1)) << workers << " workers";
    }
}

TEST(StaticSchedule, IsNotForWhatIsUnknownUnequalDearOrUneven) {
    EXPECT_TRUE(find_static_schedule(Grid(16, 4, 100).graph(), 2));
    EXPECT_FALSE(find_static_schedule(Grid(16, 4, 0).graph(), 2)) << "unknown costs";
    EXPECT_FALSE(find_static_schedule(Grid(16, 4, 1'000'000).graph(), 2)) << "dear chunks";
    EXPECT_FALSE(find_static_schedule(Grid(3, 4, 100).graph(), 2)) << "three chunks for two workers";
    Grid unequal(16, 4, 100);
    unequal.costs[5] = 300;
    EXPECT_FALSE(find_static_schedule(unequal.graph(), 2)) << "unequal costs";
}

}  // namespace
}  // namespace maniple
