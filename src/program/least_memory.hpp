// program/least_memory.hpp: of a request that does not fit, the memory that would do.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "program/choose_plan.hpp"

namespace maniple {

/// Operations that may be laid out to find out what would do: clocks would tell ranks and runs different things.
class LookBudget {
public:
    explicit LookBudget(std::size_t operations) : left_(operations) {}

    bool has(std::size_t operations) const { return operations <= left_; }
    void spend(std::size_t operations) { left_ -= has(operations) ? operations : left_; }

private:
    std::size_t left_;
};

/// A plan with what its fullest rank needs at least.
struct Need {
    std::string name;
    PeakMemory peak;
    std::size_t laid_out = 0;  ///< operations, to find that out for the plans that were not known
    bool is_settled = true;    ///< false: so large that settle_memory() looks at one plan alone
};

/// What the plans of one request need, with all that may be done to need less. They depend on the limit in that stages are
/// cut for it alone: a limit is enough if it is for one of the plans that are cut without it, or for it.
/// Borrows; one thread at a time.
class RequestNeeds {
public:
    /// Requires: `wanted` is not `auto`.
    RequestNeeds(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request, MemoryUse use)
        : graph_(graph), wanted_(wanted), request_(request), use_(use) {}

    /// In whatever way its stages are cut without the job's limit.
    Need least();
    /// Whether a limit makes any difference.
    bool depends_on_limit() const;
    /// Cut for a limit; nothing where it would take too long to know. Requires: depends_on_limit().
    std::optional<Need> under(std::int64_t bytes, LookBudget& budget);

private:
    bool is_limited() const { return wanted_.memory_bytes > 0; }
    std::vector<PlanRequest> ways_without_limit() const;
    /// Nothing: not known yet.
    const Need* find(const PlannedGraph& made) const;
    Need add(const PlanRequest& way, const PlannedGraph& made);

    const Graph& graph_;
    const PlanRequest& wanted_;
    const PredictionRequest& request_;
    MemoryUse use_;
    std::map<std::string, Need> known_;  ///< by plan_identity()
    std::size_t dearest_ = 0;            ///< of their laid_out
};

/// RequestNeeds::least(). Pure.
Need need_of(const Graph& graph, const PlanRequest& wanted, const PredictionRequest& request, MemoryUse use);

/// A limit that is enough.
struct EnoughMemory {
    std::int64_t bytes = 0;
    std::optional<PeakMemory> peak;  ///< under it, where it is another than was known
    bool is_least = false;           ///< a byte less is not enough; false: nobody has looked, it would take too long
};

/// What comes of a limit.
struct Trial {
    bool fits = false;
    PeakMemory peak = {};  ///< where it fits
};
/// As a run would plan it. Pure; costs choose_plan().
Trial trial_of(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
               const Constraints& constraints);
/// Nothing: it would take too long to know.
using TryLimit = std::function<std::optional<Trial>(std::int64_t bytes)>;

/// Searches from `enough`, a limit that is, downwards to `refused`, one that is not. Stages are cut by estimates, so that
/// what a limit gives does not fall evenly with it: there may be a still smaller one that is enough, below one that is not.
EnoughMemory least_enough(std::int64_t refused, std::int64_t enough, const TryLimit& try_limit);

}  // namespace maniple
