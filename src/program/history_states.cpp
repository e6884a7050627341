#include "program/history_states.hpp"

#include <algorithm>

namespace maniple {

namespace {

/// Finding out what comes of a state takes as long as going through it some times: it is done for so many states, and then for
/// one of so many for which a pattern is asked. Of few accesses little is saved.
constexpr std::size_t first_steps = 3, first_short_steps = 1, short_accesses = 4;
constexpr std::size_t asked_a_step = 32, asked_a_number = 16;
/// Of one pattern: they are looked through one by one.
constexpr std::size_t most_steps = 64;
/// What everybody reads comes into ever new states, and long ones: what only reads is not asked for these.
constexpr std::size_t many_readers = 32;
/// Of all states, which is a few tens of megabytes.
constexpr std::size_t most_pieces = 200'000;

/// Gives each accessor a place, in the order in which they are asked for.
class Places {
public:
    Places(Accessors& by, std::size_t most) : by_(by), has_table_(most > few) {
        by_.clear();
        if (has_table_) table_.reserve(most);
    }

    std::uint32_t of(InstructionId id) {
        const auto next = static_cast<std::uint32_t>(by_.size());
        std::uint32_t place = next;
        if (has_table_) {
            place = table_.try_emplace(id.value, next).first->second;
        } else {
            place = static_cast<std::uint32_t>(std::find(by_.begin(), by_.end(), id) - by_.begin());
        }
        if (place == next) by_.push_back(id);
        return place;
    }

private:
    /// So many are looked through faster than they are found.
    static constexpr std::size_t few = 24;
    Accessors& by_;
    bool has_table_;
    std::unordered_map<std::int32_t, std::uint32_t> table_;
};

std::size_t first_of(const AccessPattern& pattern) {
    return pattern.accesses.size() <= short_accesses ? first_short_steps : first_steps;
}

std::size_t mixed(std::size_t hash, std::int64_t number) {
    return (hash ^ static_cast<std::size_t>(number)) * 0x9e3779b97f4a7c15U;
}

}  // namespace

void HistoryStates::order(History& history, std::span<const AccessPattern::Access> accesses, InstructionId id,
                          Followed& after) {
    for (const AccessPattern::Access& access : accesses) {
        if (access.writes) {
            history.writes.take(access.box, after);
            history.reads.take(access.box, after);
        } else {
            history.writes.find(access.box, after);
        }
    }
    for (const AccessPattern::Access& access : accesses)
        (access.writes ? history.writes : history.reads).add(access.box, id);
}

bool HistoryStates::Found::operator<(const Found& other) const {
    const auto compare = [](const Extents& x, const Extents& y) {
        return std::lexicographical_compare_three_way(x.begin(), x.end(), y.begin(), y.end());
    };
    if (const auto order = compare(box->lo, other.box->lo); order != 0) return order < 0;
    if (const auto order = compare(box->hi, other.box->hi); order != 0) return order < 0;
    return by < other.by;
}

/// In an order that does not depend on how the accesses came to be.
HistoryStates::State HistoryStates::state_of(const History& history, Accessors& by) {
    const auto sort = [](const LiveAccesses& accesses, std::vector<Found>& found) {
        found.clear();
        accesses.for_each([&](const Box& box, InstructionId id) { found.push_back({&box, id}); });
        std::sort(found.begin(), found.end());
    };
    sort(history.writes, writes_);
    sort(history.reads, reads_);
    Places places(by, writes_.size() + reads_.size());
    State state;
    state.writes.reserve(writes_.size());
    state.reads.reserve(reads_.size());
    for (const Found& one : writes_) state.writes.push_back({*one.box, places.of(one.by)});
    for (const Found& one : reads_) state.reads.push_back({*one.box, places.of(one.by)});
    state.accessors = static_cast<std::uint32_t>(by.size());
    return state;
}

std::size_t HistoryStates::hash_of(const State& state) {
    std::size_t hash = state.writes.size();
    for (const std::vector<Piece>* const pieces : {&state.writes, &state.reads}) {
        for (const Piece& piece : *pieces) {
            hash = mixed(hash, piece.by);
            for (const std::int64_t lo : piece.box.lo) hash = mixed(hash, lo);
            for (const std::int64_t hi : piece.box.hi) hash = mixed(hash, hi);
        }
    }
    return hash;
}

int HistoryStates::number_of(const History& history, Accessors& by) {
    State state = state_of(history, by);
    if (state == states_[untouched]) return untouched;
    const std::size_t hash = hash_of(state);
    const auto [first, end] = numbers_.equal_range(hash);
    for (auto known = first; known != end; ++known) {
        if (states_[static_cast<std::size_t>(known->second)] == state) return known->second;
    }
    const int number = static_cast<int>(states_.size());
    pieces_ += state.reads.size() + state.writes.size();
    states_.push_back(std::move(state));
    numbers_.emplace(hash, number);
    return number;
}

History HistoryStates::restored(int number, const Accessors& by) const {
    const State& state = states_[static_cast<std::size_t>(number)];
    History history;
    for (const Piece& piece : state.writes) history.writes.add(piece.box, by[piece.by]);
    for (const Piece& piece : state.reads) history.reads.add(piece.box, by[piece.by]);
    return history;
}

bool HistoryStates::asks_for_more(const AccessPattern& pattern, std::size_t readers) const {
    if (pieces_ >= most_pieces) return false;
    const std::size_t known = pattern.steps.size();
    if (!pattern.writes && readers >= many_readers) return known < first_steps;
    return known < most_steps && known < first_of(pattern) + pattern.asked / asked_a_step;
}

bool HistoryStates::numbers_more(AccessPattern& pattern, std::size_t readers) const {
    if (!asks_for_more(pattern, readers)) return false;
    if (pattern.numbered >= first_of(pattern) + pattern.asked / asked_a_number) return false;
    ++pattern.numbered;
    return true;
}

const AccessPattern::Step* HistoryStates::step(AccessPattern& pattern, int before) {
    const auto known = std::find(pattern.states.begin(), pattern.states.end(), before);
    if (known != pattern.states.end()) return &pattern.steps[static_cast<std::size_t>(known - pattern.states.begin())];
    if (!asks_for_more(pattern, states_[static_cast<std::size_t>(before)].reads.size())) return nullptr;
    pattern.states.push_back(before);
    return &pattern.steps.emplace_back(made_step(pattern, before));
}

/// By going through it: accessors of the state before are instructions 0 to n - 1, those of the stretch come after.
AccessPattern::Step HistoryStates::made_step(const AccessPattern& pattern, int before) {
    const std::uint32_t known = states_[static_cast<std::size_t>(before)].accessors;
    Accessors by;
    for (std::uint32_t place = 0; place < known; ++place) by.emplace_back(std::size_t{place});
    History history = restored(before, by);
    AccessPattern::Step step;
    const std::vector<AccessPattern::Access>& accesses = pattern.accesses;
    for (std::size_t first = 0, end = 0; first < accesses.size(); first = end) {
        const std::uint32_t instruction = accesses[first].instruction;
        while (end < accesses.size() && accesses[end].instruction == instruction) ++end;
        Followed after;
        const InstructionId id(std::size_t{known} + instruction);
        order(history, std::span(accesses).subspan(first, end - first), id, after);
        std::sort(after.begin(), after.end());
        after.erase(std::unique(after.begin(), after.end()), after.end());
        for (const InstructionId one : after)
            step.followed.emplace_back(instruction, static_cast<std::uint32_t>(one.value));
    }
    step.after = number_of(history, by);
    for (const InstructionId one : by) step.accessors.push_back(static_cast<std::uint32_t>(one.value));
    return step;
}

}  // namespace maniple
