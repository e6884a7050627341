// graph:, after: and place:

#include "base/text.hpp"
#include "job/sections.hpp"

namespace maniple {

namespace {

/// The names of `u2, v2: …`, each with its place.
void read_entry_names(const YamlNode& key, GraphEntry& entry) {
    const std::string& text = key.value;
    std::size_t start = 0;
    while (start <= text.size()) {
        const std::size_t comma = std::min(text.find(',', start), text.size());
        std::size_t first = start;
        std::size_t last = comma;
        while (first < last && text[first] == ' ') ++first;
        while (last > first && text[last - 1] == ' ') --last;
        const std::string name = text.substr(first, last - first);
        const Place place = key.place_at(first, static_cast<int>(std::max<std::size_t>(1, count_characters(name))));
        if (is_keyword(name))
            throw JobError(place, in_quotes(name) + " is a word of expressions: expected another name");
        if (!is_name(name)) {
            throw JobError(place, in_quotes(name) + " is not a name: expected letters, digits and _, " +
                                      "not starting with a digit");
        }
        entry.names.push_back(name);
        entry.name_places.push_back(place);
        start = comma + 1;
    }
}

}  // namespace

void read_graph(Reading& reading, const YamlNode& node, Job& job) {
    for (const YamlEntry* yaml : reading.entries(node, "graph")) {
        const YamlNode& key = yaml->first;
        const YamlNode& value = yaml->second;
        GraphEntry entry;
        const std::size_t errors_before = reading.errors.size();
        reading.attempt([&] { read_entry_names(key, entry); });
        const bool good = reading.attempt([&] {
            read_text(value, "an expression");
            entry.expression = parse_expression(value);
        });
        // A wrong expression leaves its names known, so that their uses are not reported too.
        if (!good) entry.expression.place = value.place;
        if (reading.errors.size() > errors_before) reading.broken.insert(entry.names.begin(), entry.names.end());
        job.graph.push_back(std::move(entry));
    }
}

void read_after(Reading& reading, const YamlNode& node, Job& job) {
    for (const YamlEntry* yaml : reading.entries(node, "after")) {
        const YamlNode& key = yaml->first;
        const YamlNode& value = yaml->second;
        reading.attempt([&] {
            NameList list;
            list.name = read_name(key);
            list.place = key.place;
            if (value.kind != YamlNode::Kind::sequence) {
                refuse(value, "expected a list of names like [c], found " + describe(value));
            }
            for (const YamlNode& item : value.items) {
                list.after.push_back(read_name(item));
                list.after_places.push_back(item.place);
            }
            job.after.push_back(std::move(list));
        });
    }
}

void read_places(Reading& reading, const YamlNode& node, Job& job) {
    for (const YamlEntry* yaml : reading.entries(node, "place")) {
        const YamlNode& key = yaml->first;
        const YamlNode& value = yaml->second;
        reading.attempt([&] {
            PlaceSpec spec;
            spec.name = read_name(key);
            spec.place = key.place;
            spec.lane_place = value.place;
            spec.lane = read_text(value, "cpu, gpu or gpu:N");
            if (const std::size_t colon = spec.lane.find(':'); colon != std::string::npos) {
                const std::optional<std::int64_t> device = parse_count(spec.lane.substr(colon + 1));
                if (device && *device <= INT32_MAX) spec.device = static_cast<int>(*device);
                spec.lane = spec.device ? spec.lane.substr(0, colon) : "";
            }
            const bool known = spec.lane == "gpu" || (spec.lane == "cpu" && !spec.device);
            if (!known) {
                refuse(value, "expected cpu, gpu or gpu:N, found " + describe(value),
                       nearest_word(value.value, std::vector<std::string>{"cpu", "gpu"}));
            }
            job.places.push_back(std::move(spec));
        });
    }
}

}  // namespace maniple
