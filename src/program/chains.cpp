#include "program/chains.hpp"

#include <algorithm>

#include "program/tails.hpp"

namespace maniple {

namespace {

class ChainFinder {
public:
    ChainFinder(const Graph& graph, const Plan& plan, const LaneChoice& lanes)
        : graph_(graph), plan_(plan), lanes_(lanes), next_(graph.operations.size()),
          has_previous_(graph.operations.size(), false), ordered_(graph.operations.size(), false) {
        for (std::size_t i = 0; i < graph.operations.size(); ++i) {
            if (graph.operations[i].after.empty()) continue;
            ordered_[i] = true;
            for (const OperationId other : graph.operations[i].after) ordered_[other.index()] = true;
        }
        for (const GraphOutput& output : graph.outputs) {
            seen_.push_back(output.tensor);
            seen_.push_back(output.after_carry);
        }
        for (const Carry& carry : graph.carries) seen_.push_back(carry.value);
        seen_.push_back(graph.until);
    }

    std::vector<Chain> find() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) link(OperationId(i));
        std::vector<Chain> chains;
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (has_previous_[i] || !next_[i].valid()) continue;
            Chain chain;
            for (OperationId id(i); id.valid(); id = next_[id.index()]) chain.operations.push_back(id);
            chains.push_back(std::move(chain));
        }
        return chains;
    }

private:
    /// The operation whose result `reader` goes on with: the last of those that allow it.
    void link(OperationId reader) {
        if (!may_join(reader)) return;
        OperationId before;
        for (const TensorId input : graph_[reader].inputs) {
            if (goes_to(input, reader)) before = std::max(before, graph_[input].producer);
        }
        if (!before.valid()) return;
        next_[before.index()] = reader;
        has_previous_[reader.index()] = true;
    }

    /// Computing it later than it stands in the graph changes nothing but for `after:`.
    bool may_join(OperationId id) const {
        const Operation& operation = graph_[id];
        return is_elementwise(operation) && !ordered_[id.index()] && !operation.twin_of.valid() &&
               operation.domains.empty() && lanes_.of(id) == std::vector<int>{LaneChoice::cpu_lane};
    }

    bool goes_to(TensorId id, OperationId reader) const {
        const Tensor& tensor = graph_[id];
        if (tensor.kind != Tensor::Kind::computed || tensor.readers != std::vector<OperationId>{reader}) return false;
        if (std::find(seen_.begin(), seen_.end(), id) != seen_.end() || !may_join(tensor.producer)) return false;
        // On every rank: no message carries a part of the tensor.
        const bool same_points = tensor.shape == graph_[graph_[reader].outputs[0]].shape &&
                                 plan_[tensor.producer].points == plan_[reader].points;
        return same_points && graph_[tensor.producer].in_loop == graph_[reader].in_loop && !has_twin(tensor.producer);
    }

    bool has_twin(OperationId id) const {
        return std::any_of(graph_.operations.begin(), graph_.operations.end(),
                           [&](const Operation& operation) { return operation.twin_of == id; });
    }

    const Graph& graph_;
    const Plan& plan_;
    const LaneChoice& lanes_;
    std::vector<OperationId> next_;   ///< by OperationId
    std::vector<bool> has_previous_;  ///< likewise
    std::vector<bool> ordered_;       ///< likewise: named by an `after:` or has one
    std::vector<TensorId> seen_;      ///< by others than their readers
};

}  // namespace

std::vector<Chain> find_chains(const Graph& graph, const Plan& plan, const LaneChoice& lanes) {
    return ChainFinder(graph, plan, lanes).find();
}

}  // namespace maniple
