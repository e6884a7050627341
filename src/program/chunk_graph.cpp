#include "program/chunk_graph.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace maniple {

ChunkGraph::ChunkGraph(std::span<const ChunkNode> nodes, bool back)
    : first_dependent_(nodes.size() + 1, 0), predecessors_(nodes.size(), 0) {
    place_.reserve(nodes.size());
    cost_ns_.reserve(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        place_.push_back(nodes[i].lane == LaneKind::cpu   ? cpu_place
                         : nodes[i].lane == LaneKind::gpu ? gpu_place + nodes[i].gpu
                                                          : other_place);
        is_on_cpu_ = is_on_cpu_ && place_.back() == cpu_place;
        cost_ns_.push_back(nodes[i].cost_ns);
        dependents_.insert(dependents_.end(), nodes[i].dependents.begin(), nodes[i].dependents.end());
        first_dependent_[i + 1] = dependents_.size();
        for (const ChunkId dependent : nodes[i].dependents) ++predecessors_[dependent.index()];
        if (nodes[i].dependents.empty()) ++ends_;
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (predecessors_[i] == 0) (place_[i] == cpu_place ? cpu_roots_ : other_roots_).push_back(ChunkId(i));
    }
    sort_roots();
    if (back) std::reverse(cpu_roots_.begin(), cpu_roots_.end());
    MANIPLE_CHECK(nodes.empty() || !cpu_roots_.empty() || !other_roots_.empty(),
                  "a program without a chunk that could start");
    sort_topologically();
    rank();
}

/// By the first chunk that waits for each: those that make one tile ready stand together, whatever order they were made in.
void ChunkGraph::sort_roots() {
    std::vector<std::pair<ChunkId, ChunkId>> places;
    for (const ChunkId root : cpu_roots_) {
        const auto after = dependents(root);
        places.emplace_back(after.empty() ? root : *std::min_element(after.begin(), after.end()), root);
    }
    std::sort(places.begin(), places.end());
    std::transform(places.begin(), places.end(), cpu_roots_.begin(), [](const auto& place) { return place.second; });
}

void ChunkGraph::sort_topologically() {
    std::vector<std::int32_t> remaining = predecessors_;
    order_.reserve(size());
    for (std::size_t i = 0; i < size(); ++i) {
        if (remaining[i] == 0) order_.push_back(ChunkId(i));
    }
    // The queue holds one level after the other.
    for (std::size_t i = 0, level_end = order_.size(); i < order_.size(); ++i) {
        if (i == 0) levels_ = 1;
        if (i == level_end) {
            ++levels_;
            level_end = order_.size();
        }
        for (const ChunkId dependent : dependents(order_[i])) {
            if (--remaining[dependent.index()] == 0) order_.push_back(dependent);
        }
    }
    MANIPLE_CHECK(order_.size() == size(), "chunks that wait for each other");
}

void ChunkGraph::rank() {
    // At least one for each chunk, so that where no cost is known long chains still go before short ones.
    urgency_ns_.assign(size(), 0);
    for (std::size_t i = size(); i-- > 0;) {
        const ChunkId chunk = order_[i];
        std::int64_t longest = 0;
        for (const ChunkId dependent : dependents(chunk)) longest = std::max(longest, urgency_ns(dependent));
        urgency_ns_[chunk.index()] = longest + std::max<std::int64_t>(1, cost_ns_[chunk.index()]);
    }
    for (std::size_t i = 0; i < size(); ++i) {
        const auto first = dependents_.begin() + static_cast<std::ptrdiff_t>(first_dependent_[i]);
        const auto last = dependents_.begin() + static_cast<std::ptrdiff_t>(first_dependent_[i + 1]);
        // Equal ones: the first in the program last, so that it is gone on with.
        std::sort(first, last, [&](ChunkId a, ChunkId b) {
            return urgency_ns(a) != urgency_ns(b) ? urgency_ns(a) < urgency_ns(b) : a > b;
        });
    }
}

namespace {

/// Of one core's memory, and what a message, a file or a device adds: guesses that only order chunks.
constexpr std::int64_t bytes_per_ns = 10;
constexpr std::int64_t cost_elsewhere_ns = 20'000;

std::int64_t guessed_cost_ns(const Program& program, const Chunk& chunk) {
    std::int64_t bytes = 0;
    for (const InstructionId id : chunk.instructions) bytes += program.instructions[id.index()].bytes;
    return bytes / bytes_per_ns + (chunk.lane == LaneKind::cpu ? 0 : cost_elsewhere_ns);
}

}  // namespace

ChunkGraph chunk_graph_of(const Program& program) {
    std::vector<ChunkNode> nodes;
    nodes.reserve(program.chunks.size());
    for (const Chunk& chunk : program.chunks)
        nodes.push_back({chunk.lane, chunk.dependents, guessed_cost_ns(program, chunk), chunk.gpu});
    return ChunkGraph(nodes, program.sweeps_back);
}

}  // namespace maniple
