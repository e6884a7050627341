#include "program/wholes.hpp"

namespace maniple {

namespace {

/// Whether the rows of the piece lie one after the other in the memory of the whole, all of which is this rank's own.
bool fits_into(const Graph& graph, const Plan& plan, const Layout& layout, TensorId piece, TensorId whole) {
    const std::vector<Instance>& pieces = layout.instances_of(piece);
    const Box& target = layout.instances_of(whole)[0].box;
    if (pieces.size() != 1 || pieces[0].box.empty() || layout.chained[graph[piece].producer.index()]) return false;
    const Box owned = owned_box(graph, plan, whole, layout.rank);
    if (!owned.contains(pieces[0].box) || !target.contains(owned)) return false;
    for (int axis = 1; axis < target.rank(); ++axis) {
        if (pieces[0].box.extent(axis) != target.extent(axis)) return false;
    }
    return true;
}

}  // namespace

std::vector<TensorId> find_wholes(const Graph& graph, const Plan& plan, const Layout& layout) {
    std::vector<TensorId> whole_of(graph.tensors.size());
    for (const Operation& operation : graph.operations) {
        if (!operation.joins) continue;
        const TensorId whole = operation.outputs[0];
        for (const TensorId piece : operation.inputs) {
            if (fits_into(graph, plan, layout, piece, whole)) whole_of[piece.index()] = whole;
        }
    }
    return whole_of;
}

}  // namespace maniple
