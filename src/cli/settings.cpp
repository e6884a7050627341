#include "cli/settings.hpp"

#include <boost/program_options.hpp>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/text.hpp"
#include "cli/options.hpp"

namespace maniple {

namespace {

namespace po = boost::program_options;

po::options_description describe(const std::vector<Option>& options, bool with_later) {
    po::options_description description("Options");
    for (const Option& option : options) {
        if (!option.built_in && !with_later) continue;
        auto add = description.add_options();
        if (option.value.empty()) {
            add(option.name.c_str(), option.help.c_str());
        } else if (option.repeated) {
            add(option.name.c_str(), po::value<std::vector<std::string>>()->value_name(option.value),
                option.help.c_str());
        } else {
            add(option.name.c_str(), po::value<std::string>()->value_name(option.value), option.help.c_str());
        }
    }
    return description;
}

po::variables_map parse(const std::string& command, const std::vector<Option>& options,
                        const std::vector<std::string>& arguments) {
    po::options_description all = describe(options, true);
    all.add_options()("job", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("job", -1);
    po::variables_map values;
    try {
        const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::store(po::command_line_parser(arguments).options(all).positional(positional).style(style).run(), values);
    } catch (const po::unknown_option& unknown) {
        std::vector<std::string> names;
        for (const Option& option : options) names.push_back("--" + option.name);
        throw UsageError(Place{}, "maniple " + command + ": unknown option '" + unknown.get_option_name() + "'",
                         nearest_word(unknown.get_option_name(), names));
    } catch (const po::multiple_occurrences& twice) {
        throw UsageError("maniple " + command + ": " + twice.get_option_name() + " is given more than once");
    } catch (const po::error& wrong) { throw UsageError("maniple " + command + ": " + wrong.what()); }
    return values;
}

/// A flag's variable: 1 or 0, and what people write for these.
bool is_on(const std::string& variable, const std::string& text) {
    for (const char* word : {"1", "true", "yes", "on"}) {
        if (text == word) return true;
    }
    for (const char* word : {"", "0", "false", "no", "off"}) {
        if (text == word) return false;
    }
    throw UsageError(variable + " takes 1 or 0, found '" + text + "'");
}

}  // namespace

Settings::Settings(const std::string& command, const std::vector<Option>& options,
                   const std::vector<std::string>& arguments)
    : command_(command) {
    const po::variables_map values = parse(command, options, arguments);
    for (const Option& option : options) {
        if (values.count(option.name) == 0) continue;
        std::vector<Setting>& settings = settings_[option.name];
        if (option.value.empty()) {
            settings.push_back({"on", "command line"});
        } else if (option.repeated) {
            for (const std::string& value : values[option.name].as<std::vector<std::string>>())
                settings.push_back({value, "command line"});
        } else {
            settings.push_back({values[option.name].as<std::string>(), "command line"});
            // A shell's variable that is not set: what was meant is not known.
            if (settings.back().value.empty())
                throw UsageError("--" + option.name + " takes " + option.value + ", found ''");
        }
    }
    if (values.count("job") > 0) positional_ = values["job"].as<std::vector<std::string>>();
    read_environment(options);
    for (const Option& option : options) {
        if (!option.built_in && has(option.name)) {
            throw UnavailableError(written(option.name) + " is not built in yet");
        }
    }
}

void Settings::read_environment(const std::vector<Option>& options) {
    for (const Option& option : options) {
        const std::string variable = variable_of(option.name);
        const char* text = option.from_environment ? std::getenv(variable.c_str()) : nullptr;
        if (text == nullptr || has(option.name)) continue;
        if (option.value.empty()) {
            if (is_on(variable, text)) settings_[option.name].push_back({"on", variable});
        } else if (*text != '\0') {
            settings_[option.name].push_back({text, variable});
        }
    }
}

const Setting* Settings::find(const std::string& name) const {
    const auto found = settings_.find(name);
    return found == settings_.end() ? nullptr : &found->second.back();
}

std::vector<std::string> Settings::all(const std::string& name) const {
    std::vector<std::string> values;
    const auto found = settings_.find(name);
    if (found == settings_.end()) return values;
    for (const Setting& setting : found->second) values.push_back(setting.value);
    return values;
}

std::string Settings::written(const std::string& name) const {
    const Setting* setting = find(name);
    const bool typed = setting == nullptr || setting->origin == "command line";
    return typed ? "--" + name : setting->origin;
}

std::optional<std::string> Settings::one_of(const std::string& name, const std::vector<std::string>& known) const {
    const Setting* setting = find(name);
    if (setting == nullptr) return std::nullopt;
    if (std::find(known.begin(), known.end(), setting->value) != known.end()) return setting->value;
    throw UsageError(Place{}, written(name) + " takes one of " + join(known, ", ") + ", found '" + setting->value + "'",
                     nearest_word(setting->value, known));
}

std::optional<int> Settings::count(const std::string& name, int least, int most) const {
    const Setting* setting = find(name);
    if (setting == nullptr) return std::nullopt;
    const std::optional<std::int64_t> value = parse_count(setting->value);
    if (value && *value >= least && *value <= most) return static_cast<int>(*value);
    throw UsageError(written(name) + " takes a whole number from " + std::to_string(least) + " to " +
                     std::to_string(most) + ", found '" + setting->value + "'");
}

std::optional<double> Settings::seconds(const std::string& name) const {
    const Setting* setting = find(name);
    if (setting == nullptr) return std::nullopt;
    const std::optional<double> value = parse_seconds(setting->value);
    if (value && *value > 0) return value;
    throw UsageError(written(name) + " takes a time with its unit (ms s min h d), as 60s, found '" + setting->value +
                     "'");
}

std::string help_text(const std::string& command, const std::vector<Option>& options) {
    std::ostringstream text;
    text << command << "\n\n" << describe(options, false);
    return text.str();
}

std::string variable_of(const std::string& option) {
    std::string variable = "MANIPLE_";
    for (const char letter : option) {
        const bool small = letter >= 'a' && letter <= 'z';
        variable += letter == '-' ? '_' : small ? static_cast<char>(letter - 'a' + 'A') : letter;
    }
    return variable;
}

std::vector<Diagnostic> unknown_variables() {
    std::vector<std::string> known = {"MANIPLE_BLAS",        "MANIPLE_BLAS_CORE",   "MANIPLE_CLAIM_BY",
                                      "MANIPLE_FFTW",        "MANIPLE_ISA",         "MANIPLE_CACHE_DIR",
                                      "MANIPLE_THREADS",     "MANIPLE_SLOW_RANK",   "MANIPLE_SLOW_LANE",
                                      "MANIPLE_SLOW_KERNEL", "MANIPLE_TAMPER_PLAN", "MANIPLE_VULKAN_PRETEND"};
    for (const std::vector<Option>* options : {&run_options(), &check_options(), &plan_options()}) {
        for (const Option& option : *options) {
            if (option.from_environment) known.push_back(variable_of(option.name));
        }
    }
    std::vector<Diagnostic> warnings;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        if (!text.starts_with("MANIPLE_")) continue;
        const std::string name(text.substr(0, text.find('=')));
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        warnings.push_back(
            {{}, "unknown variable '" + name + "' in the environment", nearest_word(name, known), {}, true});
    }
    return warnings;
}

}  // namespace maniple
