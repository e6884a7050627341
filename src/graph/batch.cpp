#include "graph/batch.hpp"

#include <algorithm>
#include <numeric>

namespace maniple {

namespace {

/// Whether an axis is followed by `index`, one by one.
bool is_plain(const AxisMap& map, int index) {
    return !map.whole && !map.leaves && map.terms.size() == 1 && map.terms[0].index == index &&
           map.terms[0].coefficient == 1 && map.lo == 0 && map.hi == 0;
}

bool depends_on(const AxisMap& map, int index) {
    return std::any_of(map.terms.begin(), map.terms.end(),
                       [&](const AxisMap::Term& term) { return term.index == index; });
}

/// The loop index that is the first axis of all outputs, if its points can be computed apart; -1: none.
int row_index(const Graph& graph, const Operation& operation) {
    int index = -1;
    for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
        const BoundAccess& write = operation.bound->writes[i];
        if (write.axes.empty() || write.axes[0].terms.size() != 1) return -1;
        const int first = write.axes[0].terms[0].index;
        if (!is_plain(write.axes[0], first) || (index >= 0 && first != index)) return -1;
        index = first;
        const BoundSignature::Index& loop = operation.bound->indices[static_cast<std::size_t>(index)];
        const bool cuttable = !loop.whole && !loop.contracted && loop.extent >= 2;
        if (!cuttable || graph[operation.outputs[i]].shape[0] != loop.extent) return -1;
    }
    for (const BoundAccess& read : operation.bound->reads) {
        for (std::size_t axis = 0; axis < read.axes.size(); ++axis) {
            if (depends_on(read.axes[axis], index) && (axis > 0 || !is_plain(read.axes[axis], index))) return -1;
        }
    }
    return index;
}

/// Which inputs are read by rows alone.
std::vector<bool> inputs_by_rows(const Graph& graph, const Operation& operation, int index) {
    std::vector<bool> by_rows(operation.inputs.size(), true);
    for (const BoundAccess& read : operation.bound->reads) {
        const auto argument = static_cast<std::size_t>(read.argument);
        const bool rows = !read.axes.empty() && is_plain(read.axes[0], index) &&
                          graph[operation.inputs[argument]].shape[0] ==
                              operation.bound->indices[static_cast<std::size_t>(index)].extent;
        if (!rows) by_rows[argument] = false;
    }
    return by_rows;
}

class BatchFinder {
public:
    explicit BatchFinder(const Graph& graph) : graph_(graph), parent_(graph.tensors.size()) {
        std::iota(parent_.begin(), parent_.end(), std::size_t{0});
        for (const Operation& operation : graph.operations) {
            const int index = operation.joins ? -1 : row_index(graph, operation);
            batch_.index.push_back(index);
            batch_.by_rows.push_back(index < 0 ? std::vector<bool>(operation.inputs.size(), false)
                                               : inputs_by_rows(graph, operation, index));
        }
    }

    Batch find() {
        connect();
        keep_largest();
        find_joined();
        find_phases();
        return std::move(batch_);
    }

private:
    std::size_t root(TensorId id) {
        std::size_t i = id.index();
        while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
        return i;
    }
    void join(TensorId a, TensorId b) {
        const std::size_t first = root(a), second = root(b);
        parent_[std::max(first, second)] = std::min(first, second);
    }

    /// Tensors whose rows stand for the same examples.
    void connect() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const Operation& operation = graph_.operations[i];
            if (batch_.index[i] < 0) continue;
            for (const TensorId output : operation.outputs) join(operation.outputs[0], output);
            for (std::size_t argument = 0; argument < operation.inputs.size(); ++argument) {
                if (batch_.by_rows[i][argument]) join(operation.outputs[0], operation.inputs[argument]);
            }
            // What a twin makes is compared row by row, also where no input is read by rows.
            if (operation.twin_of.valid()) join(operation.outputs[0], graph_[operation.twin_of].outputs[0]);
        }
        for (const Carry& carry : graph_.carries) join(carry.input, carry.value);
    }

    void keep_largest() {
        std::vector<double> work(graph_.tensors.size(), 0);
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const Operation& operation = graph_.operations[i];
            if (batch_.index[i] < 0 || operation.twin_of.valid()) continue;
            const auto points = static_cast<double>(operation.bound->index_space().volume());
            const double times = operation.in_loop ? static_cast<double>(graph_.steps) : 1;
            const auto touched = static_cast<double>(operation.inputs.size() + operation.outputs.size());
            work[root(operation.outputs[0])] += times * points * (operation.kernel->flops_per_point + touched);
        }
        const auto largest = static_cast<std::size_t>(std::max_element(work.begin(), work.end()) - work.begin());
        const bool any = !work.empty() && work[largest] > 0;
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            int& index = batch_.index[i];
            if (index < 0) continue;
            if (!any || root(graph_.operations[i].outputs[0]) != largest) {
                index = -1;
                batch_.by_rows[i].assign(batch_.by_rows[i].size(), false);
            } else {
                batch_.rows = graph_.operations[i].bound->indices[static_cast<std::size_t>(index)].extent;
            }
        }
    }

    bool is_made_by_rows(TensorId id) const {
        return graph_[id].kind == Tensor::Kind::computed && batch_.has(graph_[id].producer);
    }

    void find_joined() {
        batch_.is_joined.resize(graph_.tensors.size(), false);
        const auto need = [&](TensorId id) {
            if (id.valid() && is_made_by_rows(id)) batch_.is_joined[id.index()] = true;
        };
        for (const GraphOutput& output : graph_.outputs) {
            need(output.tensor);
            need(output.after_carry);
        }
        for (const Carry& carry : graph_.carries) need(carry.value);
        need(graph_.until);
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const std::vector<TensorId>& inputs = graph_.operations[i].inputs;
            for (std::size_t argument = 0; argument < inputs.size(); ++argument) {
                if (!batch_.by_rows[i][argument]) need(inputs[argument]);
            }
        }
    }

    void find_phases() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const Operation& operation = graph_.operations[i];
            int phase = 0;
            const auto follow = [&](OperationId before, bool by_rows) {
                const bool waits = batch_.has(before) && !by_rows;
                phase = std::max(phase, batch_.phase[before.index()] + (waits ? 1 : 0));
            };
            for (std::size_t argument = 0; argument < operation.inputs.size(); ++argument) {
                const Tensor& input = graph_[operation.inputs[argument]];
                if (input.kind == Tensor::Kind::computed) follow(input.producer, batch_.by_rows[i][argument]);
            }
            for (const OperationId before : operation.after) follow(before, false);
            batch_.phase.push_back(phase);
            batch_.phases = std::max(batch_.phases, phase + 1);
        }
    }

    const Graph& graph_;
    std::vector<std::size_t> parent_;  ///< by TensorId: another tensor of the same rows; itself at the end
    Batch batch_;
};

}  // namespace

Batch find_batch(const Graph& graph) { return BatchFinder(graph).find(); }

}  // namespace maniple
