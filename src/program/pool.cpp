#include "program/pool.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/whole_numbers.hpp"
#include "program/blocks.hpp"
#include "program/large_pieces.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

namespace {

class PoolMaker {
public:
    PoolMaker(const Graph& graph, const Plan& plan, Layout& layout)
        : graph_(graph), plan_(plan), layout_(layout), lives_(layout.buffers.size()),
          stays_(layout.buffers.size(), false) {}

    void make() {
        if (graph_.loop) find_what_stays();
        find_lives();
        std::vector<BufferId> pooled;
        for (std::size_t i = 0; i < layout_.buffers.size(); ++i) {
            if (may_move(BufferId(i))) pooled.emplace_back(i);
        }
        if (pooled.empty()) return;
        std::stable_sort(pooled.begin(), pooled.end(),
                         [&](BufferId a, BufferId b) { return layout_[a].bytes() > layout_[b].bytes(); });
        std::vector<BufferId> by_time = pooled;
        std::stable_sort(by_time.begin(), by_time.end(),
                         [&](BufferId a, BufferId b) { return life(a).first < life(b).first; });
        std::vector<std::int64_t> best = places_in_time(by_time);
        std::int64_t least = end_of(by_time, best);
        if (pooled.size() <= most_compared) {
            std::vector<std::int64_t> other = places(pooled);
            if (const std::int64_t end = end_of(pooled, other); end <= least) {
                store(pooled, other, end);
                return;
            }
        }
        store(by_time, best, least);
    }

private:
    const Life& life(BufferId id) const { return lives_[id.index()]; }

    BufferId root_of(BufferId id) const {
        while (layout_[id].storage.valid()) id = layout_[id].storage;
        return id;
    }

    bool may_move(BufferId id) const {
        const BufferSpec& buffer = layout_[id];
        return buffer.memory == Memory{} && !buffer.storage.valid() && buffer.bytes() > 0 && !stays_[id.index()];
    }

    // --- What is needed when -------------------------------------------------------------------------------------

    /// What outlives a step.
    void find_what_stays() {
        std::vector<bool> seen(graph_.tensors.size(), false);
        for (const GraphOutput& output : graph_.outputs) {
            seen[output.tensor.index()] = true;
            if (output.after_carry.valid()) seen[output.after_carry.index()] = true;
        }
        for (const Carry& carry : graph_.carries) seen[carry.value.index()] = true;
        if (graph_.until.valid()) seen[graph_.until.index()] = true;
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
            if (seen[i] || !is_made_and_read_at_once(TensorId(i))) keep(TensorId(i));
        }
    }

    bool is_made_and_read_at_once(TensorId id) const {
        const Tensor& tensor = graph_[id];
        if (tensor.kind != Tensor::Kind::computed) return false;
        const bool in_loop = graph_[tensor.producer].in_loop;
        const int number = layout_.versions[id].family;
        return layout_.versions.families[static_cast<std::size_t>(number)].slots == 1 &&
               layout_.versions.members_of(number).size() == 1 &&
               std::all_of(tensor.readers.begin(), tensor.readers.end(),
                           [&](OperationId reader) { return graph_[reader].in_loop == in_loop; });
    }

    void keep(TensorId id) {
        const int slots = layout_.versions.families[static_cast<std::size_t>(layout_.versions[id].family)].slots;
        for (const Instance& instance : layout_.instances_of(id)) {
            for (std::size_t slot = 0; slot < static_cast<std::size_t>(slots) && instance.first.valid(); ++slot)
                stays_[root_of(BufferId(instance.first.index() + slot)).index()] = true;
        }
    }

    /// A step that does everything that any step does.
    BlockShape whole_step() const {
        StepBlock block;
        set_first_block(graph_, layout_.versions, block);
        BlockShape shape = block.shape;
        shape.steps = 1;
        shape.holds = false;
        shape.observed.resize(graph_.outputs.size());
        std::iota(shape.observed.begin(), shape.observed.end(), std::size_t{0});
        shape.decides = graph_.until.valid() ? 1 : 0;
        return shape;
    }

    void find_lives() {
        // Nothing shares bytes yet: all of it is there as if there were room for all.
        layout_.mirrors.resize(layout_.buffers.size());
        const Program program = build_program_in_large_pieces(graph_, plan_, layout_, whole_step());
        for (const Instruction& of : program.instructions) {
            for (const Use& use : of.reads) touch(use.buffer, of.position);
            for (const Use& use : of.writes) touch(use.buffer, of.position);
        }
    }

    void touch(BufferId id, int position) {
        Life& life = lives_[root_of(id).index()];
        if (life.last < life.first) life = {position, position};
        life.first = std::min(life.first, position);
        life.last = std::max(life.last, position);
    }

    // --- Where it lies -------------------------------------------------------------------------------------------

    static std::int64_t aligned(std::int64_t bytes) {
        constexpr auto unit = static_cast<std::int64_t>(HostBytes::alignment);
        return capped_product((bytes / unit) + (bytes % unit > 0 ? 1 : 0), unit);
    }

    struct Stretch {
        std::int64_t first = 0;
        std::int64_t end = 0;
    };

    /// The same of buffers in the order in which they are first needed: near-linear.
    std::vector<std::int64_t> places_in_time(const std::vector<BufferId>& order) const {
        std::vector<std::int64_t> at;
        std::vector<std::size_t> there;  // of order, by where they lie
        std::vector<Stretch> taken;
        for (std::size_t i = 0; i < order.size(); ++i) {
            if (life(order[i]).last < life(order[i]).first) {
                at.push_back(0);  // never used
                continue;
            }
            std::erase_if(there, [&](std::size_t other) { return life(order[other]).last < life(order[i]).first; });
            taken.clear();
            for (const std::size_t other : there)
                taken.push_back({at[other], capped_sum(at[other], aligned(layout_[order[other]].bytes()))});
            at.push_back(gap_for(aligned(layout_[order[i]].bytes()), taken));
            const auto behind =
                std::find_if(there.begin(), there.end(), [&](std::size_t other) { return at[other] > at[i]; });
            there.insert(behind, i);
        }
        return at;
    }

    /// Of each buffer in turn: the narrowest gap between those that are there at the same time and have a place.
    std::vector<std::int64_t> places(const std::vector<BufferId>& order) const {
        std::vector<std::int64_t> at;
        std::vector<Stretch> taken;
        for (std::size_t i = 0; i < order.size(); ++i) {
            taken.clear();
            for (std::size_t j = 0; j < i; ++j) {
                if (life(order[i]).overlaps(life(order[j])))
                    taken.push_back({at[j], capped_sum(at[j], aligned(layout_[order[j]].bytes()))});
            }
            std::sort(taken.begin(), taken.end(), [](const Stretch& a, const Stretch& b) { return a.first < b.first; });
            at.push_back(gap_for(aligned(layout_[order[i]].bytes()), taken));
        }
        return at;
    }

    static std::int64_t gap_for(std::int64_t bytes, const std::vector<Stretch>& taken) {
        std::int64_t end = 0, best = -1, narrowest = std::numeric_limits<std::int64_t>::max();
        for (const Stretch& stretch : taken) {
            const std::int64_t gap = stretch.first - end;
            if (gap >= bytes && gap < narrowest) {
                narrowest = gap;
                best = end;
            }
            end = std::max(end, stretch.end);
        }
        return best >= 0 ? best : end;
    }

    std::int64_t end_of(const std::vector<BufferId>& order, const std::vector<std::int64_t>& at) const {
        std::int64_t end = 0;
        for (std::size_t i = 0; i < order.size(); ++i)
            end = std::max(end, capped_sum(at[i], layout_[order[i]].bytes()));
        return end;
    }

    void store(const std::vector<BufferId>& order, const std::vector<std::int64_t>& at, std::int64_t bytes) {
        BufferSpec pool;
        pool.name = "pool";
        pool.box = Box(Extents{0}, Extents{bytes});
        pool.element_bytes = 1;
        layout_.buffers.push_back(std::move(pool));
        layout_.pool = BufferId(layout_.buffers.size() - 1);
        layout_.lives.resize(layout_.buffers.size());
        for (std::size_t i = 0; i < order.size(); ++i) {
            BufferSpec& buffer = layout_.buffers[order[i].index()];
            buffer.storage = layout_.pool;
            buffer.pool_byte = at[i];
            layout_.lives[order[i].index()] = life(order[i]);
        }
    }

    static constexpr std::size_t most_compared = 2000;  ///< places() costs their square
    const Graph& graph_;
    const Plan& plan_;
    Layout& layout_;
    std::vector<Life> lives_;  ///< by buffer, of those with bytes of their own
    std::vector<bool> stays_;  ///< likewise
};

}  // namespace

void put_in_pool(const Graph& graph, const Plan& plan, Layout& layout) { PoolMaker(graph, plan, layout).make(); }

}  // namespace maniple
