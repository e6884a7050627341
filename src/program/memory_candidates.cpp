#include "program/memory_candidates.hpp"

#include <algorithm>

#include "base/whole_numbers.hpp"
#include "plan/block_cost.hpp"

namespace maniple {

namespace {

/// What is computed again for one tensor, at most.
constexpr std::size_t most_made = 24;
/// What is so much smaller than the tensor is rather kept for longer than made again.
constexpr std::int64_t small_part = 8;
/// A stretch of a file, and its bytes in a nanosecond (cluster/rates.hpp): the same on every machine.
constexpr double file_ns = 200'000, file_bytes = 0.5;

class CandidateFinder {
public:
    CandidateFinder(const Graph& graph, const Plan& plan, const Layout& layout, bool spills)
        : graph_(graph), plan_(plan), layout_(layout), spills_(spills), position_(graph.operations.size()) {
        for (std::size_t i = 0; i < position_.size(); ++i) position_[i] = position_of(OperationId(i));
        for (const std::vector<OperationId>& chain : layout.chains) {
            for (const OperationId id : chain) position_[id.index()] = position_of(chain.back());
        }
        const std::vector<std::int64_t> live = live_bytes(layout);
        peak_ = static_cast<int>(std::max_element(live.begin(), live.end()) - live.begin());
    }

    std::vector<MemoryCandidate> find() {
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) look_at(TensorId(i));
        std::stable_sort(found_.begin(), found_.end(),
                         [](const MemoryCandidate& a, const MemoryCandidate& b) { return a.bytes > b.bytes; });
        return std::move(found_);
    }

private:
    int position_of(OperationId id) const {
        return id.value + (graph_[id].in_loop ? static_cast<int>(graph_.operations.size()) : 0);
    }
    int at(OperationId id) const { return position_[id.index()]; }

    BufferId buffer_of(TensorId id) const { return layout_.instances_of(id)[0].first; }

    std::int64_t bytes_of(TensorId id) const {
        std::int64_t bytes = 0;
        for (const Instance& instance : layout_.instances_of(id)) {
            const bool there = instance.first.valid() && layout_[instance.first].memory == Memory{};
            if (there) bytes = capped_sum(bytes, layout_[instance.first].bytes());
        }
        return bytes;
    }

    bool is_loaded(TensorId id) const { return graph_[id].kind != Tensor::Kind::computed; }

    /// Whether it is in memory at its cost or for nothing from `from` on, as it is.
    bool is_there(TensorId id, OperationId before) const {
        const BufferId buffer = buffer_of(id);
        if (!buffer.valid()) return !is_loaded(id);  // on other ranks
        if (layout_[buffer].memory.kind == Memory::Kind::piece) return false;
        if (layout_[buffer].memory.kind == Memory::Kind::file) return true;
        const BufferId root = root_of(buffer);
        return layout_.lives[root.index()].last < layout_.lives[root.index()].first ||
               layout_.lives[root.index()].last >= at(before);
    }

    /// The one whose bytes count: itself, or what it lies in.
    BufferId root_of(BufferId id) const {
        while (layout_[id].storage.valid() && layout_[id].pool_byte < 0) id = layout_[id].storage;
        return id;
    }

    /// The first of the readers after the peak, if it was used before and is not used in it.
    OperationId late_reader(TensorId id) const {
        const Tensor& tensor = graph_[id];
        bool before = !is_loaded(id) && at(tensor.producer) < peak_;
        OperationId late;
        for (const OperationId reader : tensor.readers) {
            if (at(reader) == peak_) return {};
            if (at(reader) < peak_) {
                before = true;
            } else if (!late.valid()) {
                late = reader;
            }
        }
        if (!is_loaded(id) && at(tensor.producer) >= peak_) return {};
        return before ? late : OperationId{};
    }

    void look_at(TensorId id) {
        const Tensor& tensor = graph_[id];
        if (tensor.readers.size() < 2 && (is_loaded(id) || tensor.readers.empty())) return;
        if (is_loaded(id) && graph_.loop) return;
        const std::int64_t bytes = bytes_of(id);
        const BufferId buffer = buffer_of(id);
        if (bytes == 0 || !buffer.valid()) return;
        const Life& life = layout_.lives[root_of(buffer).index()];
        if (life.first >= peak_ || life.last <= peak_) return;
        const OperationId late = late_reader(id);
        if (!late.valid()) return;
        MemoryCandidate candidate;
        candidate.step.before = late;
        candidate.bytes = bytes;
        if (add_made(id, bytes, candidate)) found_.push_back(candidate);
        if (spills_ && !is_loaded(id) && graph_[tensor.producer].keeping == Operation::Keeping::none) {
            candidate.step.kind = MemoryStep::Kind::spill;
            candidate.step.made = {id};
            candidate.ns = 2 * (file_ns + static_cast<double>(bytes) / file_bytes);
            found_.push_back(std::move(candidate));
        }
    }

    /// What it is made of comes first.
    bool add_made(TensorId id, std::int64_t bytes, MemoryCandidate& to) const {
        std::vector<TensorId>& made = to.step.made;
        if (std::find(made.begin(), made.end(), id) != made.end()) return true;
        if (made.size() >= most_made) return false;
        if (is_loaded(id)) {
            made.push_back(id);
            to.ns += static_cast<double>(graph_[id].bytes()) / plan_.ranks;
            return true;
        }
        const Operation& producer = graph_[graph_[id].producer];
        if (producer.joins) return false;
        for (const TensorId input : producer.inputs) {
            const bool kept =
                is_there(input, to.step.before) || (bytes_of(input) > 0 && bytes_of(input) * small_part <= bytes &&
                                                    graph_[input].in_loop == graph_[id].in_loop);
            if (!kept && (graph_.loop && is_loaded(input))) return false;
            if (!kept && !add_made(input, bytes, to)) return false;
        }
        if (made.size() >= most_made) return false;
        made.push_back(id);
        to.ns +=
            producer.has_code()
                ? work_ns(graph_, producer, static_cast<double>(producer.bound->index_space().volume()) / plan_.ranks)
                : file_ns + static_cast<double>(bytes) / file_bytes;
        return true;
    }

    const Graph& graph_;
    const Plan& plan_;
    const Layout& layout_;
    bool spills_;
    std::vector<int> position_;  ///< by OperationId: where it is computed
    int peak_ = 0;               ///< the position at which most is there
    std::vector<MemoryCandidate> found_;
};

}  // namespace

std::vector<std::int64_t> live_bytes(const Layout& layout) {
    std::vector<double> change;
    std::int64_t always = layout.piece_bytes * layout.lanes.threads;
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
        const BufferSpec& buffer = layout.buffers[i];
        if (buffer.pool_byte < 0) {
            const bool is_pool = layout.pool == BufferId(i);
            if (buffer.memory == Memory{} && !buffer.storage.valid() && !is_pool)
                always = capped_sum(always, buffer.bytes());
            continue;
        }
        const Life& life = layout.lives[i];
        if (life.last < life.first) continue;
        const auto end = static_cast<std::size_t>(life.last + 2);
        if (change.size() <= end) change.resize(end + 1, 0);
        change[static_cast<std::size_t>(life.first + 1)] += static_cast<double>(buffer.bytes());
        change[end] -= static_cast<double>(buffer.bytes());
    }
    // Position -1 is that of 0: what is loaded before the first operation.
    std::vector<std::int64_t> live(std::max<std::size_t>(1, change.size()), always);
    constexpr double most = 0x1p62;
    double sum = 0;
    for (std::size_t i = 0; i < change.size(); ++i) {
        sum += change[i];
        live[i == 0 ? 0 : i - 1] = capped_sum(always, static_cast<std::int64_t>(std::min(sum, most)));
    }
    return live;
}

std::vector<MemoryCandidate> memory_candidates(const Graph& graph, const Plan& plan, const Layout& layout,
                                               bool spills) {
    return layout.lives.empty() ? std::vector<MemoryCandidate>{} : CandidateFinder(graph, plan, layout, spills).find();
}

}  // namespace maniple
