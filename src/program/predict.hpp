// program/predict.hpp: how long a plan takes on a machine, what it sends and needs, found by simulating its programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "program/lane_choice.hpp"
#include "program/layout.hpp"
#include "program/simulate.hpp"

namespace maniple {

/// What a plan is predicted for. Borrows the history.
struct PredictionRequest {
    const Machine& machine;  ///< with its rates
    const ThroughputHistory& history;
    LaneUse lanes = LaneUse::automatic;
    bool cpus_alone = false;   ///< the machine's gpus are not known: as if there were none, whatever asks for one
    bool keeps_choice = true;  ///< what is chosen is kept for later runs, so that it may take longer to choose
    /// Of a plan for one rank: what has been built of it already, with the lanes that the rank would have. Borrowed;
    /// null: it is built.
    const Layout* layout = nullptr;
    const Program* program = nullptr;  ///< of one of its blocks
};

/// Of a whole run; where `until` may end it before, of all its steps.
struct Prediction {
    double seconds = 0;
    double cpu_busy_seconds = 0;        ///< of all threads of all ranks
    double busiest_seconds = 0;         ///< what the lanes of the rank with most work compute, were they never idle
    double idle_share = 0;              ///< of the lanes that compute: the part of the time in which they do not
    std::int64_t simulated_chunks = 0;  ///< what finding this out has cost
    std::int64_t messages = 0;
    std::int64_t message_bytes = 0;
    std::int64_t peak_bytes = 0;  ///< of the host's buffers, on the fullest rank
    Rank fullest;
    CriticalWay way;  ///< of all blocks together
};

/// By rank: the lanes that compute, with their shares. Errors: as predict().
std::vector<LaneChoice> lanes_of_ranks(const Graph& graph, const Plan& plan, const PredictionRequest& request);

/// What the fullest rank of a plan needs.
struct PeakMemory {
    std::int64_t bytes = 0;  ///< of the host's buffers
    Rank fullest;
    std::string largest;  ///< of its buffers, for people: "'u@0' [0:8, 0:8], 256 B"
};

/// The layout of the rank whose host buffers take most, the first of several; among fullest_ranks(). Pure; makes all those, and
/// keeps one at a time: they may be large. Errors: as predict().
Layout fullest_layout(const Graph& graph, const Plan& plan, const PredictionRequest& request);

/// Pure; costs the layouts of fullest_ranks(). Errors: as predict().
PeakMemory peak_memory(const Graph& graph, const Plan& plan, const PredictionRequest& request);

/// "31.2 s", "4.5 ms", "2 h".
std::string duration_text(double seconds);

/// "'u@0' [0:8, 0:8], 256 B": the largest buffer.
std::string largest_text(const Layout& layout);

/// Simulates each different block of steps once, from a common beginning of all ranks, and adds them up as often as they
/// come: what one block's stragglers hide in the next is not counted. Pure; costs the programs of all ranks, which it builds
/// one by one, on up to eight threads of its own.
/// Errors: UnavailableError where `lanes` ask for a gpu that a rank does not have.
Prediction predict(const Graph& graph, const Plan& plan, const PredictionRequest& request);

}  // namespace maniple
