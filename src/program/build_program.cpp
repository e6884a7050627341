#include <algorithm>

#include "program/kernel_instructions.hpp"
#include "program/large_pieces.hpp"
#include "program/movement.hpp"
#include "program/repeats.hpp"
#include "program/tiles.hpp"

namespace maniple {

namespace {

class ProgramBuilder {
public:
    ProgramBuilder(const Graph& graph, const Plan& plan, const Layout& layout, const BlockShape& shape,
                   bool copies_alike, bool in_large_pieces)
        : graph_(graph), plan_(plan), layout_(layout), shape_(shape), me_(layout.rank), emitter_(graph, layout, shape),
          movement_(graph, plan, layout, emitter_), kernels_(graph, plan, layout, emitter_, movement_, in_large_pieces),
          repeats_(graph, plan, layout, emitter_, movement_, kernels_), copies_alike_(copies_alike),
          in_large_pieces_(in_large_pieces) {}

    Program build() {
        if (graph_.loop) find_needed();
        if (shape_.loads) load();
        if (shape_.loads || shape_.gathers) gather_stationary();
        for (int step = 0; step < shape_.steps; ++step) run_step(step);
        emitter_.return_to_step(shape_.steps - 1);
        if (!shape_.holds) {
            for (const std::size_t output : shape_.observed) {
                if (!is_written_early(output)) write(output);
            }
        }
        if (graph_.until.valid() && is_stationary(graph_.until)) decide_once();
        Program program = emitter_.finish();
        program.sweeps_back = is_at_even_part();
        return program;
    }

private:
    bool is_at_even_part() const {
        const OperationId leading = leading_operation(graph_, plan_);
        if (!leading.valid() || !plan_[leading].points.holds(me_)) return false;
        return plan_[leading].points.part_of(me_, 0) % 2 == 0;
    }

    // --- What has to be computed ---------------------------------------------------------------------------------

    /// Which operations every step needs, and which only the last one, for what is observed after it.
    void find_needed() {
        std::vector<bool> carried(graph_.tensors.size(), false);
        for (const Carry& carry : graph_.carries) carried[carry.value.index()] = true;
        every_step_ = producers_of(carried);
        std::vector<bool> looked_at = carried;
        if (graph_.until.valid()) looked_at[graph_.until.index()] = true;
        deciding_step_ = producers_of(std::move(looked_at));
        std::vector<bool> observed = carried;
        for (const std::size_t output : shape_.observed) observe(graph_.outputs[output], observed);
        for (const GraphOutput& output : graph_.outputs) {
            if (shape_.completes && output.every == 0) observe(output, observed);
        }
        if (is_looked_at(shape_.steps - 1)) observed[graph_.until.index()] = true;
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
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const OperationId original = graph_.operations[i].twin_of;
            if (original.valid()) result[i] = result[original.index()];
        }
        return result;
    }

    /// Whether `until` is looked at after this step of the block.
    bool is_looked_at(int step) const {
        const int done = step + 1 - shape_.decides;
        return shape_.decides > 0 && done >= 0 && done % graph_.check == 0;
    }

    bool is_stationary(TensorId tensor) const {
        return layout_.versions.families[static_cast<std::size_t>(layout_.versions[tensor].family)].stationary;
    }

    std::vector<Box> pieces(const Box& box, TensorId tensor) const {
        if (in_large_pieces_) return box.empty() ? std::vector<Box>{} : std::vector<Box>{box};
        return pieces_of(box, static_cast<std::int64_t>(size_of(graph_[tensor].dtype)));
    }

    // --- The stages of a block -----------------------------------------------------------------------------------

    /// In a tight plan of a graph without a loop inputs are there from their first reader on.
    void load() {
        const bool late = plan_.tight && !graph_.loop;
        std::vector<std::vector<TensorId>> first_read(late ? graph_.operations.size() : 0);
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
            const std::vector<OperationId>& readers = graph_.tensors[i].readers;
            if (late && !readers.empty()) {
                first_read[readers.front().index()].emplace_back(i);
            } else {
                load_tensor(TensorId(i));
            }
        }
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (graph_.operations[i].in_loop) continue;
            emitter_.set_position(static_cast<int>(i));
            if (late) {
                for (const TensorId id : first_read[i]) load_tensor(id);
            }
            run_operation(OperationId(i));
            if (late) write_outputs_of(OperationId(i));
        }
    }

    /// Of a tight plan: as soon as they are there.
    void write_outputs_of(OperationId id) {
        for (const std::size_t output : shape_.observed) {
            const TensorId tensor = graph_.outputs[output].tensor;
            if (graph_[tensor].producer == id) write(output);
        }
    }

    bool is_written_early(std::size_t output) const {
        const TensorId tensor = graph_.outputs[output].tensor;
        return plan_.tight && !graph_.loop && graph_[tensor].kind == Tensor::Kind::computed &&
               !graph_[graph_[tensor].producer].in_loop;
    }

    /// What does not change is brought to all who will read it now: later blocks take it for granted.
    void gather_stationary() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (graph_.operations[i].in_loop) movement_.gather_inputs(OperationId(i), true);
        }
        for (const CarryCopy& copy : layout_.versions.copies) {
            if (is_stationary(copy.value)) movement_.gather_copy(copy);
        }
    }

    void run_step(int step) {
        emitter_.begin_step(step);
        const bool looked_at = is_looked_at(step);
        const std::vector<bool>& active = step + 1 == shape_.steps ? last_step_
                                          : looked_at              ? deciding_step_
                                                                   : every_step_;
        for (std::size_t i = 0; i < active.size(); ++i) {
            if (!graph_.operations[i].in_loop || !active[i]) continue;
            emitter_.set_position(static_cast<int>(graph_.operations.size() + i));
            run_operation(OperationId(i));
        }
        emitter_.set_position(static_cast<int>(2 * graph_.operations.size()));
        if (looked_at && !is_stationary(graph_.until)) decide();
        for (const CarryCopy& copy : layout_.versions.copies) run_copy(copy);
    }

    void load_tensor(TensorId id) {
        const Tensor& tensor = graph_[id];
        if (tensor.kind == Tensor::Kind::computed || is_absent(id)) return;
        const Box owned = owned_box(graph_, plan_, id, me_);
        const bool from_file = tensor.kind == Tensor::Kind::input;
        for (const Box& piece : pieces(owned, id)) {
            Instruction load;
            load.kind = from_file ? InstructionKind::read : InstructionKind::fill;
            load.lane = from_file ? LaneKind::file : LaneKind::cpu;
            load.tensor = id;
            load.box = piece;
            load.file_number = from_file ? static_cast<std::uint32_t>(tensor.input) : 0;
            load.writes.push_back({emitter_.buffer_of(id, 0), piece});
            emitter_.emit(std::move(load));
        }
        movement_.loaded(id);
    }

    /// Whether this rank holds nothing of a tensor, ever. With gpus a buffer of the host does not tell.
    bool is_absent(TensorId id) const {
        const std::vector<Instance>& all = layout_.instances_of(id);
        return layout_.lanes.gpus.empty() &&
               std::all_of(all.begin(), all.end(), [](const Instance& one) { return one.box.empty(); });
    }

    /// Whether this rank neither computes the operation nor holds anything of what that reads and makes. What it has to do
    /// with others because of it is nothing, then.
    bool is_elsewhere(OperationId id) const {
        if (plan_.claiming_ranks > 0 || plan_[id].points.holds(me_)) return false;
        const Operation& operation = graph_[id];
        const auto holds_none = [&](TensorId tensor) { return is_absent(tensor); };
        return std::all_of(operation.inputs.begin(), operation.inputs.end(), holds_none) &&
               std::all_of(operation.outputs.begin(), operation.outputs.end(), holds_none);
    }

    void run_operation(OperationId id) {
        if (is_elsewhere(id)) return;
        if (copies_alike_ && repeats_.run(id)) return;
        movement_.gather_inputs(id, false);
        check_domains(id);
        const std::vector<OperationId>& chain = layout_.chains[id.index()];
        if (!chain.empty()) {
            kernels_.add_chain(chain);
        } else if (!layout_.chained[id.index()]) {
            kernels_.add(id);
        }
        for (const TensorId output : graph_[id].outputs) movement_.made(output, emitter_.step());
        if (graph_[id].twin_of.valid()) compare(id);
    }

    /// What this rank reads of inputs whose elements could be wrong is looked at, by the cpu, before it is used. What
    /// does not change is looked at once.
    void check_domains(OperationId id) {
        const Operation& operation = graph_[id];
        for (std::size_t number = 0; number < operation.domains.size(); ++number) {
            const TensorId tensor = operation.inputs[static_cast<std::size_t>(operation.domains[number].argument)];
            if (is_stationary(tensor) && !shape_.loads) continue;
            Box box = Box::nothing(graph_[tensor].shape.rank());
            for (const Box& need : needs_of(graph_, plan_, id, tensor, {}, me_)) box = bounding(box, need);
            for (const Box& piece : pieces(box, tensor)) {
                const BufferId buffer = emitter_.buffer_of(tensor, 0);
                movement_.place(0, buffer, piece);
                Instruction check;
                check.kind = InstructionKind::check;
                check.operation = id;
                check.tensor = tensor;
                check.box = piece;
                check.domain = static_cast<std::uint32_t>(number);
                check.reads.push_back({buffer, piece});
                emitter_.emit_on(LaneChoice::cpu_lane, std::move(check));
            }
        }
    }

    /// A twin's results with those of its original, in the host's memory.
    void compare(OperationId id) {
        const Operation& original = graph_[graph_[id].twin_of];
        for (std::size_t i = 0; i < original.outputs.size(); ++i) {
            const TensorId tensor = original.outputs[i];
            const BufferId first = emitter_.buffer_of(tensor, 0);
            const BufferId second = emitter_.buffer_of(graph_[id].outputs[i], 0);
            const Box owned = owned_box(graph_, plan_, tensor, me_);
            for (const Box& piece : pieces(owned, tensor)) {
                movement_.place(0, first, piece);
                movement_.place(0, second, piece);
                Instruction check;
                check.kind = InstructionKind::compare;
                check.tensor = tensor;
                check.box = piece;
                check.reads.push_back({first, piece});
                check.reads.push_back({second, piece});
                emitter_.emit_on(LaneChoice::cpu_lane, std::move(check));
            }
        }
    }

    /// A carry whose value has its storage elsewhere.
    void run_copy(const CarryCopy& copy) {
        if (!is_stationary(copy.value)) movement_.gather_copy(copy);
        const Box owned = owned_box(graph_, plan_, copy.input, me_);
        const int next = emitter_.step() + 1;
        if (!owned.empty()) {
            const BufferId from = emitter_.buffer_of(copy.value, 0);
            movement_.place(0, from, owned);
            Instruction move;
            move.kind = InstructionKind::copy;
            move.tensor = copy.input;
            move.box = owned;
            move.reads.push_back({from, owned});
            move.writes.push_back({emitter_.buffer_of(copy.input, 0, next), owned});
            emitter_.emit(std::move(move));
        }
        movement_.copied(copy.input, next);
    }

    // --- Results -------------------------------------------------------------------------------------------------

    void write(std::size_t output) {
        const GraphOutput& written = graph_.outputs[output];
        const bool carried = shape_.carried && written.after_carry.valid();
        const TensorId tensor = carried ? written.after_carry : written.tensor;
        const BufferId buffer = emitter_.buffer_of(tensor, 0);
        for (const Box& piece : pieces(written_box(graph_, plan_, output, me_), tensor)) {
            movement_.place(0, buffer, piece);
            Instruction store;
            store.kind = InstructionKind::write;
            store.lane = LaneKind::file;
            store.tensor = tensor;
            store.box = piece;
            store.file_number = static_cast<std::uint32_t>(output);
            store.every = written.every;
            store.reads.push_back({buffer, piece});
            emitter_.emit(std::move(store));
        }
    }

    /// Every rank gets the value of `until` in this step.
    void decide() {
        emitter_.add_verdict(emitter_.buffer_of(graph_.until, 0));
        movement_.gather_everywhere(graph_.until);
        if (layout_.versions.looks_behind && emitter_.step() + 1 < shape_.steps) hold_back();
    }

    /// Later steps may be computed, but what a run that ends with this one writes is written over when that is known
    /// not to be.
    void hold_back() {
        Instruction decide;
        decide.kind = InstructionKind::decide;
        decide.tensor = graph_.until;
        decide.reads.push_back({emitter_.buffer_of(graph_.until, 0), Box::whole(graph_[graph_.until].shape)});
        for (const std::size_t output : outputs_of_last_step(graph_, layout_.versions)) {
            const Box written = written_box(graph_, plan_, output, me_);
            const TensorId tensor = graph_.outputs[output].tensor;
            if (!written.empty()) decide.reads.push_back({emitter_.buffer_of(tensor, 0), written});
        }
        emitter_.emit(std::move(decide));
    }

    /// One that does not change is brought to all by the first block, and looked at where a block ends.
    void decide_once() {
        if (shape_.decides > 0) emitter_.add_verdict(emitter_.buffer_of(graph_.until, 0));
        if (shape_.loads || shape_.gathers) movement_.gather_everywhere(graph_.until);
    }

    const Graph& graph_;
    const Plan& plan_;
    const Layout& layout_;
    const BlockShape& shape_;
    Rank me_;
    Emitter emitter_;
    Movement movement_;
    KernelInstructions kernels_;
    Repeats repeats_;
    bool copies_alike_;
    bool in_large_pieces_;
    std::vector<bool> every_step_;
    std::vector<bool> deciding_step_;
    std::vector<bool> last_step_;
};

}  // namespace

Program build_program(const Graph& graph, const Plan& plan, const Layout& layout, const BlockShape& shape,
                      bool copies_alike) {
    return ProgramBuilder(graph, plan, layout, shape, copies_alike, false).build();
}

Program build_program_in_large_pieces(const Graph& graph, const Plan& plan, const Layout& layout,
                                      const BlockShape& shape) {
    return ProgramBuilder(graph, plan, layout, shape, true, true).build();
}

}  // namespace maniple
