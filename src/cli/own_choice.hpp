// cli/own_choice.hpp: which plan a run takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lanes/net/world.hpp"
#include "program/choose_plan.hpp"
#include "program/kept_choices.hpp"

namespace maniple {

/// What `auto` takes in one run: what it took in earlier ones, if that is kept in the cache folder, else what is weighed.
class OwnChoice {
public:
    OwnChoice(std::string folder, const Graph& graph, const PlanRequest& asked, const PredictionRequest& request);

    /// One of `candidates`; none: they have to be weighed.
    std::optional<PlanRequest> kept_of(const std::vector<PlanRequest>& candidates) const;
    void take(std::string plan, bool weighed) {
        plan_ = std::move(plan);
        weighed_ = weighed;
    }
    bool is_weighed() const { return weighed_; }
    /// A line for the user; empty where it is what `data` would be.
    std::string note() const;
    /// For later runs, how long the steps took. Never fails. Threads: any.
    void keep(double predicted_seconds, double seconds) const;

private:
    KeptChoices read() const;

    std::string folder_;
    std::uint64_t key_;
    std::string plan_;
    bool weighed_ = false;
};

/// Collective: what `asked` asks for; instead of `auto`, what was kept or what rank 0 finds best. `own` is set on rank 0 where
/// later runs will want to know of it, which they do not where constraints are `given` or the run has no `cache_folder`.
/// Errors: as require_constraints().
PlanRequest chosen_together(const World& world, const Graph& graph, const PlanRequest& asked, PredictionRequest request,
                            const Constraints& constraints, const std::string& cache_folder,
                            std::optional<OwnChoice>& own);

}  // namespace maniple
