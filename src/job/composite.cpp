#include "job/composite.hpp"

#include <algorithm>
#include <filesystem>

#include "base/text.hpp"
#include "job/yaml.hpp"

namespace maniple {

namespace {

constexpr std::string_view shape_functions[] = {"rank", "extent", "given", "is_integer", "root"};

[[noreturn]] void fail(const YamlNode& node, std::string message) { throw JobError(node.place, std::move(message)); }

void check_keys(const YamlNode& node, const std::vector<std::string>& known) {
    if (node.kind != YamlNode::Kind::mapping) fail(node, "expected a mapping");
    for (const auto& [key, value] : node.entries) {
        if (std::find(known.begin(), known.end(), key.value) == known.end())
            throw JobError(key.place, "unknown key '" + key.value + "'", nearest_word(key.value, known));
    }
}

const YamlNode& required(const YamlNode& node, std::string_view key) {
    const YamlNode* found = node.find(key);
    if (found == nullptr) fail(node, "the key '" + std::string(key) + "' is missing");
    return *found;
}

const std::string& text_of(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::scalar) fail(node, "expected text");
    return node.value;
}

std::vector<std::string> names_of(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::sequence) fail(node, "expected a list of names");
    std::vector<std::string> names;
    for (const YamlNode& item : node.items) names.push_back(text_of(item));
    return names;
}

/// "m, v" as two names.
std::vector<std::string> line_names(const YamlNode& key) {
    std::vector<std::string> names;
    std::string name;
    for (const char c : key.value + ",") {
        if (c == ',') {
            if (!is_name(name)) fail(key, "'" + name + "' is no name");
            names.push_back(std::move(name));
            name.clear();
        } else if (c != ' ') {
            name += c;
        }
    }
    return names;
}

/// A default, read as a parameter's value in a call is.
Expression::Value value_of(const YamlNode& node) {
    const Expression call = parse_expression("f(x=" + text_of(node) + ")", node.place);
    return call.parameters.at(0).value;
}

void read_arguments(Composite& composite, const YamlNode& root) {
    for (std::string name : names_of(required(root, "arguments"))) {
        const bool optional = name.ends_with('?');
        if (optional) name.pop_back();
        if (!is_name(name)) fail(required(root, "arguments"), "'" + name + "' is no name");
        composite.arguments.push_back({name, optional, false});
    }
    const YamlNode* integers = root.find("integers");
    if (integers == nullptr) return;
    for (const std::string& name : names_of(*integers)) {
        const auto found = std::find_if(composite.arguments.begin(), composite.arguments.end(),
                                        [&](const Composite::Argument& argument) { return argument.name == name; });
        if (found == composite.arguments.end()) fail(*integers, "'" + name + "' is no argument");
        found->any_type = true;
    }
}

void read_parameters(Composite& composite, const YamlNode& root) {
    const YamlNode* node = root.find("parameters");
    if (node == nullptr) return;
    if (node->kind != YamlNode::Kind::mapping) fail(*node, "expected a mapping");
    for (const auto& [key, value] : node->entries) {
        check_keys(value, {"doc", "default", "optional"});
        Composite::Parameter parameter{key.value, text_of(required(value, "doc")), true, std::nullopt};
        if (const YamlNode* given = value.find("default")) parameter.default_value = value_of(*given);
        const YamlNode* optional = value.find("optional");
        parameter.required = !parameter.default_value && (optional == nullptr || text_of(*optional) != "true");
        composite.parameters.push_back(std::move(parameter));
    }
}

void read_requirements(Composite& composite, const YamlNode& root) {
    const YamlNode* node = root.find("require");
    if (node == nullptr) return;
    if (node->kind != YamlNode::Kind::sequence) fail(*node, "expected a list of conditions");
    for (const YamlNode& item : node->items) composite.requirements.emplace_back(text_of(item), parse_expression(item));
}

Composite::Case read_case(const YamlNode& node) {
    Composite::Case result;
    if (const YamlNode* when = node.find("when")) result.when = parse_expression(*when);
    const YamlNode& graph = required(node, "graph");
    if (graph.kind != YamlNode::Kind::mapping) fail(graph, "expected a mapping of names to expressions");
    for (const auto& [key, value] : graph.entries) result.lines.push_back({line_names(key), parse_expression(value)});
    result.results = names_of(required(node, "results"));
    for (const std::string& name : result.results) {
        const bool known = std::any_of(result.lines.begin(), result.lines.end(), [&](const Composite::Line& line) {
            return std::find(line.names.begin(), line.names.end(), name) != line.names.end();
        });
        if (!known) fail(required(node, "results"), "the graph has no '" + name + "'");
    }
    return result;
}

void read_cases(Composite& composite, const YamlNode& root) {
    const YamlNode* cases = root.find("cases");
    if (cases == nullptr) {
        composite.cases.push_back(read_case(root));
        return;
    }
    if (cases->kind != YamlNode::Kind::sequence || cases->items.empty()) fail(*cases, "expected a list of cases");
    for (const YamlNode& node : cases->items) {
        check_keys(node, {"when", "graph", "results"});
        composite.cases.push_back(read_case(node));
    }
}

std::string text_of(const Expression::Value& value) {
    using Kind = Expression::Value::Kind;
    if (value.kind == Kind::word) return value.word;
    if (value.kind == Kind::list) {
        std::vector<std::string> items;
        for (const Expression::Value& item : value.list) items.push_back(text_of(item));
        return "[" + join(items, ", ") + "]";
    }
    const Expression& expression = value.expression.at(0);
    if (expression.kind == Expression::Kind::integer) return std::to_string(expression.integer);
    if (expression.kind == Expression::Kind::call && expression.name == "neg")
        return "-" + std::to_string(expression.arguments.at(0).integer);
    char number[32];
    std::snprintf(number, sizeof number, "%g", expression.real);
    return number;
}

void add_called(const Expression& expression, std::vector<std::string>& names) {
    for (const Expression& argument : expression.arguments) add_called(argument, names);
    if (expression.kind != Expression::Kind::call || is_shape_function(expression.name)) return;
    if (std::find(names.begin(), names.end(), expression.name) == names.end()) names.push_back(expression.name);
}

}  // namespace

bool is_shape_function(std::string_view name) {
    return std::find(std::begin(shape_functions), std::end(shape_functions), name) != std::end(shape_functions);
}

const Composite::Parameter* Composite::parameter(std::string_view wanted) const {
    for (const Parameter& candidate : parameters) {
        if (candidate.name == wanted) return &candidate;
    }
    return nullptr;
}

std::string Composite::usage() const {
    std::vector<std::string> words;
    for (const Argument& argument : arguments)
        words.push_back(argument.optional ? "[" + argument.name + "]" : argument.name);
    for (const Parameter& each : parameters)
        words.push_back(each.default_value ? each.name + "=" + text_of(*each.default_value) : each.name);
    return name + "(" + join(words, ", ") + ")";
}

std::vector<std::string> Composite::called() const {
    std::vector<std::string> names;
    for (const Case& each : cases) {
        for (const Line& line : each.lines) add_called(line.expression, names);
    }
    return names;
}

Composite parse_composite(std::string_view text, const std::string& file) {
    const YamlNode root = compose_yaml(text, file);
    check_keys(root, {"composite", "doc", "arguments", "integers", "parameters", "require", "halves", "cases", "graph",
                      "results"});
    Composite composite;
    const YamlNode& name = required(root, "composite");
    composite.name = text_of(name);
    std::string stem = std::filesystem::path(file).filename().string();
    stem = stem.substr(0, stem.find('.'));
    if (!is_name(composite.name) || stem != composite.name)
        fail(name, "'" + composite.name + "' must be a name and stand in a file " + composite.name + ".composite.yaml");
    composite.documentation = text_of(required(root, "doc"));
    read_arguments(composite, root);
    read_parameters(composite, root);
    read_requirements(composite, root);
    if (const YamlNode* halves = root.find("halves")) {
        if (text_of(*halves) != "f32") fail(*halves, "halves: takes f32 alone");
        composite.widens = true;
    }
    read_cases(composite, root);
    return composite;
}

}  // namespace maniple
