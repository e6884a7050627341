// cli/run_costs.hpp: what a run is predicted to take, and what is kept of it, besides its kernels, for later predictions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lanes/net/world.hpp"
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

/// Collective: how fast messages are, where `maniple devices --measure` has not found out and fewer than three runs have, Open
/// MPI may use all its ways, the ranks of the first node have a core each, and there is a folder to keep it in. Some hundredths
/// of a second. A message that fails is no error, then nothing is kept. `known` is the same on all ranks.
void measure_links(const World& world, const Machine& machine, const ThroughputHistory& known,
                   ThroughputHistory& measured);

}  // namespace maniple
