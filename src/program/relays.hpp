// program/relays.hpp: where several ranks need the same of a tensor: what they hand on to each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <tuple>
#include <vector>

#include "program/collectives.hpp"
#include "program/layout.hpp"

namespace maniple {

/// One rank's part in handing on a tensor that an operation reads, or `until`. Follows from the plan alone, so that all who
/// take part find the same.
struct Relay {
    std::vector<Hop> hops;
    Box received;        ///< what this rank has of the tensor after, its own part included; empty: it needs nothing
    Box own;             ///< of that, what it had before
    bool joins = false;  ///< its own part goes on together with others: they have to lie in one buffer
    bool whole = false;  ///< this rank, and those that it serves, need nothing else of the tensor for the operation

    /// Parts of this rank's that others have after.
    struct Served {
        std::vector<Rank> ranks;  ///< ascending
        Box box;
    };
    std::vector<Served> served;
    bool is_candidate = false;  ///< several ranks need the same, however that reaches them

    /// What `rank` has of this rank's own after; empty: nothing by this.
    Box reaches(Rank rank) const;
};

/// Whether different ranks own different parts of a tensor; of one that is loaded each has read all that it needs.
bool is_made_by_ranks(const Graph& graph, TensorId id);

/// Finds relays of one rank, and keeps them: steps of a loop are alike. Borrows graph and plan. Pure.
class Relays {
public:
    Relays(const Graph& graph, const Plan& plan, Rank me);
    Relays(const Relays&) = delete;

    /// Of argument number `argument` of `operation`. Nothing for tensors that are loaded: each rank reads what it needs.
    const Relay& of_argument(OperationId operation, std::size_t argument);
    /// Of a tensor that all ranks need as a whole.
    const Relay& to_all(TensorId tensor);
    /// Whether every rank owns what it reads of that argument's tensor. O(ranks), once.
    bool is_local(OperationId operation, std::size_t argument);

private:
    Relay find(OperationId operation, std::size_t argument) const;
    bool add_group(TensorId tensor, std::vector<Rank> members, const Box& need, Relay& relay) const;
    Gathering gathering_of(TensorId tensor, std::vector<Rank> members, const Box& need) const;
    bool find_local(OperationId operation, std::size_t argument) const;

    using Key = std::pair<OperationId, std::size_t>;
    const Graph& graph_;
    const Plan& plan_;
    Rank me_;
    std::vector<std::uint32_t> first_argument_;  ///< by operation: its first one's number in of_arguments_
    std::vector<const Relay*> of_arguments_;     ///< none: not looked at yet
    std::deque<Relay> found_;                    ///< those of of_arguments_ in which anything is handed on
    std::vector<Relay> none_;                    ///< by rank of a tensor: where nothing is
    std::map<TensorId, Relay> to_all_;
    std::map<Key, bool> local_;
};

}  // namespace maniple
