// plan:

#include <algorithm>

#include "base/text.hpp"
#include "job/sections.hpp"

namespace maniple {

namespace {

const std::vector<std::string> grid_strategies = {"data", "model", "pipeline"};

/// A key that holds one of a few words.
struct WordKey {
    std::string key;
    std::string PlanSpec::*value;
    std::vector<std::string> words;
};

const std::vector<WordKey>& word_keys() {
    static const std::vector<WordKey> all = {
        {"schedule", &PlanSpec::schedule, {"gpipe", "1f1b"}},
        {"lanes", &PlanSpec::lanes, {"auto", "cpu", "gpu", "both"}},
        {"sharing", &PlanSpec::sharing, {"round-robin", "weighted", "adaptive", "dynamic"}},
        {"memory_use", &PlanSpec::memory_use, {"fast", "balanced", "small"}},
        {"comm", &PlanSpec::comm, {"auto", "p2p", "collective"}},
    };
    return all;
}

/// A key that holds a count.
struct CountKey {
    std::string key;
    std::optional<std::int64_t> PlanSpec::*value;
    std::int64_t minimum;
};

const std::vector<CountKey>& count_keys() {
    static const std::vector<CountKey> all = {
        {"stages", &PlanSpec::stages, 1},           {"microbatches", &PlanSpec::microbatches, 1},
        {"max_ranks", &PlanSpec::max_ranks, 1},     {"buffer_depth", &PlanSpec::buffer_depth, 1},
        {"max_devices", &PlanSpec::max_devices, 0},
    };
    return all;
}

std::vector<std::string> known_keys() {
    std::vector<std::string> keys = {"strategy"};
    for (const CountKey& count : count_keys()) keys.push_back(count.key);
    for (const WordKey& word : word_keys()) keys.push_back(word.key);
    for (const char* key : {"memory", "max_time", "reproducible", "from"}) keys.emplace_back(key);
    keys.insert(keys.end(), grid_strategies.begin(), grid_strategies.end());
    return keys;
}

void read_hybrid(Reading& reading, const Section& section, PlanSpec& plan) {
    for (const YamlEntry* entry : section.entries()) {
        const YamlNode& key = entry->first;
        const YamlNode& value = entry->second;
        if (std::find(grid_strategies.begin(), grid_strategies.end(), key.value) == grid_strategies.end()) continue;
        reading.attempt([&] { plan.hybrid.emplace_back(key.value, read_count(value, 1)); });
    }
    if (plan.hybrid.empty()) return;
    if (section.find("strategy") != nullptr) {
        reading.error(section.key_place("strategy"),
                      "'strategy' and a grid like {data: 2, pipeline: 4} exclude each other");
    }
    plan.strategy = "hybrid";
}

}  // namespace

const std::vector<std::string>& strategies() {
    static const std::vector<std::string> all = {"data", "model", "pipeline", "stealing", "auto"};
    return all;
}

void read_plan(Reading& reading, const YamlNode& node, PlanSpec& plan) {
    plan = PlanSpec();
    plan.place = node.place;
    if (node.kind == YamlNode::Kind::scalar) {
        reading.attempt([&] { plan.strategy = read_choice(node, strategies()); });
        return;
    }
    const Section section(reading, node, "plan", known_keys());
    for (const YamlEntry* entry : section.entries()) plan.key_places[entry->first.value] = entry->first.place;
    section.read("strategy", [&](const YamlNode& value) { plan.strategy = read_choice(value, strategies()); });
    read_hybrid(reading, section, plan);
    for (const CountKey& count : count_keys()) {
        section.read(count.key, [&](const YamlNode& value) { plan.*count.value = read_count(value, count.minimum); });
    }
    for (const WordKey& word : word_keys()) {
        section.read(word.key, [&](const YamlNode& value) { plan.*word.value = read_choice(value, word.words); });
    }
    section.read("memory", [&](const YamlNode& value) { plan.memory_bytes = read_bytes(value); });
    section.read("max_time", [&](const YamlNode& value) { plan.max_time_seconds = read_seconds(value); });
    section.read("reproducible", [&](const YamlNode& value) { plan.reproducible = read_boolean(value); });
    section.read("from", [&](const YamlNode& value) {
        plan.from = reading.resolve(read_text(value, "a file"));
        plan.from_place = value.place;
    });
    if (plan.from.empty()) return;
    // A file says all of these itself.
    for (const char* key : {"strategy", "stages", "microbatches", "schedule", "buffer_depth"}) {
        if (section.find(key) != nullptr)
            reading.error(section.key_place(key), "'" + std::string(key) + "' and 'from' exclude each other");
    }
    for (const auto& [name, count] : plan.hybrid)
        reading.error(section.key_place(name), "'" + name + "' and 'from' exclude each other");
}

}  // namespace maniple
