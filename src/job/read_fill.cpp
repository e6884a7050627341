// fill: a number, iota, uniform(…), normal(…), he_normal(…)

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.hpp"
#include "job/sections.hpp"

namespace maniple {

namespace {

constexpr std::string_view fills = "a number, iota, uniform(seed=1), normal(seed=1) or he_normal(seed=1)";

struct Generator {
    std::string name;
    Fill::Kind kind;
    std::vector<std::string> parameters;
};

const std::vector<Generator>& generators() {
    static const std::vector<Generator> all = {{"uniform", Fill::Kind::uniform, {"seed", "low", "high"}},
                                               {"normal", Fill::Kind::normal, {"seed", "mean", "std"}},
                                               {"he_normal", Fill::Kind::he_normal, {"seed"}}};
    return all;
}

[[noreturn]] void refuse_fill(const Expression& expression) {
    std::vector<std::string> words = {"iota"};
    for (const Generator& generator : generators()) words.push_back(generator.name);
    const bool word = !expression.from_operator && !expression.name.empty();
    throw JobError(
        expression.place,
        "expected " + std::string(fills) + ", found " + (word ? in_quotes(expression.name) : "another expression"),
        word ? nearest_word(expression.name, words) : std::string());
}

const Generator& find_generator(const Expression& call) {
    for (const Generator& generator : generators()) {
        if (!call.from_operator && generator.name == call.name) return generator;
    }
    refuse_fill(call);
}

void set_parameter(Fill& fill, const Expression::Parameter& parameter, const Number& value) {
    if (parameter.name == "seed") {
        if (!value.is_integer || value.integer < 0) {
            throw JobError(parameter.value.place, "a seed is an integer of at least 0");
        }
        fill.seed = static_cast<std::uint64_t>(value.integer);
    }
    if (parameter.name == "low") fill.low = value.real;
    if (parameter.name == "high") fill.high = value.real;
    if (parameter.name == "mean") fill.mean = value.real;
    if (parameter.name == "std") {
        if (value.real < 0) throw JobError(parameter.value.place, "a standard deviation cannot be negative");
        fill.std = value.real;
    }
}

void read_generator(Fill& fill, const Expression& call, const Constants& constants) {
    const Generator& generator = find_generator(call);
    fill.kind = generator.kind;
    const std::string takes = "'" + call.name + "' takes " + join(generator.parameters, ", ");
    if (!call.arguments.empty()) {
        throw JobError(call.arguments.front().place, takes + " as name=value, found an argument without a name");
    }
    bool seeded = false;
    for (const Expression::Parameter& parameter : call.parameters) {
        const auto& known = generator.parameters;
        if (std::find(known.begin(), known.end(), parameter.name) == known.end()) {
            throw JobError(parameter.place, "unknown parameter '" + parameter.name + "': " + takes,
                           nearest_word(parameter.name, known));
        }
        const std::optional<Number> value = evaluate(parameter.value, constants);
        if (!value) throw JobError(parameter.value.place, "expected a number or a constant's name");
        set_parameter(fill, parameter, *value);
        seeded = seeded || parameter.name == "seed";
    }
    if (!seeded) throw JobError(call.place, "'" + call.name + "' needs a seed: write " + call.name + "(seed=1)");
}

struct Range {
    std::int64_t low;
    std::int64_t high;
};

Range range_of(DType dtype) {
    switch (dtype) {
        case DType::i32: return {INT32_MIN, INT32_MAX};
        case DType::u8: return {0, UINT8_MAX};
        case DType::u32: return {0, UINT32_MAX};
        case DType::boolean: return {0, 1};
        default: return {INT64_MIN, INT64_MAX};
    }
}

}  // namespace

Fill read_fill(const YamlNode& node, const Constants& constants) {
    read_text(node, fills);
    Fill fill;
    fill.place = node.place;
    const Expression expression = parse_expression(node);
    if (expression.kind == Expression::Kind::name && expression.name == "iota") {
        fill.kind = Fill::Kind::iota;
        return fill;
    }
    if (const std::optional<Number> value = evaluate(expression, constants)) {
        fill.value = *value;
        return fill;
    }
    const bool truth = expression.name == "true" || expression.name == "false";
    if (expression.kind == Expression::Kind::name && truth) {
        const std::int64_t value = expression.name == "true" ? 1 : 0;
        fill.value = {true, value, static_cast<double>(value)};
        return fill;
    }
    if (expression.kind != Expression::Kind::call) refuse_fill(expression);
    read_generator(fill, expression, constants);
    return fill;
}

void check_fill(const Fill& fill, DType dtype) {
    if (is_floating(dtype) || fill.kind == Fill::Kind::iota) return;
    const std::string name(name_of(dtype));
    if (fill.kind != Fill::Kind::number) {
        throw JobError(fill.place, "random numbers need a floating dtype (f32, f64, f16), found " + name);
    }
    if (!fill.value.is_integer)
        throw JobError(fill.place,
                       "expected an integer for dtype " + name + ", found a number with a fraction or exponent");
    const Range range = range_of(dtype);
    if (fill.value.integer >= range.low && fill.value.integer <= range.high) return;
    throw JobError(fill.place, std::to_string(fill.value.integer) + " does not fit dtype " + name + ": expected " +
                                   std::to_string(range.low) + " to " + std::to_string(range.high));
}

}  // namespace maniple
