#include "program/hazards.hpp"

#include <algorithm>

namespace maniple {

History& Hazards::history_of(BufferId buffer) {
    Accessed& accessed = buffers_[buffer.index()];
    if (accessed.history == nullptr)
        accessed.history = std::make_unique<History>(states_.restored(accessed.state, accessed.by));
    return *accessed.history;
}

void Hazards::order(Touched& touched, InstructionId id) {
    Followed& after = touched.after;
    for (const Use& use : touched.reads) {
        if (!apart_[use.buffer.index()]) history_of(use.buffer).writes.find(use.box, after);
    }
    for (const Use& use : touched.writes) {
        if (apart_[use.buffer.index()]) continue;
        History& history = history_of(use.buffer);
        history.writes.take(use.box, after);
        history.reads.take(use.box, after);
    }
    if (after.size() > 1) {
        std::sort(after.begin(), after.end());
        after.erase(std::unique(after.begin(), after.end()), after.end());
    }
    for (const Use& use : touched.writes) {
        if (!apart_[use.buffer.index()]) history_of(use.buffer).writes.add(use.box, id);
    }
    for (const Use& use : touched.reads) {
        if (!apart_[use.buffer.index()]) history_of(use.buffer).reads.add(use.box, id);
    }
}

void Hazards::order_again(BufferId buffer, AccessPattern& pattern, const Numbering& number, std::span<Followed> after) {
    Accessed& accessed = buffers_[buffer.index()];
    if (const AccessPattern::Step* const step = known_step(accessed, pattern)) {
        const auto known = static_cast<std::uint32_t>(accessed.by.size());
        const auto actual = [&](std::uint32_t from) { return from < known ? accessed.by[from] : number(from - known); };
        for (const auto& [instruction, from] : step->followed)
            after[instruction * number.stride].push_back(actual(from));
        Accessors by;
        for (const std::uint32_t from : step->accessors) by.push_back(actual(from));
        accessed.by = std::move(by);
        accessed.state = step->after;
        return;
    }
    History& history = history_of(buffer);
    const std::span<const AccessPattern::Access> accesses = pattern.accesses;
    for (std::size_t i = 0, end = 0; i < accesses.size(); i = end) {
        const std::uint32_t instruction = accesses[i].instruction;
        while (end < accesses.size() && accesses[end].instruction == instruction) ++end;
        HistoryStates::order(history, accesses.subspan(i, end - i), number(instruction),
                             after[instruction * number.stride]);
    }
}

/// What `pattern` makes of a buffer, which then has a state; null where that is not worth while.
const AccessPattern::Step* Hazards::known_step(Accessed& accessed, AccessPattern& pattern) {
    ++pattern.asked;
    if (accessed.history != nullptr) {
        if (!states_.numbers_more(pattern, accessed.history->reads.size())) return nullptr;
        accessed.state = states_.number_of(*accessed.history, accessed.by);
        accessed.history.reset();
    }
    return states_.step(pattern, accessed.state);
}

}  // namespace maniple
