#include "embed/graph_spec.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "base/text.hpp"

namespace maniple {

namespace {

/// A scalar of YAML that nothing inside can end.
std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (c == '\n') {
            result += "\\n";
        } else {
            result += c;
        }
    }
    return result + '"';
}

std::string line(std::string_view key, std::string_view value) {
    return "  " + quoted(key) + ": " + std::string(value) + "\n";
}

void add_section(std::string& text, std::string_view name, const std::string& lines) {
    if (!lines.empty()) text += std::string(name) + ":\n" + lines;
}

}  // namespace

ParameterValue::ParameterValue(double value) : text_(fmt::format("{}", value)) {
    if (!std::isfinite(value)) throw UsageError("a parameter is " + text_ + ": expected a finite number");
}

ParameterValue::ParameterValue(std::string_view expression) : text_(expression) {}

ParameterValue::ParameterValue(const std::vector<std::int64_t>& list)
    : text_(fmt::format("[{}]", fmt::join(list, ", "))) {}

void GraphSpec::input(const std::string& name, const Shape& shape, DType type) {
    inputs_ += line(name, quoted("caller:/" + name));
    given_.inputs.push_back({name, shape, type, {}, shape});
}

void GraphSpec::generated(const std::string& name, const Shape& shape, DType type, const ParameterValue& fill) {
    inputs_ += line(
        name, fmt::format("{{shape: {}, dtype: {}, fill: {}}}", to_string(shape), name_of(type), quoted(fill.text())));
}

void GraphSpec::constant(const std::string& name, const ParameterValue& value) {
    constants_ += line(name, value.text());
}

void GraphSpec::define(const std::string& names, std::string_view expression) {
    graph_ += line(names, quoted(expression));
}

void GraphSpec::call(const std::string& names, const std::string& kernel, const std::vector<std::string>& arguments,
                     const std::vector<NamedValue>& parameters) {
    std::vector<std::string> all = arguments;
    for (const NamedValue& parameter : parameters) all.push_back(parameter.name + "=" + parameter.value.text());
    define(names, fmt::format("{}({})", kernel, fmt::join(all, ", ")));
}

void GraphSpec::carry(const std::string& input, const std::string& value) {
    carries_ += "  " + line(input, quoted(value));
}

void GraphSpec::until(std::string_view condition, std::int64_t check) {
    until_ = quoted(condition);
    check_ = check;
}

void GraphSpec::output(const std::string& name, std::int64_t every) {
    const std::string to = quoted("results:/" + name);
    outputs_ += line(name, every == 0 ? to : fmt::format("{{to: {}, every: {}}}", to, every));
}

void GraphSpec::plan(const std::string& strategy, int max_ranks) {
    plan_ = line("strategy", quoted(strategy));
    if (max_ranks != 0) plan_ += line("max_ranks", std::to_string(max_ranks));
}

std::string GraphSpec::text() const {
    std::string text = fmt::format("maniple: 1\nname: {}\n", quoted(name_));
    add_section(text, "constants", constants_);
    add_section(text, "inputs", inputs_);
    add_section(text, "graph", graph_);
    std::string loop;
    if (steps_) loop = line("steps", std::to_string(*steps_));
    if (!until_.empty()) loop += line("until", until_) + line("check", std::to_string(check_));
    if (!carries_.empty()) loop += "  carry:\n" + carries_;
    add_section(text, "loop", loop);
    add_section(text, "outputs", outputs_);
    add_section(text, "plan", plan_);
    return text;
}

}  // namespace maniple
