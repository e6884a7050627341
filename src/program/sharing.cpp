#include "program/sharing.hpp"

#include <algorithm>
#include <array>

namespace maniple {

namespace {

class SharingFinder {
public:
    SharingFinder(const Graph& graph, const Layout& layout, const DeviceBoxes& boxes, const std::vector<bool>& stays)
        : graph_(graph), layout_(layout), boxes_(boxes), stays_(stays), gives_(graph.tensors.size(), true),
          takes_(graph.tensors.size(), true), position_(graph.operations.size()) {
        for (std::size_t i = 0; i < position_.size(); ++i) position_[i] = i;
        for (std::size_t i = 0; i < graph.tensors.size(); ++i) root_.emplace_back(i);
        for (const std::vector<OperationId>& chain : layout.chains) {
            for (const OperationId id : chain) position_[id.index()] = chain.back().index();
        }
        once_ = !graph.loop && std::none_of(graph.tensors.begin(), graph.tensors.end(),
                                            [](const Tensor& tensor) { return tensor.microbatch >= 0; });
        for (const GraphOutput& output : graph.outputs) keep_result(output);
        for (const Carry& carry : graph.carries) exclude(carry.value);
        exclude(graph.until);
        first_producer_.reserve(graph.operations.size() + 1);
        for (const Operation& operation : graph.operations) {
            if (operation.twin_of.valid()) exclude_compared(operation);
            if (operation.joins) exclude(operation.outputs[0]);  // there from its first piece on
            list_producers(operation);
        }
        first_producer_.push_back(producers_.size());
        last_read_.resize(graph.tensors.size(), 0);
        for (std::size_t i = 0; i < graph.tensors.size(); ++i) look_at(TensorId(i));
    }

    std::vector<TensorId> find() {
        std::vector<TensorId> before(graph_.tensors.size());
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
            if (graph_.tensors[i].kind != Tensor::Kind::computed && gives_[i]) free_[0].emplace_back(i);
        }
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            for (const TensorId output : graph_.operations[i].outputs) {
                if (takes_[output.index()]) before[output.index()] = take_over(output, OperationId(i));
                if (before[output.index()].valid()) root_[output.index()] = root_[before[output.index()].index()];
                if (!gives_[output.index()]) continue;
                if (graph_[output].microbatch < 0) free_[0].push_back(output);
                if (graph_[output].microbatch >= 0 && graph_[output].alive == 1) free_[1].push_back(output);
            }
        }
        return before;
    }

private:
    /// The search for a way back asks for them again and again.
    void list_producers(const Operation& operation) {
        first_producer_.push_back(producers_.size());
        for (const TensorId input : operation.inputs) {
            if (graph_[input].kind == Tensor::Kind::computed) producers_.push_back(graph_[input].producer);
        }
    }

    void exclude(TensorId id) {
        if (!id.valid()) return;
        gives_[id.index()] = false;
        takes_[id.index()] = false;
    }

    /// It is read after all operations. In a loop some steps write one, and others do not.
    void keep_result(const GraphOutput& output) {
        gives_[output.tensor.index()] = false;
        if (!once_) exclude(output.tensor);
        exclude(output.after_carry);
    }

    void look_at(TensorId id) {
        if (!gives_[id.index()] && !takes_[id.index()]) return;
        if (!stands_alone(id)) return exclude(id);
        if (graph_[id].kind != Tensor::Kind::computed) takes_[id.index()] = false;
        if (graph_[id].readers.empty()) gives_[id.index()] = false;
        for (const OperationId reader : graph_[id].readers)
            last_read_[id.index()] = std::max(last_read_[id.index()], position_[reader.index()]);
    }

    void exclude_compared(const Operation& twin) {
        for (const TensorId output : twin.outputs) exclude(output);
        for (const TensorId output : graph_[twin.twin_of].outputs) exclude(output);
    }

    /// One instance in one slot, of bytes on this rank, read either before the loop alone or within it.
    bool stands_alone(TensorId id) const {
        const Tensor& tensor = graph_[id];
        const bool is_computed = tensor.kind == Tensor::Kind::computed;
        if (!is_computed && (!once_ || tensor.kind == Tensor::Kind::constant)) return false;
        const auto number = static_cast<std::size_t>(layout_.versions[id].family);
        const Family& family = layout_.versions.families[number];
        const bool one = family.head == id && family.slots == 1 && layout_.instances[number].size() == 1;
        return one && !layout_.instances[number][0].box.empty() &&
               !(is_computed && layout_.chained[tensor.producer.index()]) &&
               (graph_.carries.empty() || is_read_where_made(tensor));
    }

    /// Before the loop or within it, and not both. Without a carry nothing is in the loop.
    bool is_read_where_made(const Tensor& tensor) const {
        return std::all_of(tensor.readers.begin(), tensor.readers.end(),
                           [&](OperationId reader) { return graph_[reader].in_loop == tensor.in_loop; });
    }

    const Box& box_of(TensorId id) const {
        return layout_.instances[static_cast<std::size_t>(layout_.versions[id].family)][0].box;
    }

    /// The newest tensor that is done with when `producer` begins. Of a batch in pieces, what one stage hands on to another
    /// only follows an earlier piece of itself, so that it is there for so many microbatches and no more.
    TensorId take_over(TensorId id, OperationId producer) {
        const Tensor& tensor = graph_[id];
        if (tensor.microbatch >= 0 && tensor.alive != 1) {
            const bool fits_there =
                tensor.follows.valid() && gives_[tensor.follows.index()] && fits(tensor.follows, id);
            return fits_there ? tensor.follows : TensorId{};
        }
        std::vector<TensorId>& free = free_[tensor.microbatch >= 0 ? 1 : 0];
        for (std::size_t i = free.size(); i-- > 0 && free.size() - i <= most_looked_at;) {
            const TensorId other = free[i];
            if (last_read_[other.index()] >= producer.index()) continue;
            // What has been read in the order of the graph, which is that of the ranks' tasks, is free for other pieces.
            const bool before = graph_[other].microbatch != tensor.microbatch;
            if (!fits(other, id) || !(before || is_done_with(other, producer))) continue;
            free.erase(free.begin() + static_cast<std::ptrdiff_t>(i));
            return other;
        }
        return {};
    }

    /// What nobody reads needs no halo, and is content with one. Pieces of a batch have other rows, and some one row less.
    bool fits(TensorId earlier, TensorId later) const {
        if (graph_[earlier].in_loop != graph_[later].in_loop ||
            size_of(graph_[earlier].dtype) != size_of(graph_[later].dtype) || !lies_alike(earlier, later))
            return false;
        const Box& there = box_of(root_[earlier.index()]);
        const Box& here = box_of(later);
        if (graph_[later].readers.empty() && there.rank() == here.rank() && there.contains(here)) return true;
        if (graph_[later].microbatch < 0 || !boxes_.empty()) return there == here;
        for (int axis = 1; axis < here.rank(); ++axis) {
            if (there.extent(axis) != here.extent(axis)) return false;
        }
        return there.rank() == here.rank() && here.extent(0) <= there.extent(0);
    }

    /// In the memories of gpu lanes.
    bool lies_alike(TensorId earlier, TensorId later) const {
        if (boxes_.empty()) return true;
        const auto there = static_cast<std::size_t>(layout_.versions[root_[earlier.index()]].family);
        const auto here = static_cast<std::size_t>(layout_.versions[later].family);
        return stays_[there] == stays_[here] && boxes_[there][0] == boxes_[here][0];
    }

    /// Requires: all that read it are computed before.
    bool is_done_with(TensorId id, OperationId producer) const {
        return std::all_of(graph_[id].readers.begin(), graph_[id].readers.end(), [&](OperationId reader) {
            int budget = most_steps_back;
            return waits_for(producer, reader, budget);
        });
    }

    /// Whether `later` follows from what `earlier` makes, through a few operations at most.
    bool waits_for(OperationId later, OperationId earlier, int& budget) const {
        if (later == earlier) return true;
        if (later < earlier || --budget < 0) return false;
        for (std::size_t i = first_producer_[later.index()]; i < first_producer_[later.index() + 1]; ++i) {
            if (waits_for(producers_[i], earlier, budget)) return true;
        }
        return false;
    }

    static constexpr int most_steps_back = 64;
    /// Of the tensors that are free: bounds the search.
    static constexpr std::size_t most_looked_at = 16;
    const Graph& graph_;
    const Layout& layout_;
    const DeviceBoxes& boxes_;
    const std::vector<bool>& stays_;      ///< by family
    bool once_ = false;                   ///< there is no loop, and no batch is cut into pieces
    std::vector<bool> gives_;             ///< by TensorId: its memory may be taken over
    std::vector<bool> takes_;             ///< by TensorId: it may take over another's
    std::vector<std::size_t> position_;   ///< by OperationId: where it is computed
    std::vector<std::size_t> last_read_;  ///< by TensorId, of those that may share: the last of its readers' places
    std::array<std::vector<TensorId>, 2> free_;  ///< made, and not taken over yet; pieces that stay in a stage apart
    std::vector<OperationId> producers_;         ///< of the inputs that are computed, operation by operation
    std::vector<std::size_t> first_producer_;    ///< by OperationId; one more than there are operations
    std::vector<TensorId> root_;                 ///< by TensorId: the first of those whose memory it has
};

}  // namespace

std::vector<TensorId> find_sharing(const Graph& graph, const Layout& layout, const DeviceBoxes& boxes,
                                   const std::vector<bool>& stays) {
    return SharingFinder(graph, layout, boxes, stays).find();
}

}  // namespace maniple
