#include "program/chains.hpp"

#include <algorithm>

#include "program/tails.hpp"

namespace maniple {

namespace {

std::int64_t aligned(std::int64_t bytes) { return (bytes + 127) / 128 * 128; }

class ChainFinder {
public:
    ChainFinder(const Graph& graph, const Plan& plan, const LaneChoice& lanes)
        : graph_(graph), plan_(plan), lanes_(lanes), next_(graph.operations.size()),
          has_previous_(graph.operations.size(), false), ordered_(graph.operations.size(), false),
          has_twin_(graph.operations.size(), false), may_join_(graph.operations.size()),
          seen_(graph.tensors.size(), false) {
        for (std::size_t i = 0; i < graph.operations.size(); ++i) {
            if (graph.operations[i].after.empty()) continue;
            ordered_[i] = true;
            for (const OperationId other : graph.operations[i].after) ordered_[other.index()] = true;
        }
        for (const Operation& operation : graph.operations) {
            if (operation.twin_of.valid()) has_twin_[operation.twin_of.index()] = true;
        }
        for (const GraphOutput& output : graph.outputs) {
            see(output.tensor);
            see(output.after_carry);
        }
        for (const Carry& carry : graph.carries) see(carry.value);
        see(graph.until);
        for (std::size_t i = 0; i < graph.operations.size(); ++i) may_join_[i] = may_join(OperationId(i));
    }

    std::vector<Chain> find() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) link(OperationId(i));
        std::vector<Chain> chains;
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (has_previous_[i] || !next_[i].valid()) continue;
            Chain chain;
            chain.operations.reserve(8);
            for (OperationId id(i); id.valid(); id = next_[id.index()]) chain.operations.push_back(id);
            chains.push_back(std::move(chain));
        }
        return chains;
    }

private:
    void see(TensorId id) {
        if (id.valid()) seen_[id.index()] = true;
    }

    /// The operation whose result `reader` goes on with: the last of those that allow it.
    void link(OperationId reader) {
        if (!may_join_[reader.index()]) return;
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
        return is_elementwise(operation) && !plan_[id].claimable && !ordered_[id.index()] &&
               !operation.twin_of.valid() && operation.domains.empty() && lanes_.on_cpu_alone(id);
    }

    bool goes_to(TensorId id, OperationId reader) const {
        const Tensor& tensor = graph_[id];
        if (tensor.kind != Tensor::Kind::computed || tensor.readers.size() != 1 || tensor.readers[0] != reader)
            return false;
        if (seen_[id.index()] || !may_join_[tensor.producer.index()]) return false;
        // On every rank: no message carries a part of the tensor.
        const bool same_points = tensor.shape == graph_[graph_[reader].outputs[0]].shape &&
                                 plan_[tensor.producer].points == plan_[reader].points;
        return same_points && graph_[tensor.producer].in_loop == graph_[reader].in_loop &&
               !has_twin_[tensor.producer.index()];
    }

    const Graph& graph_;
    const Plan& plan_;
    const LaneChoice& lanes_;
    std::vector<OperationId> next_;   ///< by OperationId
    std::vector<bool> has_previous_;  ///< likewise
    std::vector<bool> ordered_;       ///< likewise: named by an `after:` or has one
    std::vector<bool> has_twin_;      ///< likewise
    std::vector<bool> may_join_;      ///< likewise
    std::vector<bool> seen_;          ///< by TensorId: by others than its readers
};

}  // namespace

std::vector<Chain> find_chains(const Graph& graph, const Plan& plan, const LaneChoice& lanes) {
    return ChainFinder(graph, plan, lanes).find();
}

std::int64_t bytes_of_pieces(const Graph& graph, const std::vector<OperationId>& chain,
                             const std::vector<Tile>& tiles) {
    std::int64_t element_bytes = 0;
    for (const OperationId id : chain)
        element_bytes = std::max(element_bytes, static_cast<std::int64_t>(size_of(graph[graph[id].outputs[0]].dtype)));
    std::int64_t most = 0;
    for (const Tile& tile : tiles) {
        const PieceCut cut = piece_cut(tile.box);
        most = std::max(most, 2 * aligned(cut.rows * cut.row_elements * element_bytes));
    }
    return most;
}

}  // namespace maniple
