// program/versions.hpp: which tensors of successive steps share storage.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.hpp"
#include "program/program.hpp"

namespace maniple {

/// Steps of a block at most: bounds the size of a program.
inline constexpr int most_block_steps = 16;
/// While the ranks' speeds are not known.
inline constexpr int settling_block_steps = 4;
inline constexpr int settling_blocks = 5;
/// Before these, where the speeds of lanes are to be known as soon as can be: blocks of one step.
inline constexpr int first_single_steps = 5;

/// Tensors that are one value at different steps: with `carry: {u: v}`, u in step s + 1 is v in step s. Member x in
/// step s is the family's version s + 1 − delay(x); version t lies in slot t mod slots.
struct Family {
    TensorId head;  ///< the computed member (delay 0), or the only one
    int slots = 1;
    bool stationary = false;  ///< the same in every step: only version 0 exists
    bool by_step = false;     ///< each step of a block has a slot of its own, and none outlives the block
};

/// A carry that cannot share storage (its source has another one already, or is no computed tensor): the value is
/// copied at the end of a step.
struct CarryCopy {
    TensorId input;
    TensorId value;
};

/// The families of a graph.
struct Versions {
    struct Member {
        int family = -1;
        int delay = 0;
    };
    std::vector<Family> families;
    std::vector<Member> members;               ///< by TensorId
    std::vector<TensorId> by_family;           ///< all tensors, family by family, ascending in each
    std::vector<std::size_t> first_of_family;  ///< in by_family; one more than there are families
    std::vector<CarryCopy> copies;
    int block_steps = most_block_steps;  ///< at most so many steps in a program
    int single_steps = 0;                ///< the first so many are blocks of their own
    int settling_steps = 0;              ///< the first so many are in short blocks: speeds are measured early
    int period = 1;                      ///< after so many blocks or steps every slot holds what it held

    /// Above 0: steps may be computed before `until` of earlier ones is known, in step s at most s / ahead_divisor of them.
    /// Then what is carried has a slot more than it needs, and what a block begins with is still there when it ends: where
    /// `until` has ended the loop in the middle of a block, that is gone back to. A block's phase is then the slot of what
    /// it begins with.
    std::int64_t ahead_divisor = 0;
    /// A block holds several looks at `until`, and steps behind one do not wait for it, but where they would write over what
    /// is left of a run that ends with it. Nothing is gone back to.
    bool looks_behind = false;

    const Member& operator[](TensorId id) const { return members[id.index()]; }
    std::span<const TensorId> members_of(int family) const {
        const auto number = static_cast<std::size_t>(family);
        return std::span(by_family).subspan(first_of_family[number],
                                            first_of_family[number + 1] - first_of_family[number]);
    }
    /// The slot of `tensor` in step `step` of a block, from -1 (the one before the block) to the number of its steps.
    int slot(TensorId tensor, const BlockShape& block, std::int64_t step) const;
    /// The phase of the block that follows after all steps of `block`.
    int next_phase(const BlockShape& block) const;
};

/// Who shares the work of a step. The same on all ranks.
struct StepWorkers {
    int ranks = 1;
    int threads = 1;           ///< of the rank; 1 where there are several
    bool asks_others = false;  ///< `until` comes from other ranks, or from a gpu
    bool may_leave_out =
        false;  ///< only cpu lanes compute, each rank its own: they can leave out steps that have been begun
};
Versions find_versions(const Graph& graph, const StepWorkers& workers = {});

/// What a run that `until` ends with a step writes, of what changes from step to step: some outputs, by number.
std::vector<std::size_t> outputs_of_last_step(const Graph& graph, const Versions& versions);

}  // namespace maniple
