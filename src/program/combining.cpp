#include "program/combining.hpp"

#include <algorithm>

#include "base/whole_numbers.hpp"

namespace maniple {

namespace {

void join_tree(Combining& combining) {
    const int count = static_cast<int>(combining.members.size());
    const int me = combining.member;
    combining.first_member = me;
    combining.end_member = me + 1;
    for (int step = 1; me + step < count && (me & step) == 0; step *= 2) {
        const int end = std::min(me + 2 * step, count);
        combining.from.push_back({combining.members[static_cast<std::size_t>(me + step)], me + step, end});
        combining.end_member = end;
    }
    if (me > 0) combining.to = combining.members[static_cast<std::size_t>(me & (me - 1))];
    combining.merges = me == 0 || (!combining.from.empty() && !combining.forwards);
}

/// Where there are several parts, whether they go around: not where the order of the elements counts, as nobody says that it
/// does not of a fold that is written out. The same for all members.
bool goes_around(const Graph& graph, const Plan& plan, OperationId id, const Combining& combining) {
    constexpr std::size_t fewest_members = 3;
    if (combining.tree || combining.forwards || combining.members.size() < fewest_members) return false;
    const Operation& operation = graph[id];
    const Box largest = results_of(graph, plan, id, combining.members.front());
    const std::int64_t bytes = capped_product(largest.volume(), operation.kernel->types[operation.types].state_bytes);
    return choose_kind(plan.comm, {combining.members, plan[id].finishers, bytes, false, false}) == MessageKind::ring;
}

void gather_all(Combining& combining) {
    combining.end_member = static_cast<int>(combining.members.size());
    for (int member = 0; member < combining.end_member; ++member) {
        if (member != combining.member)
            combining.from.push_back({combining.members[static_cast<std::size_t>(member)], member, member + 1});
    }
    combining.merges = true;
}

}  // namespace

Combining combining_on(const Graph& graph, const Plan& plan, OperationId id, Rank rank) {
    Combining combining;
    combining.tree = plan[id].finishers == 1;
    combining.forwards = graph[id].kernel->signature.fold == "fold";
    combining.members = combining_ranks(graph, plan, id, rank);
    const auto found = std::find(combining.members.begin(), combining.members.end(), rank);
    if (found != combining.members.end()) combining.member = static_cast<int>(found - combining.members.begin());
    combining.ring = combining.member >= 0 && goes_around(graph, plan, id, combining);
    const bool finishes = !results_of(graph, plan, id, rank).empty();
    if (combining.member < 0) {
        combining.merges = finishes;  // nothing was folded: the neutral state
    } else if (combining.tree) {
        join_tree(combining);
    } else if (combining.ring) {
        combining.merges = true;
    } else if (finishes) {
        gather_all(combining);
    }
    return combining;
}

}  // namespace maniple
