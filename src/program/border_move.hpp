// program/border_move.hpp: between two blocks of steps, from one plan's buffers to those of another.
#pragma once

#include "program/blocks.hpp"
#include "program/layout.hpp"

namespace maniple {

/// The buffers of both: those of `before`, then those of `after`. For a border_move alone.
Layout joint_layout(const Layout& before, const Layout& after);

/// A rank's side of a change of plans.
struct BorderMove {
    const Graph& graph;
    const Plan& from;
    const Plan& to;
    const Layout& before;  ///< of this rank under `from`
    const Layout& after;   ///< of this rank under `to`
};

/// What `next`, the first block under the new plan, begins with and what does not change from step to step is brought to
/// where the new plan has it: by copies within the rank, and by messages for what was on another one. Halos are left to
/// the blocks that follow, those of what does not change to a block that gathers. Of `both` = joint_layout().
/// Requires: no gpu lanes; all ranks call it with the same plans. Pure.
Program build_border_move(const BorderMove& move, const Layout& both, const BlockShape& next);

/// After a border move: the block without a step that brings what does not change to all who read it.
void set_gathering_block(const StepBlock& next, StepBlock& block);

}  // namespace maniple
