// The fixed list of functions, and conversions, which look like calls.
#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/text.hpp"
#include "compiler/checker.hpp"

namespace maniple::compiler {

namespace {

enum class Rule {
    real,  ///< reals to a real
    same,  ///< numbers to their common type
    test,  ///< a real to a bool
};

struct Known {
    std::string_view name;
    std::size_t arity;
    Rule rule;
};

constexpr Known functions[] = {
    {"abs", 1, Rule::same},   {"min", 2, Rule::same},  {"max", 2, Rule::same},   {"sqrt", 1, Rule::real},
    {"exp", 1, Rule::real},   {"log", 1, Rule::real},  {"sin", 1, Rule::real},   {"cos", 1, Rule::real},
    {"tanh", 1, Rule::real},  {"erf", 1, Rule::real},  {"erfc", 1, Rule::real},  {"pow", 2, Rule::real},   {"fma", 3, Rule::real},
    {"floor", 1, Rule::real}, {"ceil", 1, Rule::real}, {"isnan", 1, Rule::test}, {"isinf", 1, Rule::test},
};

std::vector<std::string> callable_names() {
    std::vector<std::string> names = {"lowest", "highest", "extent", "real", "int", "index", "bool"};
    for (const Known& known : functions) names.emplace_back(known.name);
    return names;
}

}  // namespace

void Checker::check_arity(const Expression& call, std::size_t count) const {
    if (call.operands.size() == count) return;
    fail(call.spot, "'" + call.name + "' takes " + std::to_string(count) + " argument(s), not " +
                        std::to_string(call.operands.size()));
}

void Checker::check_call(Expression& call) {
    if (call.name == "extent") return check_extent(call);
    if (call.name == "lowest" || call.name == "highest") return check_limit(call);
    if (const std::optional<ValueType> type = type_of_word(call.name)) return check_conversion(call, *type);
    const auto* const known = std::find_if(std::begin(functions), std::end(functions),
                                           [&](const Known& candidate) { return candidate.name == call.name; });
    if (known == std::end(functions)) {
        fail(call.spot, "unknown function '" + call.name + "'", nearest_word(call.name, callable_names()));
    }
    check_arity(call, known->arity);
    for (Expression& operand : call.operands) check_value(operand);
    meet_operands(call, 0);
    if (known->rule == Rule::same) return;
    if (is_weak(call.type)) {
        for (Expression& operand : call.operands) adapt(operand, variant_.real);
        call.type = variant_.real;
    }
    if (known->rule == Rule::test && !is_float(call.type)) {
        const Spot spot = call.spot;
        call = Expression{};  // no integer is NaN or infinite
        call.kind = Expression::Kind::boolean;
        call.spot = spot;
        call.type = ValueType::boolean;
        return;
    }
    if (!is_float(call.type)) {
        fail(start_of(call.operands[0]),
             "'" + call.name + "' takes reals, this is " + name_of(call.type) + ": convert it, as in real(…)");
    }
    if (known->rule == Rule::test) call.type = ValueType::boolean;
}

void Checker::check_conversion(Expression& call, ValueType type) {
    check_arity(call, 1);
    Expression& operand = call.operands[0];
    check_value(operand);
    if (operand.type == ValueType::weak_integer && type == ValueType::boolean) adapt(operand, ValueType::i32);
    if (operand.type == ValueType::weak_real && !is_float(type)) adapt(operand, variant_.real);
    if (is_weak(operand.type)) adapt(operand, type);
    call.kind = Expression::Kind::convert;
    call.half = names_half(call.name, variant_);
    call.type = type;
}

/// extent(j): of an index; extent(p, 0): of an axis that the signature reads whole.
void Checker::check_extent(Expression& call) {
    call.type = ValueType::i64;
    if (call.operands.empty() || call.operands.size() > 2) check_arity(call, 1);
    Expression& what = call.operands[0];
    if (call.operands.size() == 1) {
        const int number = what.kind == Expression::Kind::variable ? index_number(what.name) : -1;
        if (number < 0 || !sees_indices()) fail(what.spot, "extent(…) takes an index of the signature");
        call.number = number;
        return;
    }
    const Expression& axis = call.operands[1];
    const int tensor = what.kind == Expression::Kind::variable ? tensor_number(what.name) : -1;
    if (tensor < 0) fail(what.spot, "extent(…, axis) takes an input");
    if (axis.kind != Expression::Kind::integer) fail(start_of(axis), "the axis must be a number");
    for (const Access& access : file_.signature.inputs) {
        const std::vector<Subscript> subscripts = access.named();
        if (access.tensor != what.name || axis.integer >= static_cast<std::int64_t>(subscripts.size())) continue;
        if (subscripts[static_cast<std::size_t>(axis.integer)].kind != Subscript::Kind::whole) continue;
        call.role = Role::tensor;
        call.number = tensor;
        return;
    }
    fail(start_of(axis), "the signature does not read this axis of '" + what.name + "' whole: write '*' there");
}

/// lowest(T), highest(T): the ends of a type; infinities for reals.
void Checker::check_limit(Expression& call) {
    check_arity(call, 1);
    const Expression& word = call.operands[0];
    const std::optional<ValueType> type =
        word.kind == Expression::Kind::variable ? type_of_word(word.name) : std::nullopt;
    if (!type) fail(start_of(word), "'" + call.name + "' takes a type");
    call.type = *type;
    call.operands.clear();
}

}  // namespace maniple::compiler
