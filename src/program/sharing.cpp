#include "program/sharing.hpp"

#include <algorithm>

namespace maniple {

namespace {

class SharingFinder {
public:
    SharingFinder(const Graph& graph, const Layout& layout)
        : graph_(graph), layout_(layout), may_share_(graph.tensors.size(), true), position_(graph.operations.size()) {
        for (std::size_t i = 0; i < position_.size(); ++i) position_[i] = i;
        for (const std::vector<OperationId>& chain : layout.chains) {
            for (const OperationId id : chain) position_[id.index()] = chain.back().index();
        }
        for (const GraphOutput& output : graph.outputs) {
            exclude(output.tensor);
            exclude(output.after_carry);
        }
        for (const Carry& carry : graph.carries) exclude(carry.value);
        exclude(graph.until);
        for (const Operation& operation : graph.operations) {
            if (operation.twin_of.valid()) exclude_compared(operation);
        }
        for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
            if (!stands_alone(TensorId(i))) may_share_[i] = false;
        }
    }

    std::vector<TensorId> find() {
        std::vector<TensorId> before(graph_.tensors.size());
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            for (const TensorId output : graph_.operations[i].outputs) {
                if (!may_share_[output.index()]) continue;
                before[output.index()] = take_over(output, OperationId(i));
                free_.push_back(output);
            }
        }
        return before;
    }

private:
    void exclude(TensorId id) {
        if (id.valid()) may_share_[id.index()] = false;
    }

    void exclude_compared(const Operation& twin) {
        for (const TensorId output : twin.outputs) exclude(output);
        for (const TensorId output : graph_[twin.twin_of].outputs) exclude(output);
    }

    /// One instance in one slot, of bytes on this rank, read either before the loop alone or within it.
    bool stands_alone(TensorId id) const {
        const Tensor& tensor = graph_[id];
        if (tensor.kind != Tensor::Kind::computed || tensor.readers.empty()) return false;
        const auto number = static_cast<std::size_t>(layout_.versions[id].family);
        const Family& family = layout_.versions.families[number];
        const bool one = family.head == id && family.slots == 1 && layout_.instances[number].size() == 1;
        return one && !layout_.instances[number][0].box.empty() && !layout_.chained[tensor.producer.index()] &&
               std::all_of(tensor.readers.begin(), tensor.readers.end(),
                           [&](OperationId reader) { return graph_[reader].in_loop == tensor.in_loop; });
    }

    const Box& box_of(TensorId id) const {
        return layout_.instances[static_cast<std::size_t>(layout_.versions[id].family)][0].box;
    }

    /// The newest tensor that is done with when `producer` begins.
    TensorId take_over(TensorId id, OperationId producer) {
        for (std::size_t i = free_.size(); i-- > 0 && free_.size() - i <= most_looked_at;) {
            const TensorId other = free_[i];
            if (!fits(other, id) || !is_done_with(other, producer)) continue;
            free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
            return other;
        }
        return {};
    }

    bool fits(TensorId earlier, TensorId later) const {
        return graph_[earlier].in_loop == graph_[later].in_loop && box_of(earlier) == box_of(later) &&
               size_of(graph_[earlier].dtype) == size_of(graph_[later].dtype);
    }

    bool is_done_with(TensorId id, OperationId producer) const {
        return std::all_of(graph_[id].readers.begin(), graph_[id].readers.end(), [&](OperationId reader) {
            int budget = most_steps_back;
            return position_[reader.index()] < producer.index() && waits_for(producer, reader, budget);
        });
    }

    /// Whether `later` follows from what `earlier` makes, through a few operations at most.
    bool waits_for(OperationId later, OperationId earlier, int& budget) const {
        if (later == earlier) return true;
        if (later < earlier || --budget < 0) return false;
        return std::any_of(graph_[later].inputs.begin(), graph_[later].inputs.end(), [&](TensorId input) {
            return graph_[input].kind == Tensor::Kind::computed && waits_for(graph_[input].producer, earlier, budget);
        });
    }

    static constexpr int most_steps_back = 64;
    /// Of the tensors that are free: bounds the search.
    static constexpr std::size_t most_looked_at = 16;
    const Graph& graph_;
    const Layout& layout_;
    std::vector<bool> may_share_;        ///< by TensorId
    std::vector<std::size_t> position_;  ///< by OperationId: where it is computed
    std::vector<TensorId> free_;         ///< made, and not taken over yet
};

}  // namespace

std::vector<TensorId> find_sharing(const Graph& graph, const Layout& layout) {
    return SharingFinder(graph, layout).find();
}

}  // namespace maniple
