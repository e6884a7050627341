#include "program/blocks.hpp"

#include <algorithm>

namespace maniple {

namespace {

/// The first multiple of `interval` after `step`.
std::int64_t next_multiple(std::int64_t step, std::int64_t interval) { return (step / interval + 1) * interval; }

/// Where a block that begins with `first` ends because of `until`. Few different lengths, so that there are few programs:
/// one look, four, or as many as a block has room for.
std::int64_t last_look(const Graph& graph, const Versions& versions, std::int64_t first, bool careful) {
    const std::int64_t next = next_multiple(first, graph.check);
    if (careful || first % graph.check != 0) return next;
    const std::int64_t most = std::min(versions.block_steps, most_block_steps) / graph.check * graph.check;
    if (versions.looks_behind && most > 0) return first + most;
    if (versions.ahead_divisor == 0) return next;
    const std::int64_t ahead = first / versions.ahead_divisor;
    if (most > 0 && ahead >= most) return first + most;
    const std::int64_t four = 4 * graph.check;
    return ahead >= four && four < most ? first + four : next;
}

/// The block of steps from `first` on, with the phase that `block` has.
void set_steps(const Graph& graph, const Versions& versions, std::int64_t first, bool careful, StepBlock& block) {
    const bool conditional = graph.until.valid();
    const bool settling = first < versions.settling_steps;
    const int most = first < versions.single_steps ? 1
                     : settling                    ? std::min(settling_block_steps, versions.block_steps)
                                                   : versions.block_steps;
    std::int64_t end = std::min(graph.steps, first + most);
    for (const GraphOutput& output : graph.outputs) {
        if (output.every > 0) end = std::min(end, next_multiple(first, output.every));
    }
    if (conditional) end = std::min(end, last_look(graph, versions, first, careful));
    BlockShape& shape = block.shape;
    block.first = first;
    shape.steps = static_cast<int>(end - first);
    shape.loads = first == 0;
    shape.carried = true;
    shape.observed.clear();
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        const std::int64_t every = graph.outputs[i].every;
        const bool due = every > 0 ? end % every == 0 : end == graph.steps && !conditional;
        if (due) shape.observed.push_back(i);
    }
    const std::int64_t look = conditional ? next_multiple(first, graph.check) : 0;
    shape.decides = conditional && look <= end ? static_cast<int>(look - first) : 0;
    shape.completes = conditional && (end % graph.check == 0 || end == graph.steps);
    shape.holds = shape.decides > 0 && look < end && !shape.observed.empty();
}

/// No steps after those of `last`; nothing to write yet.
void set_behind(const Versions& versions, const StepBlock& last, StepBlock& block) {
    block.first = last.end();
    block.shape.phase = versions.next_phase(last.shape);
    block.shape.steps = block.shape.decides = 0;
    block.shape.loads = block.shape.completes = block.shape.holds = false;
    block.shape.carried = true;
    block.shape.observed.clear();
}

}  // namespace

void set_first_block(const Graph& graph, const Versions& versions, StepBlock& block) {
    block.shape.phase = 0;
    set_steps(graph, versions, 0, false, block);
}

void set_next_block(const Graph& graph, const Versions& versions, std::int64_t careful_until, StepBlock& block) {
    const std::int64_t first = block.end();
    block.shape.phase = versions.next_phase(block.shape);
    set_steps(graph, versions, first, first < careful_until, block);
}

void set_careful_block(const Graph& graph, const Versions& versions, StepBlock& block) {
    set_steps(graph, versions, block.first, true, block);
}

void set_writing_block(const Versions& versions, const StepBlock& last, StepBlock& block) {
    set_behind(versions, last, block);
    block.shape.observed.assign(last.shape.observed.begin(), last.shape.observed.end());
}

void set_closing_block(const Graph& graph, const Versions& versions, const StepBlock& last, bool stopped,
                       StepBlock& block) {
    set_behind(versions, last, block);
    block.shape.carried = !stopped;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        if (graph.outputs[i].every == 0) block.shape.observed.push_back(i);
    }
}

StepBlock block_at(const Graph& graph, const Versions& versions, std::int64_t first) {
    StepBlock block;
    set_first_block(graph, versions, block);
    while (block.first < first) set_next_block(graph, versions, 0, block);
    return block;
}

StepBlock closing_block(const Graph& graph, const Versions& versions, const StepBlock& last, bool stopped) {
    StepBlock block;
    set_closing_block(graph, versions, last, stopped, block);
    return block;
}

}  // namespace maniple
