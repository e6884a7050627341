#include <algorithm>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "job/job.hpp"
#include "job/sections.hpp"

namespace maniple {

namespace {

void read_version(const YamlNode& node) {
    if (read_count(node, 1) != 1) refuse(node, "format version " + node.value + " is not supported: expected 1");
}

std::string read_job_name(const YamlNode& node) {
    const std::string& name = read_text(node, "the job's name");
    const bool letters = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '-';
    });
    if (!letters || name[0] == '.') {
        refuse(node, in_quotes(name) + " is not a job's name: expected A-Z a-z 0-9 . _ -, not starting with a dot");
    }
    return name;
}

/// Puts `--set` into the constants.
void apply_overrides(const std::vector<std::pair<std::string, std::string>>& set, Job& job) {
    for (const auto& entry : set) {
        const auto& name = entry.first;  // clang 14 cannot capture structured bindings
        const auto& text = entry.second;
        const auto found = std::find_if(job.constants.begin(), job.constants.end(),
                                        [&](const auto& constant) { return constant.first == name; });
        if (found == job.constants.end()) {
            std::vector<std::string> known;
            for (const auto& constant : job.constants) known.push_back(constant.first);
            const std::string message = "--set " + name + "=" + text + ": the job has no constant '" + name + "'";
            throw UsageError(Place{}, message, nearest_word(name, known));
        }
        const std::optional<Number> number = parse_number(text);
        if (!number) throw UsageError("--set " + name + "=" + text + ": expected a number, found '" + text + "'");
        found->second = *number;
    }
}

/// Reads `--plan` over the job's own plan.
void apply_plan(const std::string& text, PlanSpec& plan) {
    if (text.empty()) return;
    std::vector<Diagnostic> errors;
    try {
        const YamlNode node = compose_yaml(text, "--plan");
        const bool bare_word = node.kind == YamlNode::Kind::scalar;
        PlanSpec given;
        Reading reading;
        read_plan(reading, node, given);  // its paths are relative to the current folder
        errors = reading.errors;
        if (bare_word) {
            plan.strategy = given.strategy;
            plan.hybrid.clear();
            plan.from.clear();
        } else {
            plan = given;
        }
    } catch (const JobError& error) { errors = error.diagnostics(); }
    if (!errors.empty()) throw UsageError(std::move(errors));
}

using ReadSection = void (*)(Reading&, const YamlNode&, Job&);

void read_sections(Reading& reading, const YamlNode& root, const JobOverrides& overrides, Job& job) {
    const std::vector<std::pair<std::string, ReadSection>> sections = {
        {"kernels", read_kernels},
        {"inputs", [](Reading& r, const YamlNode& node, Job& j) { read_inputs(r, node, "inputs", j.inputs); }},
        {"parameters",
         [](Reading& r, const YamlNode& node, Job& j) {
             std::vector<InputSpec> inputs;
             read_inputs(r, node, "parameters", inputs);
             for (InputSpec& input : inputs) j.parameters.push_back({std::move(input)});
         }},
        {"graph", read_graph},
        {"outputs", read_outputs},
        {"loop", read_loop},
        {"train", read_train},
        {"checkpoint", read_checkpoint},
        {"after", read_after},
        {"place", read_places},
        {"plan", [](Reading& r, const YamlNode& node, Job& j) { read_plan(r, node, j.plan); }},
    };
    std::vector<std::string> known = {"maniple", "name", "description", "constants"};
    for (const auto& [key, read] : sections) known.push_back(key);
    const Section top(reading, root, "", known, {"maniple", "name", "outputs"});
    top.read("maniple", read_version);
    top.read("name", [&](const YamlNode& node) { job.name = read_job_name(node); });
    top.read("description", [&](const YamlNode& node) { job.description = read_text(node, "a text"); });
    // First, since the other sections use constants by name.
    top.read("constants", [&](const YamlNode& node) { read_constants(reading, node, job); });
    apply_overrides(overrides.set, job);
    for (const auto& [name, value] : job.constants) reading.constants[name] = value;
    for (const auto& [name, text] : overrides.set) reading.constants.set.insert(name);
    for (const auto& [key, read] : sections) {
        top.read(key, [&, read_section = read](const YamlNode& node) { read_section(reading, node, job); });
    }
}

/// The words of every value below `node` that could be names.
void collect_words(const YamlNode& node, std::set<std::string, std::less<>>& words) {
    for (const YamlNode& item : node.items) collect_words(item, words);
    for (const auto& [key, value] : node.entries) collect_words(value, words);
    const auto in_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    for (std::size_t at = 0; at < node.value.size();) {
        std::size_t end = at;
        while (end < node.value.size() && in_name(node.value[end])) ++end;
        if (end > at) words.insert(node.value.substr(at, end - at));
        at = end + 1;
    }
}

std::vector<std::string> unused_constants(const YamlNode& root, const Job& job) {
    std::vector<std::string> unused;
    if (job.constants.empty()) return unused;
    std::set<std::string, std::less<>> words;
    for (const auto& [key, value] : root.entries) {
        if (key.value != "constants" && key.value != "description") collect_words(value, words);
    }
    for (const auto& [name, number] : job.constants) {
        if (!words.contains(name)) unused.push_back(name);
    }
    return unused;
}

/// Every place of the job file with its line.
std::vector<Diagnostic> complete(std::vector<Diagnostic> errors, const SourceText& source) {
    const auto fill_in = [&](Place& place) {
        if (place && place.line_text.empty() && place.file == source.file()) place.line_text = source.line(place.line);
    };
    for (Diagnostic& error : errors) {
        fill_in(error.place);
        for (Diagnostic::Note& note : error.notes) fill_in(note.place);
    }
    return errors;
}

/// Where reading has stopped: there may be more errors than were found.
std::vector<Diagnostic> presentable(std::vector<Diagnostic> errors, const SourceText& source) {
    const bool stopped = errors.size() > Reading::max_errors;
    errors = complete(by_place(std::move(errors)), source);                  // few first: a line may be long
    if (stopped) errors.back().notes.back().message.insert(4, "at least ");  // "and 981 more errors"
    return errors;
}

}  // namespace

JobReading read_job(std::string_view text, const std::string& file, const JobOverrides& overrides) {
    JobReading result;
    Job& job = result.job;
    job.file = file;
    job.text = text;
    Reading reading;
    reading.folder = std::filesystem::path(file).parent_path();
    try {
        const YamlNode root = compose_yaml(text, file, reading.errors);
        job.place = root.place;
        if (root.kind != YamlNode::Kind::mapping) {
            refuse(root, "expected a mapping of keys and values, found " + describe(root));
        }
        read_sections(reading, root, overrides, job);
        check_names(reading, job);
        check_iteration(reading, job);
        check_files(reading, job);
        job.unused_constants = unused_constants(root, job);
    } catch (const TooManyErrors&) {
        throw JobError(presentable(std::move(reading.errors), SourceText(text, file)));
    } catch (const JobError& error) { throw JobError(presentable(error.diagnostics(), SourceText(text, file))); }
    constexpr std::size_t enough = 20;  // more are not shown
    if (reading.errors.size() >= enough) throw JobError(presentable(std::move(reading.errors), SourceText(text, file)));
    result.names_known = !reading.incomplete && std::all_of(reading.broken.begin(), reading.broken.end(), is_name);
    result.broken = std::move(reading.broken);
    reading.broken.clear();
    if (reading.errors.empty()) apply_plan(overrides.plan, job.plan);
    result.errors = complete(std::move(reading.errors), SourceText(text, file));
    return result;
}

Job parse_job(std::string_view text, const std::string& file, const JobOverrides& overrides) {
    JobReading reading = read_job(text, file, overrides);
    if (!reading.errors.empty()) throw JobError(by_place(std::move(reading.errors)));
    return std::move(reading.job);
}

const InputSpec* Job::input(std::string_view input_name) const {
    for (const InputSpec& input : inputs) {
        if (input.name == input_name) return &input;
    }
    return nullptr;
}

}  // namespace maniple
