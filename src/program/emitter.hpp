// program/emitter.hpp: a program as it grows: instructions in a serial order that is right, each with its predecessors.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "program/hazards.hpp"
#include "program/layout.hpp"
#include "program/pool_hazards.hpp"

namespace maniple {

/// Instructions one after the other in terms of what they are about: buffers and tensors are places in a Subjects.
/// Who waits for whom is left out.
struct Stretch {
    std::vector<Instruction> instructions;
    std::vector<AccessPattern> patterns;  ///< by buffer

    /// Requires: buffers are places already.
    void add(Instruction&& instruction);
};
struct Subjects {
    ShortVector<BufferId, 8> buffers;
    ShortVector<TensorId, 4> tensors;
    OperationId operation;
};
/// A stretch for certain subjects.
struct Repeated {
    Stretch* stretch;
    Subjects subjects;
    bool goes_on = false;  ///< each of its instructions with the tile of the one before (Instruction::chained)
};

/// Borrows all it is given.
class Emitter {
public:
    Emitter(const Graph& graph, const Layout& layout, const BlockShape& shape);

    const BlockShape& shape() const { return program_.shape; }
    int step() const { return step_; }
    /// What follows belongs to `step`; the operations of the loop have not been computed in it yet.
    void begin_step(int step);
    /// What follows belongs to `step` again; -1: to the step before the block.
    void return_to_step(int step) { step_ = step; }

    /// What follows is there for the operation of that number (Instruction::position).
    void set_position(int position) { position_ = position; }

    /// The host buffer of `tensor`'s version in `step` of the block.
    BufferId buffer_of(TensorId tensor, std::size_t instance, std::int64_t step) const {
        const BufferId only = instance == 0 && !only_.empty() ? only_[tensor.index()] : BufferId{};
        return only.valid() ? only : buffer_in_slot(tensor, instance, step);
    }
    BufferId buffer_of(TensorId tensor, std::size_t instance) const { return buffer_of(tensor, instance, step_); }

    /// Adds an instruction with the lane that it names, or on the cpu or a gpu lane (LaneChoice).
    void emit(Instruction&& instruction);
    void emit_on(int lane, Instruction&& instruction);
    /// The same where what it reads and writes is at hand in boxes, of which this makes its lists. Requires: these are empty.
    void emit_on(int lane, Instruction&& instruction, Touched& touched);
    /// Emits stretches, all of the same length, for their subjects: the first instruction of each, then the second of each, as if
    /// they had been emitted one by one. Requires: what one of them writes no other one touches; none is a message, or waits for
    /// checks; nothing has an order of its own (has_order); the buffers have storage of their own (may_repeat).
    void repeat(std::span<const Repeated> stretches);
    /// What has been emitted from instruction number `first` on, for repeat(). Nothing if that is not all about the subjects.
    std::optional<Stretch> stretch_from(std::size_t first, const Subjects& subjects) const;
    bool may_repeat(BufferId buffer) const { return !facts_[buffer.index()].shared; }
    /// Whether an operation has to follow another, whatever they touch.
    bool has_order() const { return !computed_by_.empty(); }
    /// Of what is read and written, together.
    std::int64_t bytes_in(const Touched& touched) const;
    std::size_t emitted() const { return program_.instructions.size(); }

    void emit_send(Rank to, TensorId tensor, BufferId buffer, const Box& box, MessageKind kind = MessageKind::p2p);
    void emit_receive(Rank from, TensorId tensor, BufferId buffer, const Box& box);
    void add_flops(double flops) { program_.flops += flops; }
    void add_verdict(BufferId buffer) { program_.verdicts.push_back(buffer); }

    /// Groups the instructions in chunks. The emitter is empty after.
    Program finish();

private:
    /// What hazards and costs ask of a buffer.
    struct BufferFacts {
        std::int64_t element_bytes = 0;
        bool shared = false;  ///< it has the bytes of another
    };
    BufferId buffer_in_slot(TensorId tensor, std::size_t instance, std::int64_t step) const;
    void add(Instruction&& instruction, Touched& touched);
    void order(Touched& touched, InstructionId id);
    void order_again(std::span<const Repeated> stretches, InstructionId first);
    void add_again(const Repeated& repeated, std::size_t place, Followed& after);
    void follow_controls(Instruction& instruction, InstructionId id);
    void follow_checks(Instruction& instruction, InstructionId id);
    void find_only();
    void reserve(std::size_t instructions);

    const Graph& graph_;
    const Layout& layout_;
    Program program_;
    Hazards hazards_;
    PoolHazards pool_;
    std::vector<BufferFacts> facts_;  ///< by buffer
    /// By TensorId: instance 0 of one that does not change; of others none. Empty where the layout is of buffers alone.
    std::vector<BufferId> only_;
    int step_ = 0;
    int position_ = -1;
    std::size_t step_begin_ = 0;  ///< instructions before the newest step
    /// By OperationId: in this step, or before the first. Empty: no operation has to follow another (`after:`).
    std::vector<std::vector<InstructionId>> computed_by_;
    /// By OperationId: its newest run of checks. Empty: nothing is checked.
    std::vector<std::vector<InstructionId>> checked_by_;
    std::map<Rank, int> sent_;
    std::map<Rank, int> received_;
    std::vector<Followed> followed_;  ///< by instruction of a stretch; kept for its memory
};

}  // namespace maniple
