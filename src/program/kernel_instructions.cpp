#include "program/kernel_instructions.hpp"

#include "program/device_boxes.hpp"
#include "program/tiles.hpp"

namespace maniple {

namespace {

/// `kept` with an axis in front, along which states are numbered.
Box with_parts(const Box& kept, std::int64_t first, std::int64_t end) {
    Box result{Extents{first}, Extents{end}};
    for (int axis = 0; axis < kept.rank(); ++axis) {
        result.lo.push_back(kept.lo[axis]);
        result.hi.push_back(kept.hi[axis]);
    }
    result.absent = kept.absent;
    return result;
}

Box with_part(const Box& kept, std::int64_t part) { return with_parts(kept, part, part + 1); }

void add_source(Instruction& merge, const Argument& source, const Box& kept) {
    merge.arguments.push_back(source);
    merge.reads.push_back({source.buffer, with_part(kept, source.part)});
}

}  // namespace

void KernelInstructions::add(OperationId id) {
    if (graph_[id].keeping != Operation::Keeping::none) {
        add_keeping(id);
    } else if (graph_[id].joins) {
        add_join(id);
    } else if (graph_[id].kernel->is_fold() && !layout_.folds[id.index()].by_tile) {
        add_fold(id);
    } else {
        for (const Tile& tile : layout_.tiles[id.index()]) add_compute(id, tile);
    }
    count_flops(id);
}

void KernelInstructions::add_chain(const std::vector<OperationId>& chain) {
    for (const Tile& tile : layout_.tiles[chain.back().index()]) {
        for (const OperationId id : chain) add_compute(id, tile, id != chain.front());
    }
    for (const OperationId id : chain) count_flops(id);
}

/// Copies each row from the piece that has it.
void KernelInstructions::add_join(OperationId id) {
    const Operation& operation = graph_[id];
    const TensorId whole = operation.outputs[0];
    for (const Tile& tile : layout_.tiles[id.index()]) {
        for (const BoundAccess& access : operation.bound->reads) {
            const Box rows = touched_box(access, tile.box, graph_[whole].shape);
            const BufferId from = argument_for(operation, static_cast<std::size_t>(access.argument), 0).buffer;
            const BufferId to = emitter_.buffer_of(whole, 0);
            if (rows.empty() || layout_[from].storage == to) continue;  // the piece lies where it belongs
            Instruction copy;
            copy.kind = InstructionKind::copy;
            copy.tensor = whole;
            copy.box = rows;
            copy.reads.push_back({from, rows});
            copy.writes.push_back({to, rows});
            emitter_.emit_on(LaneChoice::cpu_lane, std::move(copy));
        }
    }
}

/// Between a buffer and the scratch file, which lies in no memory.
void KernelInstructions::add_keeping(OperationId id) {
    const Operation& operation = graph_[id];
    const auto element_bytes = static_cast<std::int64_t>(size_of(graph_[operation.outputs[0]].dtype));
    const Box points = points_of(graph_, plan_, id, me_);
    const bool is_one = in_large_pieces_ && !points.empty();
    for (const Box& piece : is_one ? std::vector<Box>{points} : pieces_of(points, element_bytes)) {
        Instruction move;
        move.kind = operation.keeping == Operation::Keeping::store ? InstructionKind::store : InstructionKind::restore;
        move.lane = LaneKind::file;
        move.operation = id;
        move.tensor = operation.outputs[0];
        move.box = piece;
        move.reads.push_back({emitter_.buffer_of(operation.inputs[0], 0), piece});
        move.writes.push_back({emitter_.buffer_of(operation.outputs[0], 0), piece});
        emitter_.emit(std::move(move));
    }
}

double KernelInstructions::flops_of(OperationId id) {
    const Box& points = points_.of(id);
    const bool redundant = graph_[id].twin_of.valid() || graph_[id].again;
    if (points.empty() || redundant) return 0;
    return graph_[id].kernel->flops_per_point * static_cast<double>(points.volume());
}

bool KernelInstructions::may_be_claimed(OperationId id, const Tile& tile) const {
    if (layout_.claimed[id.index()]) return true;
    return plan_[id].claimable && tile.lane == LaneChoice::cpu_lane && me_.value < plan_.claiming_ranks;
}

Argument KernelInstructions::argument_for(const Operation& operation, std::size_t input, int memory) const {
    const BoundaryRule rule = rule_of(operation, static_cast<int>(input));
    const TensorId tensor = operation.inputs[input];
    return {layout_.in_memory(emitter_.buffer_of(tensor, layout_.instance_for(tensor, rule)), memory)};
}

Instruction KernelInstructions::instruction(InstructionKind kind, OperationId id, const Box& points) const {
    Instruction result;
    result.kind = kind;
    result.operation = id;
    result.tensor = graph_[id].outputs[0];
    result.box = points;
    return result;
}

void KernelInstructions::add_inputs(OperationId id, const Box& points, int memory, Instruction& to,
                                    Touched& touched) const {
    const Operation& operation = graph_[id];
    const std::size_t first = to.arguments.size();
    for (std::size_t i = 0; i < operation.inputs.size(); ++i)
        to.arguments.push_back(argument_for(operation, i, memory));
    for (const BoundAccess& access : operation.bound->reads) {
        const auto argument = static_cast<std::size_t>(access.argument);
        touched.reads.push_back({to.arguments[first + argument].buffer,
                                 touched_box(access, points, graph_[operation.inputs[argument]].shape)});
    }
}

void KernelInstructions::add_outputs(OperationId id, const Box& points, int memory, Instruction& to,
                                     Touched& touched) const {
    const Operation& operation = graph_[id];
    to.arguments.reserve(operation.outputs.size() + operation.inputs.size());
    for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
        const TensorId output = operation.outputs[i];
        const BufferId buffer = layout_.in_memory(emitter_.buffer_of(output, 0), memory);
        touched.writes.push_back({buffer, touched_box(operation.bound->writes[i], points, graph_[output].shape)});
        to.arguments.push_back({buffer});
    }
}

void KernelInstructions::add_compute(OperationId id, const Tile& tile, bool chained) {
    Touched touched;
    Instruction instruction = compute(id, tile, chained, touched);
    emitter_.emit_on(tile.lane, std::move(instruction), touched);
}

Instruction KernelInstructions::compute(OperationId id, const Tile& tile, bool chained, Touched& touched) const {
    const int memory = layout_.lanes.memory_of(tile.lane);
    Instruction compute = instruction(InstructionKind::compute, id, tile.box);
    compute.tail = layout_.tails[id.index()];
    compute.chained = chained;
    compute.claimable = may_be_claimed(id, tile);
    add_outputs(id, tile.box, memory, compute, touched);
    add_inputs(id, tile.box, memory, compute, touched);
    return compute;
}

// --- Folds -----------------------------------------------------------------------------------------------------------

void KernelInstructions::add_fold(OperationId id) {
    const FoldBuffers& fold = layout_.folds[id.index()];
    for (const BufferId states : {fold.tiles, fold.own, fold.gathered, fold.merged}) {
        if (states.valid()) movement_.forget(states);
    }
    for (const Tile& tile : layout_.tiles[id.index()]) add_accumulate(id, tile);
    if (fold.tiles.valid()) merge_tiles(id);
    if (plan_[id].combines) {
        combine_ranks(id);
        return;
    }
    for (const FinishShare& share : layout_.finishes[id.index()]) {
        const int memory = layout_.lanes.memory_of(share.lane);
        movement_.place(memory, fold.own, with_part(share.kept, me_.value));
        add_finish(id, share, {layout_.in_memory(fold.own, memory), me_.value});
    }
}

void KernelInstructions::add_accumulate(OperationId id, const Tile& tile) {
    const FoldBuffers& fold = layout_.folds[id.index()];
    const int memory = layout_.lanes.memory_of(tile.lane);
    const BufferId host = fold.tiles.valid() ? fold.tiles : fold.own;
    const std::int64_t part = fold.tiles.valid() ? tile.contracted_part : me_.value;
    const Box box = with_part(kept_of_points(graph_[id], tile.box), part);
    const Argument state{layout_.in_memory(host, memory), part};
    Instruction accumulate = instruction(InstructionKind::accumulate, id, tile.box);
    accumulate.claimable = may_be_claimed(id, tile);
    accumulate.arguments.push_back(state);
    Touched touched;
    touched.writes.push_back({state.buffer, box});
    add_inputs(id, tile.box, memory, accumulate, touched);
    emitter_.emit_on(tile.lane, std::move(accumulate), touched);
    movement_.wrote(host, memory, box);
}

Instruction KernelInstructions::merge(OperationId id, const Box& kept, const Argument& target) const {
    Instruction result = instruction(InstructionKind::merge, id, points_over_kept(graph_[id], kept));
    result.arguments.push_back(target);
    result.writes.push_back({target.buffer, with_part(kept, target.part)});
    return result;
}

/// The states of tiles with the same kept coordinates, in their order; by the lane that made them all, or the cpu.
void KernelInstructions::merge_tiles(OperationId id) {
    const FoldBuffers& fold = layout_.folds[id.index()];
    const std::vector<Tile>& tiles = layout_.tiles[id.index()];
    for (std::size_t first = 0, end = 0; first < tiles.size(); first = end) {
        const Box kept = kept_of_points(graph_[id], tiles[first].box);
        while (end < tiles.size() && kept_of_points(graph_[id], tiles[end].box) == kept) ++end;
        const bool alone = tiles[first].lane == tiles[end - 1].lane;
        const int lane = alone ? tiles[first].lane : LaneChoice::cpu_lane;
        const int memory = layout_.lanes.memory_of(lane);
        const BufferId states = layout_.in_memory(fold.tiles, memory);
        Instruction joined = merge(id, kept, {layout_.in_memory(fold.own, memory), me_.value});
        for (std::size_t i = first; i < end; ++i) {
            movement_.place(memory, fold.tiles, with_part(kept, tiles[i].contracted_part));
            add_source(joined, {states, tiles[i].contracted_part}, kept);
        }
        emitter_.emit_on(lane, std::move(joined));
        movement_.wrote(fold.own, memory, with_part(kept, me_.value));
    }
}

void KernelInstructions::combine_ranks(OperationId id) {
    const Combining combining = combining_on(graph_, plan_, id, me_);
    const Box results = results_of(graph_, plan_, id, me_);
    if (combining.ring) {
        send_around(id, combining);
        if (!results.empty()) add_finish(id, {LaneChoice::cpu_lane, results}, {layout_.folds[id.index()].merged, 0});
        return;
    }
    if (!combining.tree) {
        send_parts(id, combining);
    } else if (combining.to.valid()) {
        send_up(id, combining);
        return;
    }
    if (results.empty()) return;
    merge_ranks(id, combining, results);
    add_finish(id, {LaneChoice::cpu_lane, results}, {layout_.folds[id.index()].merged, 0});
}

/// Each rank that finishes a part of the results gets the states of that part.
void KernelInstructions::send_parts(OperationId id, const Combining& combining) {
    const FoldBuffers& fold = layout_.folds[id.index()];
    for (const Rank rank : combining.members) {
        const Box results = results_of(graph_, plan_, id, rank);
        if (rank == me_ || results.empty()) continue;
        movement_.place(0, fold.own, with_part(results, me_.value));
        emitter_.emit_send(rank, graph_[id].outputs[0], fold.own, with_part(results, me_.value));
    }
}

/// The part that member j finishes begins at member j + 1. Each adds its own state to what comes and sends that on, so that
/// after as many steps as there are others every part is where it is finished.
void KernelInstructions::send_around(OperationId id, const Combining& combining) {
    const FoldBuffers& fold = layout_.folds[id.index()];
    const TensorId tensor = graph_[id].outputs[0];
    const int count = static_cast<int>(combining.members.size());
    const auto member = [&](int number) {
        return combining.members[static_cast<std::size_t>((number + count) % count)];
    };
    const auto part_of = [&](int number) { return results_of(graph_, plan_, id, member(number)); };
    for (int step = 1; step < count; ++step) {
        const Box leaves = part_of(combining.member - step);
        const Box comes = part_of(combining.member - step - 1 + count);
        if (!leaves.empty()) {
            const Box state = step == 1 ? with_part(leaves, me_.value) : with_part(leaves, 0);
            if (step == 1) movement_.place(0, fold.own, state);
            emitter_.emit_send(member(combining.member + 1), tensor, step == 1 ? fold.own : fold.merged, state,
                               MessageKind::ring);
        }
        if (comes.empty()) continue;
        emitter_.emit_receive(member(combining.member - 1), tensor, fold.gathered, with_part(comes, 0));
        movement_.place(0, fold.own, with_part(comes, me_.value));
        Instruction joined = merge(id, comes, {fold.merged, 0});
        add_source(joined, {fold.gathered, 0}, comes);
        add_source(joined, {fold.own, me_.value}, comes);
        emitter_.emit_on(LaneChoice::cpu_lane, std::move(joined));
    }
}

/// A node of the tree that is not the last: takes states from below and sends them on.
void KernelInstructions::send_up(OperationId id, const Combining& combining) {
    const FoldBuffers& fold = layout_.folds[id.index()];
    const TensorId tensor = graph_[id].outputs[0];
    const Box kept = kept_of_points(graph_[id], points_of(graph_, plan_, id, me_));
    const Box own = with_part(kept, me_.value);
    if (combining.from.empty()) {
        movement_.place(0, fold.own, own);
        emitter_.emit_send(combining.to, tensor, fold.own, own, MessageKind::tree);
    } else if (combining.merges) {
        merge_ranks(id, combining, kept);
        emitter_.emit_send(combining.to, tensor, fold.merged, with_part(kept, 0), MessageKind::tree);
    } else {
        receive_states(id, combining, kept);
        movement_.place(0, fold.own, own);
        Instruction copy;
        copy.kind = InstructionKind::copy;
        copy.tensor = tensor;
        copy.box = with_part(kept, combining.member);
        copy.reads.push_back({fold.own, own});
        copy.writes.push_back({fold.gathered, copy.box});
        emitter_.emit_on(LaneChoice::cpu_lane, std::move(copy));
        emitter_.emit_send(combining.to, tensor, fold.gathered,
                           with_parts(kept, combining.first_member, combining.end_member), MessageKind::tree);
    }
}

void KernelInstructions::receive_states(OperationId id, const Combining& combining, const Box& results) {
    const bool one_each = combining.tree && !combining.forwards;
    for (const StateMessage& message : combining.from) {
        emitter_.emit_receive(message.from, graph_[id].outputs[0], layout_.folds[id.index()].gathered,
                              with_parts(results, message.first, one_each ? message.first + 1 : message.end));
    }
}

/// The states of this rank and of those before and after it, in their order.
void KernelInstructions::merge_ranks(OperationId id, const Combining& combining, const Box& results) {
    const FoldBuffers& fold = layout_.folds[id.index()];
    receive_states(id, combining, results);
    Instruction joined = merge(id, results, {fold.merged, 0});
    const auto add_own = [&] {
        movement_.place(0, fold.own, with_part(results, me_.value));
        add_source(joined, {fold.own, me_.value}, results);
    };
    bool added = combining.member < 0;
    for (const StateMessage& message : combining.from) {
        if (!added && message.first > combining.member) {
            add_own();
            added = true;
        }
        const int end = combining.tree && !combining.forwards ? message.first + 1 : message.end;
        for (int member = message.first; member < end; ++member) add_source(joined, {fold.gathered, member}, results);
    }
    if (!added) add_own();
    emitter_.emit_on(LaneChoice::cpu_lane, std::move(joined));
}

void KernelInstructions::add_finish(OperationId id, const FinishShare& share, const Argument& state) {
    const Box points = points_over_kept(graph_[id], share.kept);
    Instruction finish = instruction(InstructionKind::finish, id, points);
    Touched touched;
    add_outputs(id, points, layout_.lanes.memory_of(share.lane), finish, touched);
    finish.arguments.push_back(state);
    touched.reads.push_back({state.buffer, with_part(share.kept, state.part)});
    emitter_.emit_on(share.lane, std::move(finish), touched);
}

}  // namespace maniple
