#include "graph/supported.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace maniple {

namespace {

[[noreturn]] void refuse(const Place& place, const std::string& what) {
    throw UnavailableError(place, what + " is not built in yet");
}

void check_plan(const PlanSpec& plan) {
    static const std::set<std::string> carried_out = {
        "strategy", "max_ranks", "max_devices",  "memory_use", "max_time",     "memory", "lanes", "data",
        "model",    "pipeline",  "microbatches", "schedule",   "buffer_depth", "stages", "from"};
    // Of these some values, the default among them.
    struct Chosen {
        std::string value;
        std::set<std::string> carried_out;
    };
    const std::map<std::string, Chosen> by_value = {
        {"sharing", {plan.sharing, {"weighted", "round-robin", "adaptive", "dynamic"}}},
        {"comm", {plan.comm, {"auto", "p2p", "collective"}}},
        {"reproducible", {plan.reproducible.value_or(false) ? "true" : "false", {"false"}}},
    };
    for (const auto& [key, place] : plan.key_places) {
        const auto chosen = by_value.find(key);
        if (chosen == by_value.end()) {
            if (!carried_out.contains(key)) refuse(place, "plan: {" + key + ": …}");
        } else if (!chosen->second.carried_out.contains(chosen->second.value)) {
            refuse(place, "plan: {" + key + ": " + chosen->second.value + "}");
        }
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
