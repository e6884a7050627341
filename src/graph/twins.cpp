#include "graph/twins.hpp"

namespace maniple {

Graph with_twins(Graph graph) {
    const std::size_t count = graph.operations.size();
    for (std::size_t i = 0; i < count; ++i) {
        if (graph.operations[i].kernel->gpu_variant(graph.operations[i].types) == nullptr) continue;
        Operation twin = graph.operations[i];
        const OperationId id(graph.operations.size());
        twin.twin_of = OperationId(i);
        twin.name += "/again";
        twin.pin = {};
        for (TensorId& output : twin.outputs) {
            Tensor copy = graph[output];
            copy.name += "/again";
            copy.producer = id;
            copy.readers.clear();
            output = TensorId(graph.tensors.size());
            graph.tensors.push_back(std::move(copy));
        }
        for (const TensorId input : twin.inputs) {
            std::vector<OperationId>& readers = graph.tensors[input.index()].readers;
            if (readers.empty() || readers.back() != id) readers.push_back(id);
        }
        graph.operations.push_back(std::move(twin));
    }
    return graph;
}

}  // namespace maniple
