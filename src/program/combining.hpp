// program/combining.hpp: how the states of ranks that fold parts of the same results come together.
#pragma once

#include <vector>

#include "plan/plan.hpp"

namespace maniple {

/// States of members [first, end) that arrive in one message, as rows [first, end) of the gathered states; or merged
/// into one state, row `first`.
struct StateMessage {
    Rank from;
    int first = 0;
    int end = 0;
};

/// One rank's part in combining a fold over the ranks that share its results, its members, numbered in the order of their
/// elements. Where one rank finishes, the states go up a binomial tree whose nodes hold runs of members, so that nobody
/// waits for more than log2(members) messages. A node merges what it holds before it goes on; of a fold that is written
/// out it does not, so that all states are merged by the last one in their order, as if they had come one by one. Where
/// several ranks finish a part each, every member sends each of them its part; or the parts go around a ring of the members,
/// where each adds its own to what comes, in the order of the ring: so a link carries each part once.
struct Combining {
    bool tree = true;
    bool forwards = false;           ///< in a tree: states go on as they are
    bool ring = false;               ///< several finish: their parts go around
    int member = -1;                 ///< -1: this rank folds nothing
    std::vector<Rank> members;       ///< all, by number
    std::vector<StateMessage> from;  ///< ascending by member
    Rank to;                         ///< the next node of the tree; invalid on the last one
    int first_member = 0;            ///< rows of gathered states that this rank holds
    int end_member = 0;
    bool merges = false;  ///< this rank merges states, its own included
};

/// Requires: the operation combines. Pure.
Combining combining_on(const Graph& graph, const Plan& plan, OperationId operation, Rank rank);

}  // namespace maniple
