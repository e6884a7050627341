#include <algorithm>
#include <map>

#include "program/hazards.hpp"
#include "program/layout.hpp"
#include "program/program.hpp"
#include "program/transfers.hpp"

namespace maniple {

namespace {

/// Inputs are read or generated, and outputs written, in pieces of about this size, so that computing can start on
/// the first.
constexpr std::int64_t piece_bytes = 4 << 20;

/// `box` in pieces along its first axis.
std::vector<Box> pieces_of(const Box& box, std::int64_t element_bytes) {
    if (box.empty()) return {};
    if (box.rank() == 0) return {box};
    const std::int64_t row_bytes = std::max<std::int64_t>(1, box.volume() / box.extent(0) * element_bytes);
    const std::int64_t rows = std::max<std::int64_t>(1, piece_bytes / row_bytes);
    std::vector<Box> pieces;
    for (std::int64_t lo = box.lo[0]; lo < box.hi[0]; lo += rows) {
        Box piece = box;
        piece.lo[0] = lo;
        piece.hi[0] = std::min(box.hi[0], lo + rows);
        pieces.push_back(piece);
    }
    return pieces;
}

Box with_part(const Box& kept, std::int64_t part) {
    Box result{Extents{part}, Extents{part + 1}};
    for (int axis = 0; axis < kept.rank(); ++axis) {
        result.lo.push_back(kept.lo[axis]);
        result.hi.push_back(kept.hi[axis]);
    }
    result.absent = kept.absent;
    return result;
}

class ProgramBuilder {
public:
    ProgramBuilder(const Graph& graph, const Plan& plan, const Layout& layout, const BlockShape& shape)
        : graph_(graph), plan_(plan), layout_(layout), me_(layout.rank), hazards_(layout.buffers.size()) {
        program_.rank = layout.rank;
        program_.shape = shape;
    }

    Program build() {
        find_needed();
        begin_block();
        if (program_.shape.loads) load();
        for (step_ = 0; step_ < program_.shape.steps; ++step_) run_step();
        step_ = program_.shape.steps - 1;
        for (const std::size_t output : program_.shape.observed) write(output);
        if (graph_.until.valid()) decide();
        program_.chunks = build_chunks(program_.instructions);
        return std::move(program_);
    }

private:
    // --- What has to be computed ---------------------------------------------------------------------------------

    /// Which operations every step needs, and which only the last one, for what is observed after it.
    void find_needed() {
        std::vector<bool> carried(graph_.tensors.size(), false);
        for (const Carry& carry : graph_.carries) carried[carry.value.index()] = true;
        every_step_ = producers_of(carried);
        std::vector<bool> observed = carried;
        for (const std::size_t output : program_.shape.observed) observe(graph_.outputs[output], observed);
        for (const GraphOutput& output : graph_.outputs) {
            if (program_.shape.completes && output.every == 0) observe(output, observed);
        }
        if (program_.shape.decides) observed[graph_.until.index()] = true;
        last_step_ = producers_of(observed);
    }

    static void observe(const GraphOutput& output, std::vector<bool>& observed) {
        observed[output.tensor.index()] = true;
        if (output.after_carry.valid()) observed[output.after_carry.index()] = true;
    }

    std::vector<bool> producers_of(std::vector<bool> needed) const {
        std::vector<bool> result(graph_.operations.size(), false);
        for (std::size_t i = graph_.operations.size(); i-- > 0;) {
            const Operation& operation = graph_.operations[i];
            for (const TensorId output : operation.outputs) result[i] = result[i] || needed[output.index()];
            if (!result[i]) continue;
            for (const TensorId input : operation.inputs) needed[input.index()] = true;
        }
        return result;
    }

    bool is_active(OperationId id) const {
        return step_ + 1 == program_.shape.steps ? last_step_[id.index()] : every_step_[id.index()];
    }

    // --- Storage and availability --------------------------------------------------------------------------------

    BufferId buffer_of(TensorId tensor, std::size_t instance, std::int64_t step) const {
        const int slot = layout_.versions.slot(tensor, program_.shape.phase + step);
        return BufferId(layout_.instances_of(tensor)[instance].first.index() + static_cast<std::size_t>(slot));
    }

    bool is_stationary(TensorId tensor) const {
        return layout_.versions.families[static_cast<std::size_t>(layout_.versions[tensor].family)].stationary;
    }

    /// What every rank has of the version in `buffer`. Kept for a rank when it is first asked about.
    Region& available(BufferId buffer, std::size_t instance, TensorId tensor, Rank rank) {
        std::map<Rank, Region>& ranks = available_[buffer.index()];
        const auto found = ranks.find(rank);
        if (found != ranks.end()) return found->second;
        Region have;
        if (instance == 0) have.add(owned_box(graph_, plan_, tensor, rank));
        return ranks.emplace(rank, std::move(have)).first->second;
    }

    /// A new version in `tensor`'s slot at `step`: whatever halos and copies were there are stale.
    void renew(TensorId tensor, std::int64_t step) {
        for (std::size_t instance = 0; instance < layout_.instances_of(tensor).size(); ++instance) {
            available_[buffer_of(tensor, instance, step).index()].clear();
        }
    }

    void begin_block() {
        available_.resize(layout_.buffers.size());
        computed_by_.resize(graph_.operations.size());
    }

    // --- The stages of a block -----------------------------------------------------------------------------------

    void load() {
        step_ = 0;
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) load_tensor(TensorId(i));
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (!graph_.operations[i].in_loop) run_operation(OperationId(i));
        }
        // What does not change is brought to all who will read it now: later blocks take it for granted.
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (graph_.operations[i].in_loop) gather_inputs(OperationId(i), true);
        }
        for (const CarryCopy& copy : layout_.versions.copies) {
            if (is_stationary(copy.value)) gather_copy(copy);
        }
    }

    void run_step() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (graph_.operations[i].in_loop) computed_by_[i].clear();
        }
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (graph_.operations[i].in_loop && is_active(OperationId(i))) run_operation(OperationId(i));
        }
        for (const CarryCopy& copy : layout_.versions.copies) run_copy(copy);
    }

    void load_tensor(TensorId id) {
        const Tensor& tensor = graph_[id];
        if (tensor.kind == Tensor::Kind::computed) return;
        const Box owned = owned_box(graph_, plan_, id, me_);
        const std::int64_t element_bytes = static_cast<std::int64_t>(size_of(tensor.dtype));
        const bool from_file = tensor.kind == Tensor::Kind::input;
        for (const Box& piece : pieces_of(owned, element_bytes)) {
            Instruction load;
            load.kind = from_file ? InstructionKind::read : InstructionKind::fill;
            load.lane = from_file ? LaneKind::file : LaneKind::cpu;
            load.tensor = id;
            load.box = piece;
            load.file_number = from_file ? static_cast<std::size_t>(tensor.input) : 0;
            load.writes.push_back({buffer_of(id, 0, 0), piece});
            emit(std::move(load));
        }
    }

    void run_operation(OperationId id) {
        gather_inputs(id, false);
        if (graph_[id].kernel->is_fold()) {
            run_fold(id);
        } else {
            for (const Tile& tile : layout_.tiles[id.index()]) emit_compute(id, tile);
        }
        for (const TensorId output : graph_[id].outputs) renew(output, step_);
        if (!points_of(graph_, plan_, id, me_).empty()) count_flops(id);
    }

    void count_flops(OperationId id) {
        program_.flops +=
            graph_[id].kernel->flops_per_point * static_cast<double>(points_of(graph_, plan_, id, me_).volume());
    }

    // --- Moving data ---------------------------------------------------------------------------------------------

    /// Makes what `id` reads available on every rank that computes a part of it, as far as this rank is concerned.
    void gather_inputs(OperationId id, bool stationary_only) {
        const Operation& operation = graph_[id];
        for (std::size_t argument = 0; argument < operation.inputs.size(); ++argument) {
            const TensorId tensor = operation.inputs[argument];
            if (is_stationary(tensor) ? !program_.shape.loads : stationary_only) continue;
            const BoundaryRule rule = rule_of(operation, static_cast<int>(argument));
            gather(tensor, rule, [&](Rank rank) { return needs_of(graph_, plan_, id, tensor, rule, rank); });
        }
    }

    void gather_copy(const CarryCopy& copy) {
        gather(copy.value, {}, [&](Rank rank) { return std::vector<Box>{owned_box(graph_, plan_, copy.input, rank)}; });
    }

    template <class Needs>
    void gather(TensorId tensor, const BoundaryRule& rule, const Needs& needs) {
        const std::size_t instance = layout_.instance_for(tensor, rule);
        const BufferId buffer = buffer_of(tensor, instance, step_);
        TransferRequest request{&graph_, &plan_, tensor, rule, instance, {}, me_};
        for (int rank = 0; rank < plan_.ranks; ++rank) {
            request.rank = Rank(rank);
            request.needs = needs(request.rank);
            if (request.needs.empty()) continue;
            if (request.rank != me_ && !concerns_me(request)) continue;
            for (const Transfer& transfer : transfers_to(request, available(buffer, instance, tensor, request.rank))) {
                if (request.rank == me_) {
                    for (const Transfer& piece : along_tiles(transfer, tensor)) emit_arrival(piece, tensor, buffer);
                } else if (transfer.kind == HaloPiece::Kind::move && transfer.source_rank == me_) {
                    emit_send(request.rank, tensor, buffer_of(tensor, 0, step_), transfer.source);
                }
            }
        }
    }

    /// Whether another rank's needs touch anything that this rank owns: most do not, and are not looked at further.
    bool concerns_me(const TransferRequest& request) const {
        const Box owned = owned_box(graph_, plan_, request.tensor, me_);
        if (owned.empty()) return false;
        for (const Box& need : request.needs) {
            for (const HaloPiece& piece : halo_pieces(need, graph_[request.tensor].shape, request.rule)) {
                if (piece.kind == HaloPiece::Kind::move && overlap(piece.source, owned)) return true;
            }
        }
        return false;
    }

    /// A local copy or boundary cut where the tiles that made its source are cut, so that the first parts of a halo are
    /// there before the last tile is done: else every step would wait for the whole one before. Messages stay whole.
    std::vector<Transfer> along_tiles(const Transfer& whole, TensorId tensor) const {
        const TensorId head = layout_.versions.families[static_cast<std::size_t>(layout_.versions[tensor].family)].head;
        if (whole.source_rank != me_ || graph_[head].kind != Tensor::Kind::computed) return {whole};
        std::vector<Transfer> pieces;
        const Operation& producer = graph_[graph_[head].producer];
        const auto output =
            std::find(producer.outputs.begin(), producer.outputs.end(), head) - producer.outputs.begin();
        for (const Tile& tile : layout_.tiles[graph_[head].producer.index()]) {
            if (producer.kernel->is_fold()) return {whole};
            const Box made =
                touched_box(producer.bound.writes[static_cast<std::size_t>(output)], tile.box, graph_[head].shape);
            add_part(whole, made, pieces);
        }
        return covers(pieces, whole) ? pieces : std::vector<Transfer>{whole};
    }

    /// The part of `whole` along those axes that are not shifted or repeated and lie within `made`.
    static void add_part(const Transfer& whole, const Box& made, std::vector<Transfer>& pieces) {
        Transfer part = whole;
        for (int axis = 0; axis < made.rank(); ++axis) {
            if (whole.kind == HaloPiece::Kind::zero || whole.source.lo[axis] != whole.target.lo[axis] ||
                whole.source.hi[axis] != whole.target.hi[axis]) {
                continue;
            }
            part.source.lo[axis] = part.target.lo[axis] = std::max(whole.target.lo[axis], made.lo[axis]);
            part.source.hi[axis] = part.target.hi[axis] = std::min(whole.target.hi[axis], made.hi[axis]);
        }
        const bool known = std::any_of(pieces.begin(), pieces.end(),
                                       [&](const Transfer& other) { return other.target == part.target; });
        if (!part.target.empty() && !known) pieces.push_back(part);
    }

    static bool covers(const std::vector<Transfer>& pieces, const Transfer& whole) {
        Region missing(whole.target);
        for (const Transfer& piece : pieces) missing.subtract(piece.target);
        return missing.empty();
    }

    void emit_arrival(const Transfer& transfer, TensorId tensor, BufferId buffer) {
        if (transfer.kind == HaloPiece::Kind::move && transfer.source_rank != me_) {
            emit_receive(transfer.source_rank, tensor, buffer, transfer.target);
            return;
        }
        Instruction move;
        move.tensor = tensor;
        move.box = transfer.target;
        move.kind = InstructionKind::boundary;
        if (transfer.kind == HaloPiece::Kind::move) {
            move.kind = InstructionKind::copy;
            move.reads.push_back({buffer_of(tensor, 0, step_), transfer.source});
        } else if (transfer.kind == HaloPiece::Kind::clamp) {
            move.reads.push_back({buffer, transfer.source});
        }
        move.writes.push_back({buffer, transfer.target});
        emit(std::move(move));
    }

    void emit_send(Rank to, TensorId tensor, BufferId buffer, const Box& box) {
        Instruction send;
        send.kind = InstructionKind::send;
        send.lane = LaneKind::net;
        send.tensor = tensor;
        send.peer = to;
        send.tag = sent_[to]++;
        send.box = box;
        send.reads.push_back({buffer, box});
        ++program_.message_count;
        program_.message_bytes += box.volume() * layout_[buffer].element_bytes;
        emit(std::move(send));
    }

    void emit_receive(Rank from, TensorId tensor, BufferId buffer, const Box& box) {
        Instruction receive;
        receive.kind = InstructionKind::receive;
        receive.lane = LaneKind::net;
        receive.tensor = tensor;
        receive.peer = from;
        receive.tag = received_[from]++;
        receive.box = box;
        receive.writes.push_back({buffer, box});
        emit(std::move(receive));
    }

    /// A carry whose value has its storage elsewhere. The input's next version is renewed after.
    void run_copy(const CarryCopy& copy) {
        if (!is_stationary(copy.value)) gather_copy(copy);
        const Box owned = owned_box(graph_, plan_, copy.input, me_);
        if (!owned.empty()) {
            Instruction move;
            move.kind = InstructionKind::copy;
            move.tensor = copy.input;
            move.box = owned;
            move.reads.push_back({buffer_of(copy.value, 0, step_), owned});
            move.writes.push_back({buffer_of(copy.input, 0, step_ + 1), owned});
            emit(std::move(move));
        }
        renew(copy.input, step_ + 1);
    }

    // --- Kernels -------------------------------------------------------------------------------------------------

    Argument argument_for(const Operation& operation, std::size_t input) const {
        const BoundaryRule rule = rule_of(operation, static_cast<int>(input));
        const TensorId tensor = operation.inputs[input];
        return {buffer_of(tensor, layout_.instance_for(tensor, rule), step_)};
    }

    void add_input_uses(OperationId id, const Box& points, Instruction& instruction) const {
        const Operation& operation = graph_[id];
        for (const BoundAccess& access : operation.bound.reads) {
            const std::size_t argument = static_cast<std::size_t>(access.argument);
            const Box box = touched_box(access, points, graph_[operation.inputs[argument]].shape);
            instruction.reads.push_back({argument_for(operation, argument).buffer, box});
        }
    }

    Instruction kernel_instruction(InstructionKind kind, OperationId id, const Box& points) const {
        Instruction instruction;
        instruction.kind = kind;
        instruction.operation = id;
        instruction.tensor = graph_[id].outputs[0];
        instruction.box = points;
        return instruction;
    }

    void add_output_uses(OperationId id, const Box& points, Instruction& instruction) const {
        const Operation& operation = graph_[id];
        for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
            const TensorId output = operation.outputs[i];
            const BufferId buffer = buffer_of(output, 0, step_);
            instruction.writes.push_back(
                {buffer, touched_box(operation.bound.writes[i], points, graph_[output].shape)});
            instruction.arguments.push_back({buffer});
        }
    }

    void add_input_arguments(OperationId id, Instruction& instruction) const {
        const Operation& operation = graph_[id];
        for (std::size_t i = 0; i < operation.inputs.size(); ++i)
            instruction.arguments.push_back(argument_for(operation, i));
    }

    void emit_compute(OperationId id, const Tile& tile) {
        Instruction compute = kernel_instruction(InstructionKind::compute, id, tile.box);
        add_output_uses(id, tile.box, compute);
        add_input_arguments(id, compute);
        add_input_uses(id, tile.box, compute);
        emit(std::move(compute));
    }

    /// The kept coordinates of a box of loop indices.
    Box kept_of(OperationId id, const Box& points) const {
        Box kept;
        for (const int index : graph_[id].bound.kept()) {
            kept.lo.push_back(points.lo[index]);
            kept.hi.push_back(points.hi[index]);
        }
        return kept;
    }

    /// Loop indices of a box of kept coordinates, contracted ones at [0, 1).
    Box points_over(OperationId id, const Box& kept) const {
        const int rank = static_cast<int>(graph_[id].bound.indices.size());
        Box points{Extents(rank, 0), Extents(rank, 1)};
        const std::vector<int> indices = graph_[id].bound.kept();
        for (std::size_t i = 0; i < indices.size(); ++i) {
            points.lo[indices[i]] = kept.lo[static_cast<int>(i)];
            points.hi[indices[i]] = kept.hi[static_cast<int>(i)];
        }
        return points;
    }

    void run_fold(OperationId id) {
        const FoldBuffers& fold = layout_.folds[id.index()];
        for (const Tile& tile : layout_.tiles[id.index()]) emit_accumulate(id, fold, tile);
        if (fold.tiles.valid()) {
            const Box kept = kept_of(id, points_of(graph_, plan_, id, me_));
            Instruction merge = merge_instruction(id, kept, {fold.own, me_.value});
            const BufferSpec& tiles = layout_[fold.tiles];
            for (std::int64_t part = tiles.box.lo[0]; part < tiles.box.hi[0]; ++part)
                add_source(merge, {fold.tiles, part}, kept);
            emit(std::move(merge));
        }
        if (plan_[id].combines) {
            combine(id, fold);
        } else if (!points_of(graph_, plan_, id, me_).empty()) {
            emit_finish(id, {fold.own, me_.value});
        }
    }

    void emit_accumulate(OperationId id, const FoldBuffers& fold, const Tile& tile) {
        const Argument state =
            fold.tiles.valid() ? Argument{fold.tiles, tile.contracted_part} : Argument{fold.own, me_.value};
        Instruction accumulate = kernel_instruction(InstructionKind::accumulate, id, tile.box);
        accumulate.arguments.push_back(state);
        accumulate.writes.push_back({state.buffer, with_part(kept_of(id, tile.box), state.part)});
        add_input_arguments(id, accumulate);
        add_input_uses(id, tile.box, accumulate);
        emit(std::move(accumulate));
    }

    Instruction merge_instruction(OperationId id, const Box& kept, const Argument& target) const {
        Instruction merge = kernel_instruction(InstructionKind::merge, id, points_over(id, kept));
        merge.arguments.push_back(target);
        merge.writes.push_back({target.buffer, with_part(kept, target.part)});
        return merge;
    }

    static void add_source(Instruction& merge, const Argument& source, const Box& kept) {
        merge.arguments.push_back(source);
        merge.reads.push_back({source.buffer, with_part(kept, source.part)});
    }

    /// States of several ranks: each finishing rank gathers the parts of its results and merges them by rank.
    void combine(OperationId id, const FoldBuffers& fold) {
        const int contributors = plan_[id].points.parts;
        const Box mine = points_of(graph_, plan_, id, me_);
        for (int rank = 0; rank < plan_.ranks && !mine.empty(); ++rank) {
            const Box results = results_of(graph_, plan_, id, Rank(rank));
            if (rank == me_.value || results.empty()) continue;
            emit_send(Rank(rank), graph_[id].outputs[0], fold.own, with_part(results, me_.value));
        }
        const Box results = results_of(graph_, plan_, id, me_);
        if (results.empty()) return;
        Instruction merge = merge_instruction(id, results, {fold.merged, 0});
        for (int rank = 0; rank < contributors; ++rank) {
            if (points_of(graph_, plan_, id, Rank(rank)).empty()) continue;
            if (rank == me_.value) {
                add_source(merge, {fold.own, rank}, results);
                continue;
            }
            emit_receive(Rank(rank), graph_[id].outputs[0], fold.gathered, with_part(results, rank));
            add_source(merge, {fold.gathered, rank}, results);
        }
        emit(std::move(merge));
        emit_finish(id, {fold.merged, 0});
    }

    void emit_finish(OperationId id, const Argument& state) {
        const Box kept = results_of(graph_, plan_, id, me_);
        Instruction finish = kernel_instruction(InstructionKind::finish, id, points_over(id, kept));
        add_output_uses(id, finish.box, finish);
        finish.arguments.push_back(state);
        finish.reads.push_back({state.buffer, with_part(kept, state.part)});
        emit(std::move(finish));
    }

    // --- Results -------------------------------------------------------------------------------------------------

    void write(std::size_t output) {
        const GraphOutput& written = graph_.outputs[output];
        const bool carried = program_.shape.carried && written.after_carry.valid();
        const TensorId tensor = carried ? written.after_carry : written.tensor;
        const std::int64_t element_bytes = static_cast<std::int64_t>(size_of(graph_[tensor].dtype));
        for (const Box& piece : pieces_of(written_box(graph_, plan_, output, me_), element_bytes)) {
            Instruction store;
            store.kind = InstructionKind::write;
            store.lane = LaneKind::file;
            store.tensor = tensor;
            store.box = piece;
            store.file_number = output;
            store.every = graph_.outputs[output].every;
            store.reads.push_back({buffer_of(tensor, 0, step_), piece});
            emit(std::move(store));
        }
    }

    /// Every rank gets the value of `until`.
    void decide() {
        const TensorId until = graph_.until;
        if (program_.shape.decides) program_.verdict = buffer_of(until, 0, step_);
        const bool due = is_stationary(until) ? program_.shape.loads : program_.shape.decides;
        if (!due) return;
        gather(until, {}, [&](Rank) { return std::vector<Box>{Box::whole(graph_[until].shape)}; });
    }

    /// `after:` orders what a rank computes; what it waits for from others follows from data alone.
    void follow_controls(Instruction& instruction) {
        if (!instruction.operation.valid()) return;
        for (const OperationId other : graph_[instruction.operation].after) {
            const std::vector<InstructionId>& earlier = computed_by_[other.index()];
            instruction.after.insert(instruction.after.end(), earlier.begin(), earlier.end());
        }
        computed_by_[instruction.operation.index()].emplace_back(program_.instructions.size());
    }

    void emit(Instruction instruction) {
        instruction.step = step_;
        follow_controls(instruction);
        for (const Use& use : instruction.reads)
            instruction.bytes += use.box.volume() * layout_[use.buffer].element_bytes;
        for (const Use& use : instruction.writes)
            instruction.bytes += use.box.volume() * layout_[use.buffer].element_bytes;
        hazards_.order(instruction, InstructionId(program_.instructions.size()));
        program_.instructions.push_back(std::move(instruction));
    }

    const Graph& graph_;
    const Plan& plan_;
    const Layout& layout_;
    Rank me_;
    Program program_;
    Hazards hazards_;
    int step_ = 0;
    std::vector<bool> every_step_;
    std::vector<bool> last_step_;
    std::vector<std::map<Rank, Region>> available_;        ///< by buffer
    std::vector<std::vector<InstructionId>> computed_by_;  ///< by OperationId: in this step, or before the first
    std::map<Rank, int> sent_;
    std::map<Rank, int> received_;
};

}  // namespace

Program build_program(const Graph& graph, const Plan& plan, const Layout& layout, const BlockShape& shape) {
    return ProgramBuilder(graph, plan, layout, shape).build();
}

}  // namespace maniple
