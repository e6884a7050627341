#include "program/constraints.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace maniple {

MemoryLimit memory_limit(const Job& job, std::int64_t memory_bytes, int ranks_on_node) {
    if (job.plan.memory_bytes)
        return {*job.plan.memory_bytes, "the job's plan: {memory: …}", job.plan.place_of("memory")};
    return {memory_bytes / ranks_on_node, ranks_on_node == 1
                                              ? "this machine's memory"
                                              : fmt::format("this machine's memory shared by {} ranks", ranks_on_node)};
}

Constraints constraints_of(const Job& job, MemoryLimit memory) {
    Constraints constraints;
    constraints.memory = std::move(memory);
    if (job.plan.memory_use == "fast") constraints.memory_use = MemoryUse::fast;
    if (job.plan.memory_use == "small") constraints.memory_use = MemoryUse::small;
    constraints.max_seconds = job.plan.max_time_seconds.value_or(0);
    constraints.time_place = job.plan.place_of("max_time");
    return constraints;
}

std::string broken_by(const Prediction& prediction, const Constraints& constraints) {
    if (!constraints.has_memory_for(prediction.peak_bytes))
        return fmt::format("does not fit {}", constraints.memory.origin);
    if (!constraints.has_time_for(prediction.seconds))
        return "longer than max_time: " + duration_text(constraints.max_seconds);
    return "";
}

Machine with_devices(Machine machine, std::int64_t most) {
    std::vector<std::size_t> kept(machine.ranks.size(), 0);
    for (std::size_t turn = 0; most > 0; ++turn) {
        bool any = false;
        for (std::size_t rank = 0; rank < kept.size() && most > 0; ++rank) {
            if (machine.ranks[rank].gpus.size() <= turn) continue;
            any = true;
            ++kept[rank];
            --most;
        }
        if (!any) break;
    }
    for (std::size_t rank = 0; rank < kept.size(); ++rank) machine.ranks[rank].gpus.resize(kept[rank]);
    return machine;
}

}  // namespace maniple
