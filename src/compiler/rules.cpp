#include "compiler/rules.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "compiler/fields.hpp"

namespace maniple::compiler {

namespace {

using Names = std::vector<std::string>;

bool has(const Names& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// What `parse` makes of the text of `node`, with errors at their place in it.
template <class Parse>
auto parsed(const YamlNode& node, const std::string& what, const Parse& parse) {
    const std::string& text = scalar(node, what);
    try {
        return parse(std::string_view(text));
    } catch (const JobError& error) {
        const int column = error.diagnostics().front().place.column;
        fail(Spot{&node, static_cast<std::size_t>(column - 1), 1}, error.what());
    }
}

bool is_integer_parameter(const KernelFile& file, std::string_view name) {
    const ParameterDeclaration* const parameter = file.parameter(name);
    return parameter != nullptr && parameter->type == ParameterDeclaration::Type::integer;
}

Names integer_parameters(const KernelFile& file) {
    Names names;
    for (const ParameterDeclaration& parameter : file.parameters) {
        if (parameter.type == ParameterDeclaration::Type::integer) names.push_back(parameter.name);
    }
    return names;
}

void check_extent(const KernelFile& file, const Formula::Step& step, const Spot& spot) {
    for (const Access& access : file.signature.inputs) {
        if (access.tensor != step.name) continue;
        const std::size_t axes = access.named().size();
        const bool any = access.has_ellipsis() && axes == 0;
        if (any || static_cast<std::size_t>(step.axis) < axes) return;
        fail(spot, "'" + step.name + "' has " + std::to_string(axes) + " axes, counted from 0");
    }
    fail(spot, "no input is named '" + step.name + "'", nearest_word(step.name, file.signature.input_names()));
}

/// The names of a formula over integers: integer parameters, and inputs whose extents are taken.
void check_integers(const KernelFile& file, const Formula& formula, const YamlNode& node) {
    for (const Formula::Step& step : formula.steps) {
        const Spot spot{&node, step.place, static_cast<int>(std::max<std::size_t>(step.name.size(), 1))};
        if (step.kind == Formula::Step::Kind::extent) check_extent(file, step, spot);
        if (step.kind == Formula::Step::Kind::number && !step.is_integer) fail(spot, "expected an integer");
        if (step.kind == Formula::Step::Kind::parameter && !is_integer_parameter(file, step.name)) {
            fail(spot, "'" + step.name + "' is no integer parameter",
                 nearest_word(step.name, integer_parameters(file)));
        }
    }
}

/// Whether an input is subscripted by `index` alone.
bool is_given(const Signature& signature, std::string_view index) {
    for (const Access& access : signature.inputs) {
        for (const Subscript& subscript : access.subscripts) {
            if (subscript.index_alone() == index) return true;
        }
    }
    return false;
}

void read_extents(KernelFile& file, const YamlNode& node) {
    if (node.kind != YamlNode::Kind::mapping) fail(Spot{&node}, "extents must be a mapping of indices to formulas");
    const Names indices = file.signature.index_names();
    for (const auto& [key, value] : node.entries) {
        const Spot spot{&key, 0, static_cast<int>(std::max<std::size_t>(key.value.size(), 1))};
        if (!has(indices, key.value)) {
            fail(spot, "the signature has no index '" + key.value + "'", nearest_word(key.value, indices));
        }
        if (is_given(file.signature, key.value)) fail(spot, "an input gives the extent of '" + key.value + "' already");
        Formula formula = parsed(value, "the extent", parse_formula);
        check_integers(file, formula, value);
        file.rules.extents.push_back({key.value, std::move(formula)});
    }
}

/// The names of a side of a condition: real parameters that a call gives, too.
void check_numbers(const KernelFile& file, const Formula& formula, const YamlNode& node) {
    Formula integers = formula;
    std::erase_if(integers.steps, [&](const Formula::Step& step) {
        if (step.kind != Formula::Step::Kind::parameter) return false;
        const ParameterDeclaration* const parameter = file.parameter(step.name);
        return parameter != nullptr && parameter->type == ParameterDeclaration::Type::real && !parameter->value;
    });
    check_integers(file, integers, node);
}

void read_requirements(KernelFile& file, const YamlNode& node) {
    if (node.kind != YamlNode::Kind::sequence) fail(Spot{&node}, "require must be a list of conditions");
    for (const YamlNode& item : node.items) {
        Condition condition = parsed(item, "the condition", parse_condition);
        check_numbers(file, condition.left, item);
        check_numbers(file, condition.right, item);
        file.rules.requirements.push_back(std::move(condition));
    }
}

/// Elements of another type than an integer one are no places or classes.
void check_integer_input(const KernelFile& file, const YamlNode& key) {
    const Names inputs = file.signature.input_names();
    const auto number = static_cast<std::size_t>(std::find(inputs.begin(), inputs.end(), key.value) - inputs.begin());
    const Spot spot{&key, 0, static_cast<int>(std::max<std::size_t>(key.value.size(), 1))};
    if (number == inputs.size()) fail(spot, "no input is named '" + key.value + "'", nearest_word(key.value, inputs));
    for (const Combination& combination : file.combinations) {
        const DType type = combination.inputs[number];
        if (is_floating(type) || type == DType::boolean) {
            fail(spot, "'" + key.value + "' has a domain, but is no integer for the types " + combination.text());
        }
    }
}

void read_domains(KernelFile& file, const YamlNode& node) {
    if (node.kind != YamlNode::Kind::mapping) fail(Spot{&node}, "domain must be a mapping of inputs to ranges");
    for (const auto& [key, value] : node.entries) {
        check_integer_input(file, key);
        FormulaRange range = parsed(value, "the range", parse_formula_range);
        check_integers(file, range.from, value);
        check_integers(file, range.to, value);
        file.rules.domains.push_back({key.value, std::move(range)});
    }
}

void read_boundary(KernelFile& file, const YamlNode& node) {
    const std::string& word = scalar(node, "boundary");
    if (!file.signature.may_leave()) fail(Spot{&node}, "no access leaves its tensor: there is no boundary");
    if (word == "clamp") file.rules.boundary = Boundary::clamp;
    if (word == "zero") file.rules.boundary = Boundary::zero;
    if (word == "periodic") file.rules.boundary = Boundary::periodic;
    if (!file.rules.boundary) fail(Spot{&node}, "boundary is clamp, zero or periodic, not '" + word + "'");
}

/// A name in a subscript that is no index is an integer parameter.
void check_subscript_parameters(const KernelFile& file) {
    for (const Access& access : file.signature.inputs) {
        for (const Subscript& subscript : access.subscripts) {
            for (const std::string& name : subscript.parameters()) {
                if (is_integer_parameter(file, name)) continue;
                if (name == subscript.halo_parameter) {
                    fail(file.signature_spot, "'±" + name + "' needs an integer parameter '" + name + "'");
                }
                fail(file.signature_spot, "'" + name + "' in the subscripts of '" + access.tensor +
                                              "' is neither an integer parameter nor an index: contract it, sum(" +
                                              name + "), or declare it whole(" + name + ")");
            }
        }
    }
}

void check_all_indices(const KernelFile& file) {
    for (const std::string& index : file.signature.index_names()) {
        if (is_given(file.signature, index) || file.rules.extent_of(index) != nullptr) continue;
        fail(file.signature_spot,
             "no input gives index '" + index + "' an extent: write a formula, extents: {" + index + ": …}");
    }
}

}  // namespace

void read_rules(KernelFile& file, const YamlNode& root) {
    check_subscript_parameters(file);
    if (const YamlNode* const node = root.find("extents")) read_extents(file, *node);
    if (const YamlNode* const node = root.find("require")) read_requirements(file, *node);
    if (const YamlNode* const node = root.find("domain")) read_domains(file, *node);
    if (const YamlNode* const node = root.find("boundary")) read_boundary(file, *node);
    check_all_indices(file);
}

Formula read_parameter_value(const KernelFile& file, const YamlNode& node) {
    Formula formula = parsed(node, "the value", parse_formula);
    for (const Formula::Step& step : formula.steps) {
        const Spot spot{&node, step.place, static_cast<int>(std::max<std::size_t>(step.name.size(), 1))};
        if (step.kind == Formula::Step::Kind::extent) fail(spot, "the value of a parameter follows from others alone");
        if (step.kind != Formula::Step::Kind::parameter) continue;
        const ParameterDeclaration* const parameter = file.parameter(step.name);
        if (parameter == nullptr || parameter->type == ParameterDeclaration::Type::boolean) {
            fail(spot, "'" + step.name + "' is no real or integer parameter before this one");
        }
    }
    return formula;
}

}  // namespace maniple::compiler
