#include "graph/prune.hpp"

#include <vector>

namespace maniple {

namespace {

/// Tensors that outputs and carries need, found backwards: operations stand after what they read.
std::vector<bool> needed_tensors(const Graph& graph) {
    std::vector<bool> needed(graph.tensors.size(), false);
    for (const GraphOutput& output : graph.outputs) needed[output.tensor.index()] = true;
    for (const Carry& carry : graph.carries) {
        needed[carry.value.index()] = true;
        needed[carry.input.index()] = true;
    }
    for (std::size_t i = graph.operations.size(); i-- > 0;) {
        const Operation& operation = graph.operations[i];
        bool used = false;
        for (const TensorId output : operation.outputs) used = used || needed[output.index()];
        if (!used) continue;
        for (const TensorId input : operation.inputs) needed[input.index()] = true;
        for (const TensorId output : operation.outputs) needed[output.index()] = true;  // a kernel writes all of them
    }
    return needed;
}

void mark_loop(Graph& graph) {
    for (const Carry& carry : graph.carries) graph.tensors[carry.input.index()].in_loop = true;
    for (Operation& operation : graph.operations) {
        for (const TensorId input : operation.inputs) operation.in_loop = operation.in_loop || graph[input].in_loop;
        for (const TensorId output : operation.outputs) graph.tensors[output.index()].in_loop = operation.in_loop;
    }
}

}  // namespace

Graph prune(Graph graph) {
    const std::vector<bool> needed = needed_tensors(graph);
    std::vector<TensorId> renumbered(graph.tensors.size());
    Graph kept;
    kept.name = graph.name;
    kept.steps = graph.steps;
    kept.loop = graph.loop;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        if (!needed[i]) continue;
        renumbered[i] = TensorId(kept.tensors.size());
        kept.tensors.push_back(std::move(graph.tensors[i]));
    }
    for (Operation& operation : graph.operations) {
        if (!needed[operation.outputs[0].index()]) continue;
        const OperationId id(kept.operations.size());
        for (TensorId& input : operation.inputs) {
            input = renumbered[input.index()];
            std::vector<OperationId>& readers = kept.tensors[input.index()].readers;
            if (readers.empty() || readers.back() != id) readers.push_back(id);
        }
        for (TensorId& output : operation.outputs) {
            output = renumbered[output.index()];
            kept.tensors[output.index()].producer = id;
        }
        kept.operations.push_back(std::move(operation));
    }
    for (const GraphOutput& output : graph.outputs)
        kept.outputs.push_back({renumbered[output.tensor.index()], output.spec, output.every});
    for (const Carry& carry : graph.carries)
        kept.carries.push_back({renumbered[carry.input.index()], renumbered[carry.value.index()]});
    mark_loop(kept);
    return kept;
}

}  // namespace maniple
