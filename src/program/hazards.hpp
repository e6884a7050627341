// program/hazards.hpp: read-after-write, write-after-read and write-after-write between instructions, as edges.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "program/history_states.hpp"
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

    /// Instructions of a stretch: every `stride`th one from `first` on.
    struct Numbering {
        InstructionId first;
        std::size_t stride = 1;

        InstructionId operator()(std::size_t place) const { return InstructionId(first.index() + place * stride); }
    };
    /// The same for what a stretch of instructions does to one buffer: adds to `after`, which begins with that of the first one
    /// and has one for each id. What it finds it keeps in `pattern`, so that the same is done again without a look at boxes.
    void order_again(BufferId buffer, AccessPattern& pattern, const Numbering& number, std::span<Followed> after);
    bool is_apart(BufferId buffer) const { return apart_[buffer.index()]; }

private:
    struct Accessed {
        std::unique_ptr<History> history;  ///< null: it is that state, with accesses by these:
        int state = HistoryStates::untouched;
        Accessors by;
    };
    History& history_of(BufferId buffer);
    const AccessPattern::Step* known_step(Accessed& accessed, AccessPattern& pattern);

    std::vector<bool> apart_;
    std::vector<Accessed> buffers_;
    HistoryStates states_;
};

}  // namespace maniple
