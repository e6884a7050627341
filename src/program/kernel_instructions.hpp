// program/kernel_instructions.hpp: an operation as instructions: its tiles, and of a fold the joining of their states.
#pragma once

#include "program/combining.hpp"
#include "program/emitter.hpp"
#include "program/movement.hpp"
#include "program/rank_points.hpp"

namespace maniple {

/// Borrows all it is given.
class KernelInstructions {
public:
    KernelInstructions(const Graph& graph, const Plan& plan, const Layout& layout, Emitter& emitter, Movement& movement,
                       bool in_large_pieces = false)
        : graph_(graph), plan_(plan), layout_(layout), emitter_(emitter), movement_(movement), me_(layout.rank),
          points_(graph, plan, layout.rank), in_large_pieces_(in_large_pieces) {}

    /// Emits this rank's part of an operation. Requires: what it reads has been gathered.
    void add(OperationId operation);
    /// The same for all operations of a chain, tile by tile.
    void add_chain(const std::vector<OperationId>& chain);
    /// What an operation counts for in Program::flops: add() and add_chain() do that.
    double flops_of(OperationId id);
    /// The instruction that computes a tile of an operation that is no fold, or folds by tile; what it touches in `touched`.
    Instruction compute(OperationId id, const Tile& tile, bool chained, Touched& touched) const;

private:
    Argument argument_for(const Operation& operation, std::size_t input, int memory) const;
    bool may_be_claimed(OperationId id, const Tile& tile) const;
    Instruction instruction(InstructionKind kind, OperationId id, const Box& points) const;
    void add_inputs(OperationId id, const Box& points, int memory, Instruction& to, Touched& touched) const;
    void add_outputs(OperationId id, const Box& points, int memory, Instruction& to, Touched& touched) const;
    void add_compute(OperationId id, const Tile& tile, bool chained = false);
    void add_join(OperationId id);
    void add_keeping(OperationId id);
    void count_flops(OperationId id) { emitter_.add_flops(flops_of(id)); }

    void add_fold(OperationId id);
    void add_accumulate(OperationId id, const Tile& tile);
    void merge_tiles(OperationId id);
    void combine_ranks(OperationId id);
    void send_parts(OperationId id, const Combining& combining);
    void send_around(OperationId id, const Combining& combining);
    void send_up(OperationId id, const Combining& combining);
    void receive_states(OperationId id, const Combining& combining, const Box& results);
    void merge_ranks(OperationId id, const Combining& combining, const Box& results);
    void add_finish(OperationId id, const FinishShare& share, const Argument& state);
    Instruction merge(OperationId id, const Box& kept, const Argument& target) const;

    const Graph& graph_;
    const Plan& plan_;
    const Layout& layout_;
    Emitter& emitter_;
    Movement& movement_;
    Rank me_;
    RankPoints points_;
    bool in_large_pieces_;
};

}  // namespace maniple
