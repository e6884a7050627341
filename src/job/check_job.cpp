// What no section of a job file can see alone.

#include <algorithm>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "job/file_reference.hpp"
#include "job/sections.hpp"

namespace maniple {

namespace {

struct Definition {
    std::string name;
    Place place;
};

std::vector<Definition> definitions_of(const Job& job) {
    std::vector<Definition> all;
    for (const auto& [name, place] : job.constant_places) all.push_back({name, place});
    for (const InputSpec& input : job.inputs) all.push_back({input.name, input.place});
    for (const ParameterSpec& parameter : job.parameters) all.push_back({parameter.input.name, parameter.input.place});
    for (const GraphEntry& entry : job.graph) {
        for (std::size_t i = 0; i < entry.names.size(); ++i) all.push_back({entry.names[i], entry.name_places[i]});
    }
    std::stable_sort(all.begin(), all.end(), [](const Definition& a, const Definition& b) {
        return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
    });
    return all;
}

/// The names of some sections, to look one up or suggest the nearest.
class Names {
public:
    explicit Names(std::string expected) : expected_(std::move(expected)) {}

    void add(const std::string& name) { names_.push_back(name); }
    void add_inputs(const Job& job) {
        for (const InputSpec& input : job.inputs) add(input.name);
    }
    void add_graph(const Job& job) {
        for (const GraphEntry& entry : job.graph) {
            for (const std::string& name : entry.names) add(name);
        }
    }
    void add_parameters(const Job& job) {
        for (const ParameterSpec& parameter : job.parameters) add(parameter.input.name);
    }
    void finish() { std::sort(names_.begin(), names_.end()); }

    void require(Reading& reading, const std::string& name, const Place& place) const {
        if (name.empty() || reading.incomplete || std::binary_search(names_.begin(), names_.end(), name)) return;
        const bool constant = reading.constants.find(name) != reading.constants.end();
        const std::string found = constant ? "' is a constant: expected " : "' is not defined: expected ";
        reading.error(place, "'" + name + found + expected_, nearest_word(name, names_));
    }

private:
    std::string expected_;
    std::vector<std::string> names_;
};

void check_duplicates(Reading& reading, const Job& job) {
    std::map<std::string, Place> first;
    for (const Definition& definition : definitions_of(job)) {
        const auto [other, is_new] = first.emplace(definition.name, definition.place);
        if (is_new) continue;
        const Place& a = other->second;
        // A key that is twice in one mapping is reported as such; aliased text stands at the same place.
        if (std::tie(a.line, a.column) == std::tie(definition.place.line, definition.place.column)) continue;
        reading.broken.insert(definition.name);
        reading.error(definition.place, "'" + definition.name + "' is defined twice", {}, {{a, "first defined here"}});
    }
}

void check_train_names(Reading& reading, const TrainSpec& train, const Names& inputs, const Names& graph) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < train.over.size(); ++i) {
        inputs.require(reading, train.over[i], train.over_places[i]);
        if (!seen.insert(train.over[i]).second) {
            reading.error(train.over_places[i], "'" + train.over[i] + "' is listed twice");
        }
    }
    graph.require(reading, train.loss, train.loss_place);
}

void check_datasets(Reading& reading, const Job& job) {
    std::map<std::pair<std::string, std::string>, const OutputSpec*> written;
    for (const OutputSpec& output : job.outputs) {
        if (output.to.path.empty()) continue;
        const std::string path = comparable_path(output.to.path);
        const auto [first, is_new] = written.emplace(std::make_pair(path, output.to.dataset), &output);
        if (is_new) continue;
        const std::string message = "data set '" + output.to.dataset + "' of '" + output.to.file + "' has two outputs";
        reading.error(output.to.place, message, {}, {{first->second->to.place, "the other one is here"}});
    }
    // A data set cannot hold another one: look up every proper prefix.
    for (const auto& [target, output] : written) {
        const std::string& dataset = target.second;
        for (std::size_t slash = dataset.rfind('/'); slash != 0 && slash != std::string::npos;
             slash = dataset.rfind('/', slash - 1)) {
            const auto above = written.find({target.first, dataset.substr(0, slash)});
            if (above == written.end()) continue;
            reading.error(output->to.place,
                          "data set '" + dataset + "' would lie below data set '" + above->first.second + "'", {},
                          {{above->second->to.place, "which is an output too"}});
            break;
        }
    }
}

}  // namespace

void check_names(Reading& reading, const Job& job) {
    check_duplicates(reading, job);
    Names inputs("an input");
    inputs.add_inputs(job);
    inputs.finish();
    Names graph("a name of the graph");
    graph.add_graph(job);
    graph.finish();
    Names tensors("a name of the graph or an input");
    tensors.add_inputs(job);
    tensors.add_graph(job);
    tensors.add_parameters(job);
    tensors.finish();
    for (const OutputSpec& output : job.outputs) tensors.require(reading, output.name, output.place);
    if (job.loop) {
        for (const CarrySpec& carry : job.loop->carry) {
            inputs.require(reading, carry.input, carry.input_place);
            tensors.require(reading, carry.value, carry.value_place);
        }
    }
    if (job.train) check_train_names(reading, *job.train, inputs, graph);
    for (const NameList& list : job.after) {
        graph.require(reading, list.name, list.place);
        for (std::size_t i = 0; i < list.after.size(); ++i) graph.require(reading, list.after[i], list.after_places[i]);
    }
    for (const PlaceSpec& place : job.places) graph.require(reading, place.name, place.place);
}

void check_iteration(Reading& reading, const Job& job) {
    if (job.loop && job.train) {
        reading.error(job.train->place, "'train' and 'loop' exclude each other", {},
                      {{job.loop->place, "'loop' is here"}});
    }
    if (job.loop || job.train) return;
    for (const OutputSpec& output : job.outputs) {
        if (!output.every_place) continue;
        reading.error(output.every_place, "'every' needs 'loop' or 'train': this job has one step");
    }
    if (job.checkpoint) {
        reading.error(job.checkpoint->place, "'checkpoint' needs 'loop' or 'train': this job has one step");
    }
}

void check_files(Reading& reading, const Job& job) {
    check_datasets(reading, job);
    std::map<std::string, Place> read;
    const auto add_input = [&](const InputSpec& input) {
        if (input.from) read.emplace(comparable_path(input.from->path), input.from->place);
    };
    for (const InputSpec& input : job.inputs) add_input(input);
    for (const ParameterSpec& parameter : job.parameters) add_input(parameter.input);
    std::map<std::string, Place> written;
    for (const OutputSpec& output : job.outputs) {
        if (output.to.path.empty()) continue;
        const std::string path = comparable_path(output.to.path);
        written.emplace(path, output.to.place);
        const auto input = read.find(path);
        if (input == read.end()) continue;
        reading.error(output.to.place, "the output file '" + output.to.file + "' is an input file too", {},
                      {{input->second, "read here"}});
    }
    if (!job.checkpoint || job.checkpoint->to.path.empty()) return;
    const FileReference& to = job.checkpoint->to;
    for (const auto* others : {&read, &written}) {
        const auto other = others->find(comparable_path(to.path));
        if (other == others->end()) continue;
        reading.error(to.place, "the checkpoint file '" + to.file + "' is an input or output file too", {},
                      {{other->second, "named here"}});
    }
}

}  // namespace maniple
