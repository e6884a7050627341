#include "run/task_chunks.hpp"

#include <algorithm>
#include <numeric>

namespace maniple {

namespace {

constexpr std::int64_t chunk_cost_ns = 2000;
constexpr std::int64_t guessed_task_ns = 50;  ///< where nothing is known
constexpr std::size_t chunks_per_thread = 4;  ///< of each depth, so that what is unequal evens out

}  // namespace

TaskChunks TaskChunks::each(const TaskProgram& program) {
    TaskChunks chunks;
    for (std::size_t i = 0; i < program.size(); ++i) {
        chunks.tasks.push_back(TaskId(i));
        chunks.chunk_of.push_back(ChunkId(i));
    }
    chunks.first.resize(program.size() + 1);
    std::iota(chunks.first.begin(), chunks.first.end(), std::size_t{0});
    return chunks;
}

TaskChunks TaskChunks::by_depth(const TaskProgram& program, int threads) {
    std::vector<std::vector<TaskId>> by_depth;
    std::vector<std::size_t> depth(program.size(), 0);
    for (std::size_t i = 0; i < program.size(); ++i) {
        for (const TaskId before : program.after(TaskId(i))) depth[i] = std::max(depth[i], depth[before.index()] + 1);
        if (depth[i] == by_depth.size()) by_depth.emplace_back();
        by_depth[depth[i]].push_back(TaskId(i));
    }
    TaskChunks chunks;
    chunks.chunk_of.resize(program.size());
    chunks.first.push_back(0);
    for (const std::vector<TaskId>& tasks : by_depth) {
        const std::size_t most =
            std::max<std::size_t>(1, tasks.size() / (chunks_per_thread * static_cast<std::size_t>(threads)));
        std::size_t held = 0;
        std::int64_t cost_ns = 0;
        const auto close = [&] {
            if (held > 0) chunks.first.push_back(chunks.tasks.size());
            held = 0;
            cost_ns = 0;
        };
        for (const TaskId task : tasks) {
            const bool is_message = program.is_message(task);
            const std::int64_t cost = program.cost_ns(task) > 0 ? program.cost_ns(task) : guessed_task_ns;
            if (is_message || held == most || cost_ns + cost > chunk_cost_ns) close();
            chunks.chunk_of[task.index()] = ChunkId(chunks.first.size() - 1);
            chunks.tasks.push_back(task);
            ++held;
            cost_ns += cost;
            if (is_message) close();
        }
        close();
    }
    return chunks;
}

ChunkGraph TaskChunks::graph(const TaskProgram& program) const {
    std::vector<std::vector<ChunkId>> dependents(size());
    std::vector<ChunkId> last_dependent(size());  // each chunk is met in order: one look tells whether it is there
    std::vector<ChunkNode> nodes(size());
    for (std::size_t i = 0; i < size(); ++i) {
        nodes[i].lane = program.is_message(tasks[first[i]]) ? LaneKind::net : LaneKind::cpu;
        for (std::size_t k = first[i]; k < first[i + 1]; ++k) {
            nodes[i].cost_ns += program.cost_ns(tasks[k]);
            for (const TaskId before : program.after(tasks[k])) {
                const ChunkId predecessor = chunk_of[before.index()];
                ChunkId& last = last_dependent[predecessor.index()];
                if (last == ChunkId(i)) continue;
                last = ChunkId(i);
                dependents[predecessor.index()].push_back(ChunkId(i));
            }
        }
    }
    for (std::size_t i = 0; i < size(); ++i) nodes[i].dependents = dependents[i];
    return ChunkGraph(nodes);
}

}  // namespace maniple
