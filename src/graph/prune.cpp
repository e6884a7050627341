#include "graph/prune.hpp"

namespace maniple {

std::vector<bool> needed_tensors(const Graph& graph) {
    std::vector<bool> needed(graph.tensors.size(), false);
    for (const GraphOutput& output : graph.outputs) needed[output.tensor.index()] = true;
    if (graph.until.valid()) needed[graph.until.index()] = true;
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

namespace {

void mark_loop(Graph& graph) {
    for (const Carry& carry : graph.carries) graph.tensors[carry.input.index()].in_loop = true;
    for (Operation& operation : graph.operations) {
        for (const TensorId input : operation.inputs) operation.in_loop = operation.in_loop || graph[input].in_loop;
        for (const OperationId other : operation.after) operation.in_loop = operation.in_loop || graph[other].in_loop;
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
    kept.check = graph.check;
    kept.warnings = std::move(graph.warnings);
    std::vector<OperationId> kept_operations(graph.operations.size());
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        if (!needed[i]) continue;
        renumbered[i] = TensorId(kept.tensors.size());
        kept.tensors.push_back(std::move(graph.tensors[i]));
    }
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        Operation& operation = graph.operations[i];
        if (!needed[operation.outputs[0].index()]) continue;
        const OperationId id(kept.operations.size());
        kept_operations[i] = id;
        std::vector<OperationId> after;
        for (const OperationId other : operation.after) {
            if (kept_operations[other.index()].valid()) after.push_back(kept_operations[other.index()]);
        }
        operation.after = std::move(after);
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
    const auto new_id = [&](TensorId id) { return id.valid() ? renumbered[id.index()] : TensorId{}; };
    for (const GraphOutput& output : graph.outputs)
        kept.outputs.push_back({new_id(output.tensor), new_id(output.after_carry), output.spec, output.every});
    kept.until = new_id(graph.until);
    for (const Carry& carry : graph.carries)
        kept.carries.push_back({renumbered[carry.input.index()], renumbered[carry.value.index()]});
    mark_loop(kept);
    return kept;
}

}  // namespace maniple
