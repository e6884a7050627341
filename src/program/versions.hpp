// program/versions.hpp: which tensors of successive steps share storage.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.hpp"

namespace maniple {

/// Tensors that are one value at different steps: with `carry: {u: v}`, u in step s + 1 is v in step s. Member x in
/// step s is the family's version s + 1 − delay(x); version t lies in slot t mod slots.
struct Family {
    TensorId head;  ///< the computed member (delay 0), or the only one
    int slots = 1;
    bool stationary = false;  ///< the same in every step: only version 0 exists
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
    int block_steps = 16;  ///< at most so many steps in a program: bounds its size
    int period = 1;        ///< after so many steps every slot holds what it held: lcm of the slots

    const Member& operator[](TensorId id) const { return members[id.index()]; }
    std::span<const TensorId> members_of(int family) const {
        const auto number = static_cast<std::size_t>(family);
        return std::span(by_family).subspan(first_of_family[number],
                                            first_of_family[number + 1] - first_of_family[number]);
    }
    /// The slot of `tensor` in step `step` (any number congruent modulo the period).
    int slot(TensorId tensor, std::int64_t step) const;
    /// The slot that carry copy `input` writes in step `step`: the tensor's slot in the next one.
    int next_slot(TensorId input, std::int64_t step) const { return slot(input, step + 1); }
};

Versions find_versions(const Graph& graph);

}  // namespace maniple
