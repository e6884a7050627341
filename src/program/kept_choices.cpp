#include "program/kept_choices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>

namespace maniple {

namespace {

constexpr std::size_t most_entries = 500;
/// A prediction has come true within this part of it.
constexpr double true_within = 0.25;
/// A plan that takes so many times as long as when it was weighed is weighed again.
constexpr double much_longer = 1.5;
constexpr int enough_weighings = 2;

std::string text_of(const Machine& machine) {
    std::map<std::string, int> nodes;  // their names are other ones in each allocation
    std::string text;
    for (const RankFacts& rank : machine.ranks) {
        const int node = nodes.emplace(rank.host, static_cast<int>(nodes.size())).first->second;
        text += fmt::format("{} {}", node, rank.threads);
        for (const GpuFacts& gpu : rank.gpus) text += ' ' + gpu.name;
        text += '\n';
    }
    return text;
}

/// With what print_graph() leaves out.
std::string text_of(const Graph& graph) {
    std::string text = print_graph(graph);
    for (const Operation& operation : graph.operations) {
        const auto* const bytes = reinterpret_cast<const char*>(operation.parameters.data());
        text.append(bytes, operation.parameters.size() * sizeof(maniple_parameter));
    }
    for (const GraphOutput& output : graph.outputs) text += fmt::format(" {}", output.every);
    return text;
}

/// Numbers of a line in its order, then its rest. False where it is no such line.
template <class... Numbers>
bool read_numbers(std::string_view& line, Numbers&... numbers) {
    const auto read = [&](auto& number) {
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
        if (error != std::errc() || end == line.data() + line.size() || *end != ' ') return false;
        line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
        return true;
    };
    return (read(numbers) && ...);
}

}  // namespace

std::uint64_t choice_key(const Graph& graph, const PlanRequest& asked, const Machine& machine, LaneUse lanes) {
    const std::string text =
        fmt::format("{} {} {} {} {} {} {} {} {} {} {}", text_of(graph), graph.steps, asked.strategy, asked.max_ranks,
                    asked.stages, asked.microbatches, asked.buffer_depth, asked.alternates,
                    static_cast<int>(asked.sharing), static_cast<int>(asked.comm), static_cast<int>(lanes));
    return std::hash<std::string>()(text + '\n' + text_of(machine) + text_of(machine.rates));
}

std::optional<std::string> KeptChoices::of(std::uint64_t key) const {
    const Entry* const entry = find(key);
    if (entry == nullptr) return std::nullopt;
    const bool came_true =
        std::abs(entry->seconds - entry->predicted_seconds) <= true_within * entry->predicted_seconds;
    return came_true || entry->weighed >= enough_weighings ? std::optional(entry->plan) : std::nullopt;
}

void KeptChoices::add_weighed(std::uint64_t key, const std::string& plan, double predicted_seconds, double seconds) {
    Entry entry{key, 1, predicted_seconds, seconds, plan};
    if (const Entry* const before = find(key); before != nullptr) {
        if (before->plan == plan) entry.weighed += before->weighed;
        entries_.erase(entries_.begin() + (before - entries_.data()));
    }
    entries_.push_back(std::move(entry));
    if (entries_.size() > most_entries) entries_.erase(entries_.begin());
}

void KeptChoices::add_taken(std::uint64_t key, double seconds) {
    const Entry* const entry = find(key);
    if (entry != nullptr && seconds > much_longer * entry->seconds)
        entries_.erase(entries_.begin() + (entry - entries_.data()));
}

std::string KeptChoices::text() const {
    std::string text;
    for (const Entry& entry : entries_)
        text += fmt::format("{} {} {} {} {}\n", entry.key, entry.weighed, entry.predicted_seconds, entry.seconds,
                            entry.plan);
    return text;
}

KeptChoices KeptChoices::parse(std::string_view text) {
    KeptChoices choices;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        Entry entry;
        if (!read_numbers(line, entry.key, entry.weighed, entry.predicted_seconds, entry.seconds)) continue;
        entry.plan = line;
        choices.entries_.push_back(std::move(entry));
    }
    return choices;
}

const KeptChoices::Entry* KeptChoices::find(std::uint64_t key) const {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
    return found == entries_.end() ? nullptr : &*found;
}

}  // namespace maniple
