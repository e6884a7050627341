// program/hazards.hpp: read-after-write, write-after-read and write-after-write between instructions, as edges.
#pragma once

#include <vector>

#include "program/live_accesses.hpp"
#include "program/program.hpp"

namespace maniple {

/// What an instruction reads and writes, and what it has to follow because of that.
struct Touched {
    ShortVector<Use, 2> reads;
    ShortVector<Use, 1> writes;
    Followed after;
};

/// Sees instructions in a serial order that is right and finds for each the earlier ones that it must follow.
/// Near-linear in the accesses and in the edges that they give.
class Hazards {
public:
    /// `apart`: by buffer, whether each chunk has one of its own.
    explicit Hazards(std::vector<bool> apart) : apart_(std::move(apart)), buffers_(apart_.size()) {}

    /// Adds to touched.after, which is then ascending, each once. Call once for each instruction, with ascending ids.
    void order(Touched& touched, InstructionId id);

private:
    /// What a later instruction may still conflict with: a write takes the place of what was there before it.
    struct History {
        LiveAccesses reads;
        LiveAccesses writes;
    };
    std::vector<bool> apart_;
    std::vector<History> buffers_;
};

}  // namespace maniple
