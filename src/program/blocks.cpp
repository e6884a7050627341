#include "program/blocks.hpp"

#include <algorithm>

namespace maniple {

namespace {
/// Bounds the size of a program.
constexpr std::int64_t most_steps = 16;
}  // namespace

StepBlock block_at(const Graph& graph, const Versions& versions, std::int64_t first) {
    std::int64_t end = std::min(graph.steps, first + most_steps);
    for (const GraphOutput& output : graph.outputs) {
        if (output.every > 0) end = std::min(end, (first / output.every + 1) * output.every);
    }
    end = std::min(end, graph.steps);
    StepBlock block;
    block.first = first;
    block.shape.phase = static_cast<int>(first % versions.period);
    block.shape.steps = static_cast<int>(end - first);
    block.shape.loads = first == 0;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        const std::int64_t every = graph.outputs[i].every;
        if (every > 0 ? end % every == 0 : end == graph.steps) block.shape.observed.push_back(i);
    }
    return block;
}

}  // namespace maniple
