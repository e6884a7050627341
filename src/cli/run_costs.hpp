// cli/run_costs.hpp: what a run is predicted to take, and what is kept of it, besides its kernels, for later predictions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lanes/net/world.hpp"
#include "program/kept_choices.hpp"
#include "program/predict.hpp"

namespace maniple {

/// What a run takes beside its blocks of steps: reading the job, making and closing files.
class Overhead {
public:
    /// `strategy`: as it was asked for.
    Overhead(const std::string& job, const std::string& strategy, int ranks);

    /// As such runs took before; if there were none, any runs on so many ranks.
    double seconds(const ThroughputHistory& history) const;
    void add(double seconds, ThroughputHistory& measured) const;

private:
    ThroughputKey own_;
    ThroughputKey any_;
};

/// How long the steps of a run take; of a loop that `until` may end, `steps` of them. Nothing where finding it out would take
/// long, or too much memory. Pure.
std::optional<double> predicted_step_seconds(const Graph& graph, const Plan& plan, const PredictionRequest& request,
                                             std::int64_t steps);

/// What `auto` takes in one run: what it took in earlier ones, if that is kept in the cache folder, else what is weighed.
class OwnChoice {
public:
    OwnChoice(std::string folder, const Graph& graph, const PlanRequest& asked, const PredictionRequest& request);

    /// One of `candidates`; none: they have to be weighed.
    std::optional<PlanRequest> kept_of(const std::vector<PlanRequest>& candidates) const;
    void weighed(std::string plan) { weighed_ = std::move(plan); }
    bool is_weighed() const { return !weighed_.empty(); }
    /// For later runs, how long the steps took. Never fails. Threads: any.
    void keep(double predicted_seconds, double seconds) const;

private:
    KeptChoices read() const;

    std::string folder_;
    std::uint64_t key_;
    std::string weighed_;  ///< empty: it was kept
};

/// Collective: how fast messages are, where neither `maniple devices --measure` nor an earlier run has found out and there is
/// a folder to keep it in. Some hundredths of a second. `known` is the same on all ranks.
void measure_links_once(const World& world, const Machine& machine, const ThroughputHistory& known,
                        ThroughputHistory& measured);

}  // namespace maniple
