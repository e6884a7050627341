#include "cli/own_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.hpp"
#include "cli/write_lock.hpp"
#include "lanes/vulkan/cache_file.hpp"
#include "program/refuse_plan.hpp"

namespace maniple {

namespace {
constexpr const char* file_name = "choices";
}

OwnChoice::OwnChoice(std::string folder, const Graph& graph, const PlanRequest& asked, const PredictionRequest& request)
    : folder_(std::move(folder)), key_(choice_key(graph, asked, request.machine, request.lanes)) {}

KeptChoices OwnChoice::read() const {
    const std::vector<std::uint8_t> bytes = CacheFile(folder_, file_name).read();
    return KeptChoices::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::optional<PlanRequest> OwnChoice::kept_of(const std::vector<PlanRequest>& candidates) const {
    const std::optional<std::string> name = read().of(key_);
    const auto kept = std::find_if(candidates.begin(), candidates.end(),
                                   [&](const PlanRequest& one) { return name_of(one) == name; });
    return kept == candidates.end() ? std::nullopt : std::optional(*kept);
}

std::string OwnChoice::note() const {
    if (plan_ == "data") return "";
    return fmt::format("auto: {}{}", plan_, weighed_ ? "" : ", as in an earlier run");
}

void OwnChoice::keep(double predicted_seconds, double seconds) const {
    const CacheFile file(folder_, file_name);
    std::error_code ignored;
    std::filesystem::create_directories(folder_, ignored);
    const WriteLock lock(file.path() + ".lock");
    if (!lock.held()) return;
    KeptChoices choices = read();
    if (weighed_) {
        choices.add_weighed(key_, plan_, predicted_seconds, seconds);
    } else {
        choices.add_taken(key_, seconds);
    }
    const std::string text = choices.text();
    file.write({text.begin(), text.end()});
}

PlanRequest chosen_together(const World& world, const Graph& graph, const PlanRequest& asked, PredictionRequest request,
                            const Constraints& constraints, const std::string& cache_folder,
                            std::optional<OwnChoice>& own) {
    const bool is_open = asked.strategy == "auto" && asked.from.empty() && world.size() > 1;
    if (!is_open && !constraints.given()) return asked;
    const std::vector<PlanRequest> all = plan_candidates(graph, asked, world.size());
    std::string chosen;
    std::int64_t limit_bytes = asked.memory_bytes, stages = asked.stages;
    together(world, [&] {
        if (!world.is_root()) return;
        request.keeps_choice = is_open && !constraints.given() && !cache_folder.empty();
        if (request.keeps_choice) {
            own.emplace(cache_folder, graph, asked, request);
            if (const auto kept = own->kept_of(all)) chosen = name_of(*kept);
        }
        const bool weighed = chosen.empty();
        if (weighed) {
            const PlanRequest choice = choose_plan(graph, asked, request, constraints);
            if (constraints.given()) require_constraints(graph, asked, choice, request, constraints);
            chosen = name_of(choice);
            limit_bytes = choice.memory_bytes;
            stages = choice.stages;
        }
        if (own) own->take(chosen, weighed);
    });
    chosen = world.broadcast(chosen);
    const auto same = [&](const PlanRequest& one) { return name_of(one) == chosen; };
    PlanRequest taken = is_open ? *std::find_if(all.begin(), all.end(), same) : asked;
    const auto of_root = [&](std::int64_t number) { return *parse_count(world.broadcast(std::to_string(number))); };
    taken.memory_bytes = of_root(limit_bytes);
    taken.stages = static_cast<int>(of_root(stages));
    return taken;
}

}  // namespace maniple
