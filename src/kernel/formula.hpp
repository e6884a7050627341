// kernel/formula.hpp: arithmetic that a description leaves to each call: `(extent(x, 2) + 2*pad) / stride`.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace maniple {

/// Numbers, parameters and extents of inputs, joined by + - * / and parentheses. Kept in postfix order.
///
///   formula  := product {('+'|'-') product}
///   product  := factor {('*'|'/') factor}
///   factor   := '-' factor | NUMBER | NAME | 'extent' '(' NAME ',' NUMBER ')' | '(' formula ')'
struct Formula {
    struct Step {
        enum class Kind { number, parameter, extent, negate, add, subtract, multiply, divide };
        Kind kind = Kind::number;
        std::int64_t integer = 0;  ///< of a number without a point
        double real = 0;           ///< of any number
        bool is_integer = false;   ///< of a number
        std::string name;          ///< of a parameter, or of the tensor whose extent is taken
        int axis = 0;              ///< of an extent
        std::size_t place = 0;     ///< where it stands in the text
    };
    std::string text;
    std::vector<Step> steps;
};

/// `left < right`, with one of < <= > >= == !=.
struct Condition {
    std::string text;
    Formula left;
    std::string comparison;
    Formula right;
};

/// `from .. to`: the integers from `from` to `to` - 1.
struct FormulaRange {
    std::string text;
    Formula from;
    Formula to;
};

/// Errors: JobError whose place has line 1 and the column within `text` (the caller moves it).
Formula parse_formula(std::string_view text);
Condition parse_condition(std::string_view text);
FormulaRange parse_formula_range(std::string_view text);

/// What the names in a formula stand for. Both are asked for names that the formula holds only.
struct FormulaScope {
    std::function<double(const std::string&)> real;           ///< for evaluate_real
    std::function<std::int64_t(const std::string&)> integer;  ///< for evaluate_integer
    std::function<std::int64_t(const std::string&, int)> extent;
};

/// In f64, each operation rounded; division by zero gives an infinity or NaN.
double evaluate_real(const Formula& formula, const FormulaScope& scope);

/// In 64 bits; `/` rounds towards minus infinity. None where a result leaves the 64 bits or a divisor is 0.
std::optional<std::int64_t> evaluate_integer(const Formula& formula, const FormulaScope& scope);

/// Whether the condition holds; none where a side has no value.
std::optional<bool> evaluate(const Condition& condition, const FormulaScope& scope);

/// The same with both sides in f64.
bool evaluate_real(const Condition& condition, const FormulaScope& scope);

}  // namespace maniple
