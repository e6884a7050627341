#include "program/lane_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/whole_numbers.hpp"

namespace maniple {

namespace {

/// Below this an operation is over sooner on the cpu than a gpu has begun.
constexpr std::int64_t gpu_worthy_bytes = std::int64_t{4} << 20;

std::int64_t bytes_touched(const Graph& graph, const Operation& operation) {
    std::int64_t bytes = 0;
    for (const TensorId input : operation.inputs) bytes = capped_sum(bytes, graph[input].bytes());
    for (const TensorId output : operation.outputs) bytes = capped_sum(bytes, graph[output].bytes());
    return bytes;
}

std::string types_text(const Graph& graph, const Operation& operation) {
    std::vector<std::string_view> names;
    for (const TensorId input : operation.inputs) names.push_back(name_of(graph[input].dtype));
    return fmt::format("{}({})", operation.kernel->name, fmt::join(names, ", "));
}

class Chooser {
public:
    Chooser(const Graph& graph, const RankFacts& facts, LaneUse use) : graph_(graph), use_(use) {
        choice_.gpus = facts.gpus;
        choice_.threads = facts.threads;
    }

    LaneChoice choose() {
        if ((use_ == LaneUse::gpu || use_ == LaneUse::both) && choice_.gpus.empty()) {
            throw UnavailableError(std::string("--lanes ") + (use_ == LaneUse::gpu ? "gpu" : "both") +
                                   ": this rank has no gpu lane");
        }
        bool all_cpu = true;
        for (const Operation& operation : graph_.operations) {
            choice_.lanes.push_back(lanes_of(operation));
            all_cpu = all_cpu && choice_.lanes.back() == std::vector<int>{LaneChoice::cpu_lane};
        }
        if (all_cpu) {
            choice_.lanes.clear();
            choice_.gpus.clear();
        }
        for (const std::string& name : without_variant_)
            choice_.notes.push_back(name + " has no gpu variant here: it runs on the cpu");
        note_not_compared();
        return std::move(choice_);
    }

private:
    std::vector<int> lanes_of(const Operation& operation) {
        if (!operation.has_code()) return {LaneChoice::cpu_lane};
        if (operation.twin_of.valid()) return others(operation, choice_.lanes[operation.twin_of.index()]);
        return operation.pin.lane == LanePin::Lane::none ? by_use(operation) : pinned(operation);
    }

    /// Lanes on which every part of the operation is computed by another one than in `lanes`.
    std::vector<int> others(const Operation& operation, std::vector<int> lanes) const {
        const bool beside_cpu = std::find(lanes.begin(), lanes.end(), LaneChoice::cpu_lane) != lanes.end();
        if (lanes.size() > 1 && beside_cpu) {
            std::rotate(lanes.begin(), lanes.begin() + 1, lanes.end());
            return lanes;
        }
        for (int gpu = 0; gpu < static_cast<int>(choice_.gpus.size()) && lanes[0] == LaneChoice::cpu_lane; ++gpu) {
            if (can_run(operation, choice_.gpus[static_cast<std::size_t>(gpu)])) return {gpu};
        }
        return {LaneChoice::cpu_lane};
    }

    std::vector<int> by_use(const Operation& operation) {
        const std::vector<int> cpu = {LaneChoice::cpu_lane};
        if (use_ == LaneUse::cpu || choice_.gpus.empty()) return cpu;
        if (use_ == LaneUse::automatic && bytes_touched(graph_, operation) < gpu_worthy_bytes) return cpu;
        std::vector<int> lanes = use_ == LaneUse::both ? cpu : std::vector<int>{};
        for (int gpu = 0; gpu < static_cast<int>(choice_.gpus.size()); ++gpu) {
            const GpuFacts& facts = choice_.gpus[static_cast<std::size_t>(gpu)];
            if (use_ == LaneUse::automatic && facts.software) continue;
            if (can_run(operation, facts)) lanes.push_back(gpu);
        }
        const bool none = lanes.empty() || lanes == cpu;
        if (none && use_ != LaneUse::automatic) note_without(operation);
        return lanes.empty() ? cpu : lanes;
    }

    std::vector<int> pinned(const Operation& operation) {
        const LanePin& pin = operation.pin;
        if (pin.lane == LanePin::Lane::cpu) return {LaneChoice::cpu_lane};
        const int count = static_cast<int>(choice_.gpus.size());
        if (pin.device && *pin.device >= count) {
            throw UnavailableError(pin.place, fmt::format("place: gpu:{}: this rank has {} gpu {}", *pin.device, count,
                                                          count == 1 ? "lane" : "lanes"));
        }
        if (count == 0) throw UnavailableError(pin.place, "place: gpu: this rank has no gpu lane");
        std::vector<int> lanes(static_cast<std::size_t>(count));
        std::iota(lanes.begin(), lanes.end(), 0);
        if (pin.device) lanes = {*pin.device};
        std::erase_if(lanes, [&](int gpu) { return !can_run(operation, choice_.gpus[static_cast<std::size_t>(gpu)]); });
        if (lanes.empty()) {
            throw UnavailableError(pin.place, "place: " + types_text(graph_, operation) + " has no gpu variant here");
        }
        return lanes;
    }

    void note_without(const Operation& operation) { add_once(without_variant_, types_text(graph_, operation)); }

    /// With --validate: the operations that no two lanes compute.
    void note_not_compared() {
        std::vector<bool> compared(graph_.operations.size(), false);
        bool validated = false;
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const OperationId first = graph_.operations[i].twin_of;
            if (!first.valid()) continue;
            validated = true;
            const bool apart = !choice_.lanes.empty() && choice_.lanes[i] != choice_.lanes[first.index()];
            compared[i] = compared[first.index()] = apart;
        }
        if (!validated) return;
        std::vector<std::string> alone;
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (!compared[i] && graph_.operations[i].has_code())
                add_once(alone, types_text(graph_, graph_.operations[i]));
        }
        for (const std::string& text : alone)
            choice_.notes.push_back("--validate: " + text + " is not compared: no gpu of this rank runs it");
    }

    static void add_once(std::vector<std::string>& texts, const std::string& text) {
        if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
    }

    const Graph& graph_;
    LaneUse use_;
    LaneChoice choice_;
    std::vector<std::string> without_variant_;
};

}  // namespace

LaneUse parse_lane_use(std::string_view word) {
    if (word == "auto") return LaneUse::automatic;
    if (word == "cpu") return LaneUse::cpu;
    if (word == "gpu") return LaneUse::gpu;
    if (word == "both") return LaneUse::both;
    throw UsageError("lanes: expected auto, cpu, gpu or both, found '" + std::string(word) + "'");
}

bool LaneChoice::uses_host_memory(int lane) const {
    if (lane == cpu_lane) return true;
    const auto first = std::find_if(gpus.begin(), gpus.end(), [](const GpuFacts& gpu) { return gpu.unified; });
    return first != gpus.end() && first - gpus.begin() == lane;
}

bool has_cpus_alone(const Machine& machine) {
    return std::all_of(machine.ranks.begin(), machine.ranks.end(),
                       [](const RankFacts& rank) { return rank.gpus.empty(); });
}

bool can_run(const Operation& operation, const GpuFacts& gpu) {
    const maniple_gpu_variant* variant = operation.kernel->gpu_variant(operation.types);
    return variant != nullptr && (variant->features & ~gpu.features) == 0;
}

LaneChoice choose_lanes(const Graph& graph, const RankFacts& facts, LaneUse use) {
    return Chooser(graph, facts, use).choose();
}

}  // namespace maniple
