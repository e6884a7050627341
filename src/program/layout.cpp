#include "program/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/whole_numbers.hpp"
#include "program/chains.hpp"
#include "program/combining.hpp"
#include "program/device_boxes.hpp"
#include "program/finishes.hpp"
#include "program/lane_claims.hpp"
#include "program/operation_kinds.hpp"
#include "program/pool.hpp"
#include "program/rank_points.hpp"
#include "program/recut.hpp"
#include "program/row_alignment.hpp"
#include "program/sharing.hpp"
#include "program/tails.hpp"
#include "program/tile_cost.hpp"
#include "program/tiles.hpp"
#include "program/wholes.hpp"

namespace maniple {

namespace {

/// Adds an axis in front: states are numbered along it.
Box with_parts(const Box& box, std::int64_t lo, std::int64_t hi) {
    Box result{Extents{lo}, Extents{hi}};
    for (int axis = 0; axis < box.rank(); ++axis) {
        result.lo.push_back(box.lo[axis]);
        result.hi.push_back(box.hi[axis]);
    }
    result.absent = box.absent;
    return result;
}

/// Staged bytes in flight on one gpu lane. What is larger goes in pieces.
constexpr std::int64_t most_staging_bytes = std::int64_t{16} << 20;
constexpr std::int64_t least_staging_bytes = std::int64_t{64} << 10;

class LayoutBuilder {
public:
    LayoutBuilder(const Graph& graph, const Plan& plan, Rank rank, const LaneChoice& lanes)
        : graph_(graph), plan_(plan), points_(graph, plan, rank) {
        layout_.rank = rank;
        layout_.lanes = lanes;
        in_place_ = first_in_place();
        layout_.versions = find_versions(graph, workers());
        if (plan.sharing == LaneSharing::adaptive) layout_.versions.single_steps = first_single_steps;
        if (plan.moves_borders) layout_.versions.settling_steps = settling_blocks * settling_block_steps;
        layout_.kinds = find_kinds(graph, plan);
        for (const std::int32_t kind : layout_.kinds) {
            if (facts_.size() <= static_cast<std::size_t>(kind)) facts_.resize(static_cast<std::size_t>(kind) + 1);
        }
        layout_.instances.resize(layout_.versions.families.size());
        layout_.folds.resize(graph.operations.size());
    }

    Layout build() {
        add_chains();
        layout_.tiles.reserve(graph_.operations.size());
        layout_.finishes.reserve(graph_.operations.size());
        layout_.buffers.reserve(layout_.versions.families.size());
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const OperationId id(i);
            add_tiles(id);
            layout_.finishes.emplace_back();
            if (facts_of(id).is_fold) layout_.finishes.back() = finish_shares(graph_, plan_, layout_, id);
            layout_.claimed.push_back(is_claimed_by_lanes(plan_, layout_.lanes, id));
            layout_.recuttable.push_back(may_recut(graph_, plan_, layout_.lanes, id));
        }
        share_tiles();
        for (std::size_t family = 0; family < layout_.versions.families.size(); ++family)
            add_family(static_cast<int>(family));
        const DeviceBoxes boxes =
            layout_.lanes.gpus.empty() ? DeviceBoxes{} : find_device_boxes(graph_, plan_, layout_);
        stays_on_a_gpu_ = find_what_stays_on_a_gpu(graph_, plan_, layout_);
        if (layout_.lanes.gpus.empty()) whole_of_ = find_wholes(graph_, plan_, layout_);
        if (!plan_.tight) sharing_ = find_sharing(graph_, layout_, boxes, stays_on_a_gpu_);
        for (std::size_t family = 0; family < layout_.versions.families.size(); ++family)
            allocate_family(static_cast<int>(family), boxes.empty() ? std::vector<std::vector<Box>>{} : boxes[family]);
        share_buffers();
        put_in_wholes();
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (facts_of(OperationId(i)).is_fold) add_fold(OperationId(i));
        }
        add_staging();
        if (plan_.tight && layout_.lanes.gpus.empty()) put_in_pool(graph_, plan_, layout_);
        add_claim_buffers(graph_, layout_);
        layout_.mirrors.resize(layout_.buffers.size());
        return std::move(layout_);
    }

private:
    void add_chains() {
        layout_.chains.resize(graph_.operations.size());
        layout_.chained.resize(graph_.operations.size(), false);
        if (!layout_.lanes.chains) return;
        for (Chain& chain : find_chains(graph_, plan_, layout_.lanes)) {
            const OperationId last = chain.operations.back();
            for (const OperationId id : chain.operations) layout_.chained[id.index()] = id != last;
            layout_.chains[last.index()] = std::move(chain.operations);
        }
    }

    /// All operations of a chain have the tiles of its last one.
    void share_tiles() {
        for (const std::vector<OperationId>& chain : layout_.chains) {
            if (chain.empty()) continue;
            const std::vector<Tile>& tiles = layout_.tiles[chain.back().index()];
            for (const OperationId id : chain) layout_.tiles.set_same(id.index(), chain.back().index());
            layout_.piece_bytes = std::max(layout_.piece_bytes, bytes_of_pieces(graph_, chain, tiles));
        }
    }

    /// Those of the product that it is the tail of, else its own; none where the rank computes nothing of it.
    void add_tiles(OperationId id) {
        if (!facts_of(id).has_points && plan_.claiming_ranks == 0) {
            layout_.tails.push_back(false);
            if (without_tiles_.valid()) return layout_.tiles.push_same(without_tiles_.index());
            without_tiles_ = id;
            return layout_.tiles.push_back({});
        }
        std::vector<Tile> tiles;
        if (facts_of(id).is_elementwise) tiles = tail_tiles(graph_, plan_, layout_, id);
        layout_.tails.push_back(!tiles.empty());
        if (!tiles.empty()) {
            const std::optional<OperationId> other = newest_tail_;
            const bool same = other && have_equal_tiles(tiles, layout_.tiles[other->index()]);
            newest_tail_ = id;
            if (same) return layout_.tiles.push_same(other->index());
            return layout_.tiles.push_back(std::move(tiles));
        }
        // On one rank with nothing but a cpu they follow from the kind and the cost of points.
        const double point_ns = tile_point_ns(layout_, layout_.lanes.point_ns, id);
        const bool alone = plan_.ranks == 1 && layout_.lanes.lanes.empty() && !plan_[id].claimable;
        KindFacts& facts = facts_of(id);
        if (alone && facts.cut.valid() && facts.cut_point_ns == point_ns)
            return layout_.tiles.push_same(facts.cut.index());
        layout_.tiles.push_back(cut_tiles(graph_, plan_, layout_.versions, id, layout_.rank, layout_.lanes, point_ns));
        facts.cut = id;
        facts.cut_point_ns = point_ns;
    }

    BufferId add_buffer(std::string name, const Box& box, std::int64_t element_bytes, Memory memory = {}) {
        if (checked_bytes(box.shape(), element_bytes) < 0)
            throw UnavailableError("'" + name + "' " + to_string(box) + " is too large");
        if (memory.kind == Memory::Kind::host) memory.gpu = in_place_;
        layout_.buffers.push_back({std::move(name), box, element_bytes, memory});
        return BufferId(layout_.buffers.size() - 1);
    }

    /// The counterpart of a host buffer in `memory`, for what its lane touches there.
    void add_mirror(BufferId host, int memory, const Box& box) {
        if (box.empty()) return;
        const int gpu = memory - 1;
        const BufferSpec spec = layout_[host];
        const BufferId mirror = add_buffer(fmt::format("{} on gpu {}", spec.name, gpu), box, spec.element_bytes,
                                           {Memory::Kind::device, gpu});
        layout_.mirrors.resize(layout_.buffers.size());
        std::vector<BufferId>& mirrors = layout_.mirrors[host.index()];
        mirrors.resize(layout_.lanes.gpus.size());
        mirrors[static_cast<std::size_t>(gpu)] = mirror;
    }

    void add_staging() {
        for (int gpu = 0; gpu < static_cast<int>(layout_.lanes.gpus.size()); ++gpu) {
            std::int64_t bytes = 0;
            for (const BufferSpec& buffer : layout_.buffers) {
                if (buffer.memory == Memory{Memory::Kind::device, gpu}) bytes = capped_sum(bytes, buffer.bytes());
            }
            const std::int64_t size = std::clamp(capped_product(2, bytes), least_staging_bytes, most_staging_bytes);
            layout_.staging.push_back(bytes == 0 ? BufferId{}
                                                 : add_buffer(fmt::format("staging of gpu {}", gpu),
                                                              Box(Extents{0}, Extents{size}), 1,
                                                              {Memory::Kind::staging, gpu}));
        }
    }

    void add_family(int number) {
        const Family& family = layout_.versions.families[static_cast<std::size_t>(number)];
        std::vector<Instance>& instances = layout_.instances[static_cast<std::size_t>(number)];
        const int rank = graph_[family.head].shape.rank();
        instances.push_back({{}, Box::nothing(rank), {}});
        for (const TensorId tensor : layout_.versions.members_of(number)) {
            grow(instances[0], owned_of(tensor));
            if (tensor == graph_.until) grow(instances[0], Box::whole(graph_[tensor].shape));
            for (const OperationId reader : graph_[tensor].readers) add_reader(reader, tensor, instances);
        }
        for (const CarryCopy& copy : layout_.versions.copies) {
            if (layout_.versions[copy.value].family == number)
                grow(instances[0], owned_box(graph_, plan_, copy.input, layout_.rank));
        }
        align_rows(family.head, instances);
    }

    /// Not where memory is scarce, nor where a gpu takes what its tiles touch.
    void align_rows(TensorId head, std::vector<Instance>& instances) {
        if (!layout_.lanes.gpus.empty() || plan_.tight || graph_[head].shape.rank() == 0) return;
        const Box owned = owned_of(head);
        const int last = owned.rank() - 1;
        const auto element_bytes = static_cast<std::int64_t>(size_of(graph_[head].dtype));
        for (Instance& instance : instances) {
            const bool has_halo = instance.box.lo[last] < owned.lo[last] || instance.box.hi[last] > owned.hi[last];
            if (has_halo && instance.box.contains(owned))
                instance.box = with_aligned_rows(instance.box, owned, element_bytes);
        }
    }

    static void grow(Instance& instance, const Box& box) {
        if (!instance.box.contains(box)) instance.box = bounding(instance.box, box);
    }

    void add_reader(OperationId reader, TensorId tensor, std::vector<Instance>& instances) {
        const Operation& operation = graph_[reader];
        const std::vector<BoundAccess>& reads = operation.bound->reads;
        const KindFacts& facts = facts_of(reader);
        for (std::size_t i = 0; i < reads.size(); ++i) {
            if (operation.inputs[static_cast<std::size_t>(reads[i].argument)] != tensor) continue;
            Instance& instance = instance_under(facts.reads[i].rule, instances);
            if (facts.has_points) grow(instance, facts.reads[i].box);
        }
    }

    // --- Kinds of operations -------------------------------------------------------------------------------------

    /// What all operations of a kind have in common.
    struct KindFacts {
        struct Read {
            BoundaryRule rule;
            Box box;
        };
        bool known = false;
        bool has_points = false;
        bool is_fold = false;
        bool is_elementwise = false;
        std::vector<Read> reads;  ///< by number in BoundSignature::reads: what the rank touches
        std::vector<Box> owned;   ///< by output
        OperationId cut;          ///< the last one with tiles of its own
        double cut_point_ns = 0;
    };

    KindFacts& facts_of(OperationId id) {
        KindFacts& facts = facts_[static_cast<std::size_t>(layout_.kinds[id.index()])];
        if (!facts.known) find_facts(id, facts);
        return facts;
    }

    void find_facts(OperationId id, KindFacts& facts) const {
        const Operation& operation = graph_[id];
        const Box points = points_of(graph_, plan_, id, layout_.rank);
        facts.known = true;
        facts.has_points = !points.empty();
        facts.is_fold = operation.kernel->is_fold();
        facts.is_elementwise = is_elementwise(operation);
        for (const BoundAccess& access : operation.bound->reads) {
            const TensorId tensor = operation.inputs[static_cast<std::size_t>(access.argument)];
            facts.reads.push_back({rule_of(operation, access.argument),
                                   facts.has_points ? touched_box(access, points, graph_[tensor].shape) : Box()});
        }
        for (const TensorId output : operation.outputs)
            facts.owned.push_back(owned_box(graph_, plan_, output, layout_.rank));
    }

    /// As owned_box().
    Box owned_of(TensorId id) {
        const Tensor& tensor = graph_[id];
        if (tensor.kind != Tensor::Kind::computed) return owned_box(graph_, plan_, id, layout_.rank);
        const std::vector<TensorId>& outputs = graph_[tensor.producer].outputs;
        const auto output = std::find(outputs.begin(), outputs.end(), id) - outputs.begin();
        return facts_of(tensor.producer).owned[static_cast<std::size_t>(output)];
    }

    /// The first rule that occurs becomes instance 0's; a different one gets an instance of its own.
    static Instance& instance_under(const BoundaryRule& rule, std::vector<Instance>& instances) {
        if (rule.empty() || instances[0].rule == rule) return instances[0];
        if (instances[0].rule.empty()) {
            instances[0].rule = rule;
            return instances[0];
        }
        for (Instance& instance : instances) {
            if (instance.rule == rule) return instance;
        }
        instances.push_back({rule, Box::nothing(static_cast<int>(rule.size())), {}});
        return instances.back();
    }

    void allocate_family(int number, const std::vector<std::vector<Box>>& device_boxes) {
        const Family& family = layout_.versions.families[static_cast<std::size_t>(number)];
        std::vector<Instance>& instances = layout_.instances[static_cast<std::size_t>(number)];
        const bool on_a_gpu = stays_on_a_gpu_[static_cast<std::size_t>(number)];
        const Tensor& head = graph_[family.head];
        if (head.kind == Tensor::Kind::computed && layout_.chained[head.producer.index()]) {
            // The coordinates are those of the tensor; there are no bytes behind them.
            instances[0].first = add_buffer(head.name + " in pieces", instances[0].box,
                                            static_cast<std::int64_t>(size_of(head.dtype)), {Memory::Kind::piece, -1});
            return;
        }
        if (takes_over(family.head) || lies_in_whole(family.head)) return;
        for (std::size_t i = 0; i < instances.size(); ++i) {
            if (on_a_gpu) instances[i].box = Box::nothing(instances[i].box.rank());
            allocate(instances[i], family, i, device_boxes.empty() ? std::vector<Box>{} : device_boxes[i]);
        }
    }

    bool lies_in_whole(TensorId id) const { return !whole_of_.empty() && whole_of_[id.index()].valid(); }

    void put_in_wholes() {
        for (std::size_t i = 0; i < whole_of_.size(); ++i) {
            if (!whole_of_[i].valid()) continue;
            const TensorId id(i);
            const Family& family = layout_.versions.families[static_cast<std::size_t>(layout_.versions[id].family)];
            Instance& instance = layout_.instances[static_cast<std::size_t>(layout_.versions[id].family)][0];
            for (int slot = 0; slot < family.slots; ++slot) {
                const BufferId storage(layout_.instances_of(whole_of_[i])[0].first.index() +
                                       static_cast<std::size_t>(slot));
                const BufferId piece = add_buffer(graph_[id].name, instance.box, layout_[storage].element_bytes);
                layout_.buffers.back().storage = storage;
                layout_.buffers.back().storage_row = instance.box.lo[0] - layout_[storage].box.lo[0];
                if (slot == 0) instance.first = piece;
            }
        }
    }

    bool takes_over(TensorId id) const { return !sharing_.empty() && sharing_[id.index()].valid(); }

    /// Those that take over the memory of an earlier one, which has its own by now: in the order of their producers.
    void share_buffers() {
        for (const Operation& operation : graph_.operations) {
            for (const TensorId output : operation.outputs) {
                if (!takes_over(output)) continue;
                const auto family = [&](TensorId id) { return static_cast<std::size_t>(layout_.versions[id].family); };
                const BufferId shared = layout_.instances[family(sharing_[output.index()])][0].first;
                Instance& instance = layout_.instances[family(output)][0];
                instance.first = shared;
                if (stays_on_a_gpu_[family(output)]) instance.box = Box::nothing(instance.box.rank());
                if (graph_[output].readers.empty()) instance.box = layout_[shared].box;
                if (instance.box != layout_[shared].box) {
                    // The same bytes under the coordinates of other rows.
                    const BufferId storage = layout_[shared].storage.valid() ? layout_[shared].storage : shared;
                    instance.first = add_buffer(graph_[output].name, instance.box, layout_[shared].element_bytes);
                    layout_.buffers.back().storage = storage;
                    continue;
                }
                std::string& name = layout_.buffers[shared.index()].name;
                if (name.size() < longest_shared_name) {
                    name += ", " + graph_[output].name;
                    if (name.size() >= longest_shared_name) name += ", …";
                }
            }
        }
    }

    Memory memory_of(const Tensor& tensor) const {
        const bool kept =
            tensor.kind == Tensor::Kind::computed && graph_[tensor.producer].keeping == Operation::Keeping::store;
        return {kept ? Memory::Kind::file : Memory::Kind::host, -1};
    }

    void allocate(Instance& instance, const Family& family, std::size_t number, const std::vector<Box>& boxes) {
        const Tensor& tensor = graph_[family.head];
        for (int slot = 0; slot < family.slots; ++slot) {
            std::string name = tensor.name;
            if (number > 0) name += fmt::format("/{}", number);
            if (family.slots > 1) name += fmt::format("@{}", slot);
            const BufferId id =
                add_buffer(name, instance.box, static_cast<std::int64_t>(size_of(tensor.dtype)), memory_of(tensor));
            if (slot == 0) instance.first = id;
        }
        for (int memory = 1; memory < layout_.lanes.memory_count(); ++memory) {
            for (int slot = 0; slot < family.slots; ++slot) {
                const BufferId host(instance.first.index() + static_cast<std::size_t>(slot));
                add_mirror(host, memory, boxes[static_cast<std::size_t>(memory)]);
            }
        }
    }

    void add_fold(OperationId id) {
        const Operation& operation = graph_[id];
        const std::int64_t bytes = operation.kernel->types[operation.types].state_bytes;
        const Box points = points_.of(id);
        FoldBuffers& fold = layout_.folds[id.index()];
        fold.by_tile = folds_by_tile(id, points);
        if (fold.by_tile) return;
        const Box results = results_of(graph_, plan_, id, layout_.rank);
        if (!points.empty()) {
            const Box kept = kept_of_points(operation, points);
            int parts = 1;
            for (const Tile& tile : layout_.tiles[id.index()]) parts = std::max(parts, tile.contracted_part + 1);
            if (parts > 1 && layout_.recuttable[id.index()]) parts = room_for_parts(graph_, plan_, layout_, id, parts);
            if (parts > 1) fold.tiles = add_buffer(operation.name + "/tile states", with_parts(kept, 0, parts), bytes);
            fold.own = add_buffer(operation.name + "/state",
                                  with_parts(kept, layout_.rank.value, layout_.rank.value + 1), bytes);
            mirror_states(id, fold);
        }
        if (plan_[id].combines) add_combining(id, results, bytes);
    }

    void add_combining(OperationId id, const Box& results, std::int64_t bytes) {
        const Combining combining = combining_on(graph_, plan_, id, layout_.rank);
        FoldBuffers& fold = layout_.folds[id.index()];
        const std::string& name = graph_[id].name;
        const bool whole = (combining.tree || combining.ring) && combining.member >= 0;
        const Box held = whole ? kept_of_points(graph_[id], points_of(graph_, plan_, id, layout_.rank)) : results;
        if (combining.ring) {
            fold.gathered = add_buffer(name + "/gathered state", with_parts(held, 0, 1), bytes);
        } else if (!combining.from.empty()) {
            fold.gathered = add_buffer(name + "/gathered states",
                                       with_parts(held, combining.first_member, combining.end_member), bytes);
        }
        if (combining.merges) fold.merged = add_buffer(name + "/merged state", with_parts(held, 0, 1), bytes);
    }

    /// Whether no state outlives a tile: each holds all elements of its results, and the cpu computes all of them.
    bool folds_by_tile(OperationId id, const Box& points) const {
        const bool states = plan_[id].combines || layout_.claimed[id.index()] || !layout_.lanes.folds_by_tile;
        if (states || points.empty()) return false;
        const Operation& operation = graph_[id];
        const std::vector<Tile>& tiles = layout_.tiles[id.index()];
        return std::all_of(tiles.begin(), tiles.end(), [&](const Tile& tile) {
            for (int index = 0; index < points.rank(); ++index) {
                const bool contracted = operation.bound->indices[static_cast<std::size_t>(index)].contracted;
                if (contracted && tile.box.extent(index) != points.extent(index)) return false;
            }
            return tile.lane == LaneChoice::cpu_lane;
        });
    }

    /// States of the tiles that each gpu lane computes in its memory.
    void mirror_states(OperationId id, const FoldBuffers& fold) {
        std::set<int> memories;
        for (const Tile& tile : layout_.tiles[id.index()]) memories.insert(layout_.lanes.memory_of(tile.lane));
        for (const int memory : memories) {
            if (memory == 0) continue;
            if (fold.tiles.valid()) add_mirror(fold.tiles, memory, layout_[fold.tiles].box);
            add_mirror(fold.own, memory, layout_[fold.own].box);
        }
    }

    StepWorkers workers() const {
        const bool alone = plan_.ranks == 1;
        const bool has_gpus = !layout_.lanes.gpus.empty();
        const bool cpus_alone = alone ? !has_gpus : layout_.lanes.cpus_alone;
        // Who computes a chunk of another rank does not know what that one has found out. A tight plan makes operations
        // wait for each other as it is.
        return {plan_.ranks, alone ? layout_.lanes.threads : 1, !alone || has_gpus,
                cpus_alone && plan_.claiming_ranks == 0 && !plan_.tight};
    }

    int first_in_place() const {
        for (int gpu = 0; gpu < static_cast<int>(layout_.lanes.gpus.size()); ++gpu) {
            if (layout_.lanes.uses_host_memory(gpu)) return gpu;
        }
        return -1;
    }

    const Graph& graph_;
    const Plan& plan_;
    RankPoints points_;
    Layout layout_;
    static constexpr std::size_t longest_shared_name = 60;
    std::vector<KindFacts> facts_;  ///< by number in Layout::kinds
    std::optional<OperationId> newest_tail_;
    OperationId without_tiles_;         ///< one of which the rank computes nothing
    std::vector<TensorId> whole_of_;    ///< by TensorId: what a piece is made in; empty or invalid: nothing
    std::vector<bool> stays_on_a_gpu_;  ///< by family
    std::vector<TensorId> sharing_;     ///< by TensorId: find_sharing(); empty: nothing is shared
    int in_place_ = -1;                 ///< the gpu lane whose memory the host's buffers lie in
};

}  // namespace

PieceCut piece_cut(const Box& tile) {
    PieceCut cut;
    while (cut.axis + 1 < tile.rank() && tile.extent(cut.axis) == 1) ++cut.axis;
    const std::int64_t extent = tile.rank() == 0 ? 1 : tile.extent(cut.axis);
    cut.row_elements = std::max<std::int64_t>(1, tile.volume() / std::max<std::int64_t>(1, extent));
    constexpr std::int64_t most_elements = chain_piece_bytes / 4;
    cut.rows = std::clamp<std::int64_t>(most_elements / cut.row_elements, 1, std::max<std::int64_t>(1, extent));
    return cut;
}

BufferId Layout::in_memory(BufferId host, int memory) const {
    if (memory == 0) return host;
    const std::vector<BufferId>& all = mirrors[host.index()];
    return all.empty() ? BufferId{} : all[static_cast<std::size_t>(memory - 1)];
}

std::size_t Layout::instance_for(TensorId id, const BoundaryRule& rule) const {
    if (rule.empty()) return 0;
    const std::vector<Instance>& all = instances_of(id);
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i].rule == rule) return i;
    }
    return 0;
}

Use in_storage(const Layout& layout, Use use) {
    const BufferSpec& buffer = layout[use.buffer];
    if (!buffer.storage.valid() || buffer.pool_byte >= 0) return use;
    const Box& storage = layout[buffer.storage].box;
    for (int axis = 0; axis < use.box.rank(); ++axis) {
        const std::int64_t row = axis == 0 ? buffer.storage_row : 0;
        const std::int64_t shift = storage.lo[axis] + row - buffer.box.lo[axis];
        use.box.lo[axis] += shift;
        use.box.hi[axis] += shift;
    }
    use.buffer = buffer.storage;
    return use;
}

std::int64_t Layout::host_bytes() const {
    std::int64_t bytes = 0;
    for (const BufferSpec& buffer : buffers) {
        const bool on_host = buffer.memory.kind == Memory::Kind::host || buffer.memory.kind == Memory::Kind::staging;
        if (on_host && !buffer.storage.valid()) bytes = capped_sum(bytes, buffer.bytes());
    }
    return capped_sum(bytes, piece_bytes * lanes.threads);
}

std::int64_t Layout::device_bytes() const {
    std::int64_t bytes = 0;
    for (const BufferSpec& buffer : buffers) {
        if (buffer.memory.kind == Memory::Kind::device) bytes = capped_sum(bytes, buffer.bytes());
    }
    return bytes;
}

std::int64_t bytes_of(const Layout& layout, std::span<const Use> uses) {
    std::int64_t bytes = 0;
    for (const Use& use : uses) bytes = capped_sum(bytes, use.box.volume() * layout[use.buffer].element_bytes);
    return bytes;
}

BoundaryRule rule_of(const Operation& operation, int argument) {
    if (operation.boundary.empty()) return {};
    BoundaryRule rule(operation.boundary.size(), Boundary::none);
    bool any = false;
    for (const BoundAccess& access : operation.bound->reads) {
        if (access.argument != argument) continue;
        for (std::size_t axis = 0; axis < access.axes.size(); ++axis) {
            if (!access.axes[axis].leaves) continue;
            rule[axis] = operation.boundary[axis];
            any = true;
        }
    }
    return any ? rule : BoundaryRule{};
}

std::vector<Box> needs_of(const Graph& graph, const Plan& plan, OperationId id, TensorId tensor,
                          const BoundaryRule& rule, Rank rank) {
    const Operation& operation = graph[id];
    const Box points = points_of(graph, plan, id, rank);
    std::vector<Box> needs;
    if (points.empty()) return needs;
    for (const BoundAccess& access : operation.bound->reads) {
        const bool matches = operation.inputs[static_cast<std::size_t>(access.argument)] == tensor &&
                             rule_of(operation, access.argument) == rule;
        if (matches) needs.push_back(touched_box(access, points, graph[tensor].shape));
    }
    return needs;
}

Layout build_layout(const Graph& graph, const Plan& plan, Rank rank, const LaneChoice& lanes) {
    return LayoutBuilder(graph, plan, rank, lanes).build();
}

}  // namespace maniple
