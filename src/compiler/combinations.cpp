#include "compiler/combinations.hpp"

#include <algorithm>
#include <utility>

#include "compiler/fields.hpp"

namespace maniple::compiler {

namespace {

using Variables = std::vector<std::pair<std::string, std::vector<DType>>>;

DType element_type(const YamlNode& node) {
    const std::optional<DType> type = parse_dtype(scalar(node, "an element type"));
    if (!type) fail(Spot{&node, 0, static_cast<int>(node.value.size())}, "unknown element type '" + node.value + "'");
    return *type;
}

std::vector<DType> type_list(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::sequence || node.items.empty()) {
        fail(Spot{&node}, "expected a list of element types: [f32, f64]");
    }
    std::vector<DType> types;
    for (const YamlNode& item : node.items) types.push_back(element_type(item));
    return types;
}

/// "T, f32" as words with their offsets.
std::vector<std::pair<std::string, std::size_t>> words(const std::string& text, std::size_t first, std::size_t last) {
    std::vector<std::pair<std::string, std::size_t>> result;
    while (first < last) {
        const std::size_t comma = std::min(text.find(',', first), last);
        std::size_t start = first;
        std::size_t end = comma;
        while (start < end && text[start] == ' ') ++start;
        while (end > start && text[end - 1] == ' ') --end;
        result.emplace_back(text.substr(start, end - start), start);
        first = comma + 1;
    }
    return result;
}

class Line {
public:
    Line(const YamlNode& node, const Signature& signature, Variables variables)
        : node_(node), variables_(std::move(variables)) {
        const std::string& text = scalar(node, "types");
        const std::size_t arrow = text.find("->");
        if (arrow == std::string::npos) fail(Spot{&node}, "expected types such as \"f32,f32->f32\"");
        inputs_ = words(text, 0, arrow);
        outputs_ = words(text, arrow + 2, text.size());
        check_count(inputs_.size(), signature.input_names().size(), "input");
        check_count(outputs_.size(), signature.output_names().size(), "output");
    }

    /// Every combination of the variables' values, the last variable running fastest.
    void expand(std::vector<Combination>& result) const {
        std::map<std::string, DType> values;
        expand_from(0, values, result);
    }

private:
    void check_count(std::size_t found, std::size_t expected, const std::string& what) const {
        if (found == expected) return;
        fail(Spot{&node_}, "the signature has " + std::to_string(expected) + " " + what +
                               " tensor(s), these types name " + std::to_string(found));
    }

    DType type_of(const std::pair<std::string, std::size_t>& word, const std::map<std::string, DType>& values) const {
        if (const auto found = values.find(word.first); found != values.end()) return found->second;
        const std::optional<DType> type = parse_dtype(word.first);
        if (type) return *type;
        fail(Spot{&node_, word.second, static_cast<int>(std::max<std::size_t>(word.first.size(), 1))},
             "'" + word.first + "' is no element type, and no variable beside these types");
    }

    void expand_from(std::size_t variable, std::map<std::string, DType>& values,
                     std::vector<Combination>& result) const {
        if (variable < variables_.size()) {
            for (const DType type : variables_[variable].second) {
                values[variables_[variable].first] = type;
                expand_from(variable + 1, values, result);
            }
            return;
        }
        Combination combination;
        combination.variables = values;
        for (const auto& word : inputs_) combination.inputs.push_back(type_of(word, values));
        for (const auto& word : outputs_) combination.outputs.push_back(type_of(word, values));
        result.push_back(std::move(combination));
    }

    const YamlNode& node_;
    Variables variables_;
    std::vector<std::pair<std::string, std::size_t>> inputs_;
    std::vector<std::pair<std::string, std::size_t>> outputs_;
};

/// {types: "T,T->f64", T: [i32, i64]}
void expand_item(const YamlNode& item, const Signature& signature, std::vector<Combination>& result) {
    if (item.kind == YamlNode::Kind::scalar) {
        Line(item, signature, {}).expand(result);
        return;
    }
    if (item.kind != YamlNode::Kind::mapping) fail(Spot{&item}, "expected types such as \"f32,f32->f32\"");
    Variables variables;
    for (const auto& [key, value] : item.entries) {
        if (key.value == "types") continue;
        check_name(key, "the type variable");
        variables.emplace_back(key.value, type_list(value));
    }
    Line(required_field(item, "types", "this combination"), signature, variables).expand(result);
}

/// {real: [f32, f64]}
void expand_mapping(const YamlNode& node, const Signature& signature, std::vector<Combination>& result) {
    if (node.entries.size() != 1) fail(Spot{&node}, "expected one type variable: {real: [f32, f64]}");
    const auto& [key, value] = node.entries.front();
    check_name(key, "the type variable");
    for (const DType type : type_list(value)) {
        Combination combination;
        combination.inputs.assign(signature.input_names().size(), type);
        combination.outputs.assign(signature.output_names().size(), type);
        combination.variables[key.value] = type;
        result.push_back(std::move(combination));
    }
}

/// Whether a call tells `a` and `b` apart.
bool distinct(const Combination& a, const Combination& b, bool chosen) {
    if (a.inputs != b.inputs) return true;
    if (chosen) return a.outputs.front() != b.outputs.front();
    return a.inputs.empty() && a.outputs != b.outputs;
}

void append(std::string& text, const std::vector<DType>& types) {
    for (std::size_t i = 0; i < types.size(); ++i) {
        if (i > 0) text += ',';
        text += name_of(types[i]);
    }
}

}  // namespace

std::string Combination::text() const {
    std::string result;
    append(result, inputs);
    result += "->";
    append(result, outputs);
    return result;
}

std::vector<Combination> read_combinations(const YamlNode& node, const Signature& signature, bool chosen) {
    std::vector<Combination> result;
    if (node.kind == YamlNode::Kind::mapping) {
        expand_mapping(node, signature, result);
    } else if (node.kind == YamlNode::Kind::sequence && !node.items.empty()) {
        for (const YamlNode& item : node.items) expand_item(item, signature, result);
    } else {
        fail(Spot{&node}, "types is {real: [f32, f64]} or a list of combinations");
    }
    for (std::size_t i = 0; i < result.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            if (distinct(result[i], result[k], chosen)) continue;
            fail(Spot{&node}, "the combination " + result[i].text() + " stands beside " + result[k].text() +
                                  (chosen ? ": the types of the inputs and of the first output must choose one"
                                          : ": the inputs' types must choose one"));
        }
    }
    return result;
}

}  // namespace maniple::compiler
