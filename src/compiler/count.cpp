#include "compiler/count.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace maniple::compiler {

namespace {

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

class FlopCount {
public:
    FlopCount(const KernelFile& file, bool integers) : file_(file), integers_(integers) {}

    double body(const Body& statements) {
        double count = 0;
        for (const Statement& statement : statements) count += one(statement);
        return count;
    }

    bool estimated() const { return estimated_; }

private:
    double one(const Statement& statement) {
        switch (statement.kind) {
            case Statement::Kind::declare:
            case Statement::Kind::assign: return value(statement.value);
            case Statement::Kind::branch: return branch(statement);
            case Statement::Kind::range: return range(statement);
            case Statement::Kind::whole: return body(statement.body);  // one turn for each point of the index
            case Statement::Kind::loop: estimated_ = true; return value(statement.value) + body(statement.body);
        }
        return 0;
    }

    double branch(const Statement& statement) {
        const double first = body(statement.body);
        const double second = body(statement.otherwise);
        if (first != second) estimated_ = true;
        return value(statement.value) + std::max(first, second);
    }

    double range(const Statement& statement) {
        const double turns = std::max(0.0, constant(statement.to) - constant(statement.from));
        return turns * body(statement.body);
    }

    double value(const Expression& expression) {
        if (expression.kind == Expression::Kind::element) return 0;  // subscripts are addresses
        double count = counts(expression) ? 1 : 0;
        if (expression.kind == Expression::Kind::conditional) {
            return value(expression.operands[0]) +
                   std::max(value(expression.operands[1]), value(expression.operands[2]));
        }
        for (const Expression& operand : expression.operands) count += value(operand);
        return count;
    }

    bool counts(const Expression& expression) const {
        const bool counted_type = is_float(expression.type) || (integers_ && is_integer(expression.type));
        if (!counted_type) return false;
        if (expression.kind == Expression::Kind::binary) return true;
        return expression.kind == Expression::Kind::call &&
               !is_one_of(expression.name, {"lowest", "highest", "extent"});
    }

    /// The value of a bound, with parameters at their defaults and unknown names as 1.
    double constant(const Expression& expression) {
        switch (expression.kind) {
            case Expression::Kind::integer: return static_cast<double>(expression.integer);
            case Expression::Kind::convert: return constant(expression.operands[0]);
            case Expression::Kind::unary: return -constant(expression.operands[0]);
            case Expression::Kind::binary: {
                const double a = constant(expression.operands[0]);
                const double b = constant(expression.operands[1]);
                return expression.name == "+" ? a + b : expression.name == "-" ? a - b : a * b;
            }
            default: break;
        }
        estimated_ = true;
        const ParameterDeclaration* const parameter =
            expression.kind == Expression::Kind::variable ? file_.parameter(expression.name) : nullptr;
        return parameter != nullptr && !parameter->required ? static_cast<double>(parameter->integer) : 1;
    }

    const KernelFile& file_;
    bool integers_;
    bool estimated_ = false;
};

bool has_reals(const Variant& variant) {
    const auto floating = [](DType type) { return is_floating(type); };
    const Combination& types = variant.combination;
    return std::any_of(types.inputs.begin(), types.inputs.end(), floating) ||
           std::any_of(types.outputs.begin(), types.outputs.end(), floating);
}

bool is_exact_expression(const Expression& expression, bool arithmetic) {
    using Kind = Expression::Kind;
    const bool real = is_float(expression.type);
    // Conversions round once, to the nearest, or saturate: every lane has to do just that.
    if (expression.kind == Kind::convert) return true;
    if (expression.kind == Kind::binary && real) return arithmetic && is_one_of(expression.name, {"+", "-", "*"});
    if (expression.kind == Kind::call && real)
        return is_one_of(expression.name, {"min", "max", "abs", "lowest", "highest"});
    return true;
}

bool is_exact_body(Body body, bool arithmetic) {
    bool exact = true;
    for_each_expression(
        body, [&](const Expression& expression) { exact = exact && is_exact_expression(expression, arithmetic); });
    return exact;
}

}  // namespace

FlopsPerPoint count_flops(const Variant& variant, const KernelFile& file) {
    FlopCount count(file, !has_reals(variant));
    const FunctionKind kind = file.is_fold() ? FunctionKind::accumulate : FunctionKind::compute;
    const double counted = count.body(variant.function(kind)->body);
    if (count.estimated()) return {file.declared_flops.value_or(counted), std::nullopt};
    if (file.declared_flops && std::abs(*file.declared_flops - counted) > 0.5) {
        char number[32];
        std::snprintf(number, sizeof number, "%g", counted);
        fail(file.flops_spot, "the body has " + std::string(number) + " operations a point");
    }
    return {file.declared_flops.value_or(counted), counted};
}

double count_bytes(const Variant& variant) {
    double bytes = 0;
    for (const DType type : variant.combination.inputs) bytes += static_cast<double>(maniple::size_of(type));
    for (const DType type : variant.combination.outputs) bytes += static_cast<double>(maniple::size_of(type));
    return bytes;
}

bool is_exact(const Variant& variant, const Signature& signature) {
    for (const Function& function : variant.functions) {
        // A sum of reals depends on its order; min and max do not.
        const bool folding = function.kind == FunctionKind::accumulate || function.kind == FunctionKind::merge;
        const bool arithmetic = !(folding && !signature.fold.empty());
        if (!is_exact_body(function.body, arithmetic)) return false;
    }
    return true;
}

}  // namespace maniple::compiler
