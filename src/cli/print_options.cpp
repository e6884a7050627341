#include "cli/print_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/commands.hpp"

namespace maniple {

namespace {

void print_line(const std::string& name, const std::string& value, const std::string& origin) {
    std::fprintf(stderr, "  %-14s %-20s %s\n", name.c_str(), value.c_str(), origin.c_str());
}

void print_constant(const RunOptions& options, const Job& job, const std::string& name, const Number& number) {
    const bool overridden = std::any_of(options.overrides.set.begin(), options.overrides.set.end(),
                                        [&](const auto& setting) { return setting.first == name; });
    const auto place = job.constant_places.find(name);
    const std::string origin = overridden || place == job.constant_places.end()
                                   ? "command line"
                                   : fmt::format("{}:{}", place->second.file, place->second.line);
    print_line("set " + name, number.is_integer ? std::to_string(number.integer) : fmt::format("{}", number.real),
               origin);
}

/// What the job file says of an option, and where; empty where it says nothing.
std::pair<std::string, std::string> job_value(const Job& job, const std::string& option) {
    const std::string key = option == "plan" ? "strategy" : option;
    const auto place = job.plan.key_places.find(key);
    if (place == job.plan.key_places.end()) return {};
    const std::string value = key == "strategy" ? job.plan.strategy : key == "lanes" ? job.plan.lanes : "";
    if (value.empty()) return {};
    return {value, fmt::format("{}:{}", place->second.file, place->second.line)};
}

std::string default_value(const RunOptions& options, const Option& option, const std::string& report) {
    if (option.name == "plan" || option.name == "lanes") return "auto";
    if (option.name == "gpus") return options.gpus;
    if (option.name == "stall") return "60s";
    if (option.name == "report") return report;
    return "off";
}

}  // namespace

void print_run_options(const RunOptions& options, const Job& job, const ThreadCount& threads,
                       const std::string& report) {
    std::fprintf(stderr, "maniple %s: options of this run\n", version_number().c_str());
    for (const Option& option : run_options()) {
        if (!option.built_in || option.name == "help" || option.name == "set") continue;
        const auto given = std::find_if(options.given.begin(), options.given.end(),
                                        [&](const auto& item) { return item.first == option.name; });
        if (given != options.given.end()) {
            print_line(option.name, given->second.value, given->second.origin);
        } else if (option.name == "threads") {
            print_line(option.name, std::to_string(threads.threads), threads.origin);
        } else if (const auto [value, origin] = job_value(job, option.name); !origin.empty()) {
            print_line(option.name, value, origin);
        } else {
            print_line(option.name, default_value(options, option, report), "default");
        }
    }
    for (const auto& [name, number] : job.constants) print_constant(options, job, name, number);
}

}  // namespace maniple
