// program/hazards.hpp: read-after-write, write-after-read and write-after-write between instructions, as edges.
#pragma once

#include <vector>

#include "program/program.hpp"

namespace maniple {

/// Sees instructions in a serial order that is right and finds for each the earlier ones that it must follow.
class Hazards {
public:
    /// `apart`: by buffer, whether each chunk has one of its own.
    explicit Hazards(std::vector<bool> apart) : apart_(std::move(apart)), buffers_(apart_.size()) {}

    /// Fills instruction.after. Call once for each instruction, with ascending ids.
    void order(Instruction& instruction, InstructionId id);

private:
    struct Access {
        Box box;
        InstructionId by;
    };
    /// What a later instruction may still conflict with: a write drops what it covers wholly.
    struct History {
        std::vector<Access> reads;
        std::vector<Access> writes;
    };
    std::vector<bool> apart_;
    std::vector<History> buffers_;
};

}  // namespace maniple
