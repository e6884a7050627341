// program/history_states.hpp: what may have been done to a buffer before, numbered, and what the same accesses make of each.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/short_vector.hpp"
#include "program/live_accesses.hpp"
#include "tensor/box.hpp"

namespace maniple {

/// What a later instruction may still conflict with: a write takes the place of what was there before it.
struct History {
    LiveAccesses reads;
    LiveAccesses writes;
};

/// Who a state's accesses are by: the state says which box is whose by a place in this list.
using Accessors = ShortVector<InstructionId, 12>;

/// What a stretch of instructions does to one buffer.
struct AccessPattern {
    struct Access {
        std::uint32_t instruction = 0;  ///< counted from the first one of the stretch
        bool writes = false;
        Box box;
    };
    /// What comes of a state. Of `from`, below the number of the state's accessors one of these, else an instruction of the stretch.
    struct Step {
        int after = -1;
        std::vector<std::pair<std::uint32_t, std::uint32_t>> followed;  ///< an instruction of the stretch, from
        std::vector<std::uint32_t> accessors;                           ///< of the state after: from
    };
    std::vector<Access> accesses;  ///< in the order of the instructions; of each what it reads comes first
    bool writes = false;           ///< any of them does
    std::size_t asked = 0;         ///< what comes of them, whoever answered
    std::size_t numbered = 0;      ///< so often a state was numbered for it
    std::vector<int> states;       ///< those that it has been asked for
    std::vector<Step> steps;       ///< what comes of each
};

/// States are equal in all that is in reach of later instructions; by whom is no part of them.
class HistoryStates {
public:
    /// Adds those whom the instruction of these accesses, `id`, has to follow. Requires: reads come before writes.
    static void order(History& history, std::span<const AccessPattern::Access> accesses, InstructionId id,
                      Followed& after);

    static constexpr int untouched = 0;  ///< the state of a buffer that nobody has accessed

    /// The number of a history's state, and by whom its accesses are.
    int number_of(const History& history, Accessors& by);
    /// A history in that state.
    History restored(int number, const Accessors& by) const;
    /// Whether it is worth while to number a history with so many reads for step().
    bool numbers_more(AccessPattern& pattern, std::size_t readers) const;
    /// What the accesses of `pattern` make of a state; null where that is not worth while. Valid until it is asked again.
    const AccessPattern::Step* step(AccessPattern& pattern, int before);

private:
    struct Piece {
        Box box;
        std::uint32_t by = 0;

        bool operator==(const Piece&) const = default;
    };
    /// An access of a history that stays where it is.
    struct Found {
        const Box* box;
        InstructionId by;

        bool operator<(const Found& other) const;
    };
    struct State {
        std::vector<Piece> reads, writes;
        std::uint32_t accessors = 0;

        bool operator==(const State&) const = default;
    };
    bool asks_for_more(const AccessPattern& pattern, std::size_t readers) const;
    State state_of(const History& history, Accessors& by);
    static std::size_t hash_of(const State& state);
    AccessPattern::Step made_step(const AccessPattern& pattern, int before);

    std::vector<State> states_ = std::vector<State>(1);
    std::size_t pieces_ = 0;  ///< of all of them
    std::unordered_multimap<std::size_t, int> numbers_;  ///< by hash
    std::vector<Found> reads_, writes_;  ///< of the history that is being numbered; kept for their memory
};

}  // namespace maniple
