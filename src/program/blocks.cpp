#include "program/blocks.hpp"

#include <algorithm>

namespace maniple {

StepBlock block_at(const Graph& graph, const Versions& versions, std::int64_t first) {
    StepBlock block;
    set_block_at(graph, versions, first, block);
    return block;
}

void set_block_at(const Graph& graph, const Versions& versions, std::int64_t first, StepBlock& block) {
    std::int64_t end = std::min(graph.steps, first + versions.block_steps);
    for (const GraphOutput& output : graph.outputs) {
        if (output.every > 0) end = std::min(end, (first / output.every + 1) * output.every);
    }
    const bool conditional = graph.until.valid();
    if (conditional) end = std::min(end, (first / graph.check + 1) * graph.check);
    end = std::min(end, graph.steps);
    block.first = first;
    block.shape.phase = static_cast<int>(first % versions.period);
    block.shape.steps = static_cast<int>(end - first);
    block.shape.loads = first == 0;
    block.shape.carried = true;
    block.shape.observed.clear();
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        const std::int64_t every = graph.outputs[i].every;
        const bool due = every > 0 ? end % every == 0 : end == graph.steps && !conditional;
        if (due) block.shape.observed.push_back(i);
    }
    block.shape.decides = conditional && end % graph.check == 0;
    block.shape.completes = conditional && (block.shape.decides || end == graph.steps);
}

StepBlock closing_block(const Graph& graph, const Versions& versions, std::int64_t performed, bool stopped) {
    StepBlock block;
    set_closing_block(graph, versions, performed, stopped, block);
    return block;
}

void set_closing_block(const Graph& graph, const Versions& versions, std::int64_t performed, bool stopped,
                       StepBlock& block) {
    block.first = performed;
    block.shape.phase = static_cast<int>(performed % versions.period);
    block.shape.steps = 0;
    block.shape.loads = block.shape.decides = block.shape.completes = false;
    block.shape.carried = !stopped;
    block.shape.observed.clear();
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        if (graph.outputs[i].every == 0) block.shape.observed.push_back(i);
    }
}

}  // namespace maniple
