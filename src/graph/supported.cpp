#include "graph/supported.hpp"

#include <algorithm>
#include <set>
#include <string>

namespace maniple {

namespace {

[[noreturn]] void refuse(const Place& place, const std::string& what) {
    throw UnavailableError(place, what + " is not built in yet");
}

void check_plan(const PlanSpec& plan) {
    static const std::set<std::string> carried_out = {
        "strategy", "max_ranks", "max_devices",  "max_time", "memory",       "lanes",  "data",
        "model",    "pipeline",  "microbatches", "schedule", "buffer_depth", "stages", "from"};
    for (const auto& [key, place] : plan.key_places) {
        if (!carried_out.contains(key)) refuse(place, "plan: {" + key + ": …}");
    }
}

}  // namespace

void refuse_unsupported(const Job& job) {
    if (!job.kernels.empty()) refuse(job.kernels[0].place, "a kernel pack");
    if (!job.parameters.empty()) refuse(job.parameters[0].input.place, "parameters:");
    if (job.train) refuse(job.train->place, "train:");
    if (job.checkpoint) refuse(job.checkpoint->place, "checkpoint:");
    check_plan(job.plan);
}

}  // namespace maniple
