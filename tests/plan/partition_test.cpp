#include "plan/partition.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace maniple {
namespace {

double slowest(const PartitionProblem& problem, const std::vector<Part>& parts) {
    double most = 0;
    for (const Part& part : parts) most = std::max(most, part_ns(problem, part));
    return most;
}

/// Every way to cut the items into at most so many parts, one rank each: the least time of the slowest; infinite where
/// none fits the memory.
double best_by_trying(const PartitionProblem& problem) {
    const std::size_t count = problem.items.size();
    double best = std::numeric_limits<double>::infinity();
    for (unsigned cuts = 0; cuts < 1u << (count - 1); ++cuts) {
        std::vector<Part> parts = {{0, 0, 1}};
        for (std::size_t i = 1; i < count; ++i) {
            if ((cuts >> (i - 1) & 1u) == 0) continue;
            parts.back().end = i;
            parts.push_back({i, 0, 1});
        }
        parts.back().end = count;
        const bool fits = std::all_of(parts.begin(), parts.end(), [&](const Part& part) {
            return problem.memory_bytes == 0 || part_bytes(problem, part) <= problem.memory_bytes;
        });
        if (fits && static_cast<int>(parts.size()) <= problem.ranks) best = std::min(best, slowest(problem, parts));
    }
    return best;
}

PartitionProblem random_problem(std::mt19937& random, int most_ranks) {
    const auto below = [&](unsigned end) { return static_cast<int>(random() % end); };
    PartitionProblem problem;
    problem.ranks = 1 + below(5);
    const int count = 1 + below(9);
    for (int i = 0; i < count; ++i) {
        PartitionItem item{1.0 + below(20), 1.0 * below(8), 1 + below(static_cast<unsigned>(most_ranks)), {}};
        for (int thing = 0; thing < 5; ++thing) {
            if (below(3) == 0) item.uses.push_back({thing, 5 + thing});
        }
        problem.items.push_back(item);
    }
    problem.memory_bytes = below(2) == 0 ? 0 : 10 + below(25);
    return problem;
}

void expect_covered(const PartitionProblem& problem, const std::vector<Part>& parts) {
    std::size_t at = 0;
    int ranks = 0;
    for (const Part& part : parts) {
        EXPECT_EQ(part.first, at);
        EXPECT_LT(part.first, part.end);
        EXPECT_GE(part.ranks, 1);
        at = part.end;
        ranks += part.ranks;
    }
    EXPECT_EQ(at, problem.items.size());
    EXPECT_LE(ranks, problem.ranks);
}

TEST(Partition, IsAsGoodAsTryingEverything) {
    std::mt19937 random(5);
    int too_little_memory = 0;
    for (int round = 0; round < 3000; ++round) {
        const PartitionProblem problem = random_problem(random, 1);
        const std::vector<Part> parts = partition(problem);
        expect_covered(problem, parts);
        const double best = best_by_trying(problem);
        if (best == std::numeric_limits<double>::infinity()) {
            ++too_little_memory;
            continue;
        }
        EXPECT_NEAR(slowest(problem, parts), best, 1e-6) << "round " << round;
        for (const Part& part : parts) {
            EXPECT_TRUE(problem.memory_bytes == 0 || part_bytes(problem, part) <= problem.memory_bytes);
        }
    }
    EXPECT_GT(too_little_memory, 100);
    EXPECT_LT(too_little_memory, 1500);
}

TEST(Partition, WithoutRoomTheFullestRankHoldsLittle) {
    std::mt19937 random(7);
    for (int round = 0; round < 1000; ++round) {
        PartitionProblem problem = random_problem(random, 1);
        problem.memory_bytes = 1;
        std::int64_t fullest = 0;
        for (const Part& part : partition(problem)) fullest = std::max(fullest, part_bytes(problem, part));
        problem.memory_bytes = fullest - 1;
        const double within_less =
            problem.memory_bytes > 0 ? best_by_trying(problem) : std::numeric_limits<double>::infinity();
        EXPECT_EQ(within_less, std::numeric_limits<double>::infinity()) << "round " << round;
    }
}

TEST(Partition, SharedItemsAreNoWorse) {
    std::mt19937 random(9);
    int shared = 0;
    for (int round = 0; round < 1000; ++round) {
        PartitionProblem problem = random_problem(random, 4);
        problem.memory_bytes = 0;
        const std::vector<Part> parts = partition(problem);
        expect_covered(problem, parts);
        EXPECT_LE(slowest(problem, parts), best_by_trying(problem) + 1e-6) << "round " << round;
        shared += std::any_of(parts.begin(), parts.end(), [](const Part& part) { return part.ranks > 1; }) ? 1 : 0;
    }
    EXPECT_GT(shared, 100);
}

TEST(Partition, AnItemTooSlowForOneRankIsShared) {
    PartitionProblem problem;
    for (const double work : {1.0, 8.0, 1.0, 1.0}) problem.items.push_back({work, 0, 8, {}});
    problem.ranks = 6;
    const std::vector<Part> parts = partition(problem);
    expect_covered(problem, parts);
    EXPECT_DOUBLE_EQ(slowest(problem, parts), 2);
}

TEST(Partition, AnItemTooLargeForOneRankIsShared) {
    PartitionProblem problem;
    problem.items = {{1, 0, 1, {{0, 10}}}, {1, 0, 8, {{1, 100}}}, {1, 0, 1, {{2, 10}}}};
    problem.ranks = 8;
    problem.memory_bytes = 30;
    for (const Part& part : partition(problem)) EXPECT_LE(part_bytes(problem, part), 30);
}

TEST(Partition, EqualItemsAreSpreadEvenlyWhateverTheirNumber) {
    PartitionProblem problem;
    problem.items.assign(100000, {1, 0, 1, {}});
    problem.ranks = 1024;
    const std::vector<Part> parts = partition(problem);
    expect_covered(problem, parts);
    EXPECT_DOUBLE_EQ(slowest(problem, parts), 98);
}

/// As few parts as are as fast would be 30.
TEST(Partition, IsSplitFurtherWhereMostWorkIs) {
    PartitionProblem problem;
    problem.items.assign(60, {1, 0, 1, {}});
    problem.ranks = 50;
    const std::vector<Part> few = partition(problem);
    EXPECT_EQ(few.size(), 30u);
    const std::vector<Part> parts = split_further(problem, few, 50);
    expect_covered(problem, parts);
    EXPECT_EQ(parts.size(), 50u);
    EXPECT_EQ(split_further(problem, few, 61).size(), 60u) << "an item each";

    problem.items = {{1, 0, 1, {}}, {8, 0, 1, {}}, {2, 0, 1, {}}, {3, 0, 1, {}}, {1, 0, 1, {}}};
    const std::vector<Part> halves = split_further(problem, {{0, 2, 1}, {2, 5, 1}}, 3);
    EXPECT_EQ(halves, (std::vector<Part>{{0, 1, 1}, {1, 2, 1}, {2, 5, 1}})) << "the part of 9, not that of 6";
    EXPECT_EQ(split_further(problem, {{2, 5, 1}}, 2), (std::vector<Part>{{2, 3, 1}, {3, 5, 1}}));
}

}  // namespace
}  // namespace maniple
