#include "kernel/formula.hpp"

#include <cctype>
#include <charconv>
#include <cmath>

namespace maniple {

namespace {

using Step = Formula::Step;
using Kind = Formula::Step::Kind;

constexpr int deepest = 64;

class FormulaParser {
public:
    explicit FormulaParser(std::string_view text) : text_(text) {}

    Formula read() {
        Formula formula;
        skip_blanks();
        const std::size_t start = at_;
        read_sum(formula.steps);
        std::size_t end = at_;
        while (end > start && text_[end - 1] == ' ') --end;
        formula.text = std::string(text_.substr(start, end - start));
        return formula;
    }

    std::string read_comparison() {
        for (const std::string_view word : {"<=", ">=", "==", "!=", "<", ">"}) {
            if (take(word)) return std::string(word);
        }
        fail("expected one of < <= > >= == !=");
    }

    void expect(std::string_view word, const std::string& what) {
        if (!take(word)) fail("expected " + what);
    }

    void end(const std::string& what) {
        skip_blanks();
        if (at_ < text_.size()) fail("expected the end of " + what);
    }

private:
    [[noreturn]] void fail(const std::string& message) const {
        throw JobError(Place{"", 1, static_cast<int>(at_) + 1, 1, std::string(text_)}, message);
    }

    void skip_blanks() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    }

    bool take(std::string_view word) {
        skip_blanks();
        if (text_.substr(at_, word.size()) != word) return false;
        at_ += word.size();
        return true;
    }

    unsigned char next() {
        skip_blanks();
        return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : 0;
    }

    void add(std::vector<Step>& steps, Kind kind) const {
        Step step;
        step.kind = kind;
        step.place = at_;
        steps.push_back(step);
    }

    void read_sum(std::vector<Step>& steps) {
        read_product(steps);
        for (;;) {
            const bool plus = take("+");
            if (!plus && !take("-")) return;
            read_product(steps);
            add(steps, plus ? Kind::add : Kind::subtract);
        }
    }

    void read_product(std::vector<Step>& steps) {
        read_factor(steps);
        for (;;) {
            const bool times = take("*");
            if (!times && !take("/")) return;
            read_factor(steps);
            add(steps, times ? Kind::multiply : Kind::divide);
        }
    }

    void read_factor(std::vector<Step>& steps) {
        if (++depth_ > deepest) fail("this formula is nested too deep");
        if (take("-")) {
            read_factor(steps);
            add(steps, Kind::negate);
        } else if (take("(")) {
            read_sum(steps);
            expect(")", "')'");
        } else if (std::isdigit(next())) {
            read_number(steps);
        } else if (std::isalpha(next()) || next() == '_') {
            read_name(steps);
        } else {
            fail("expected a number, a parameter, extent(…) or '('");
        }
        --depth_;
    }

    void read_number(std::vector<Step>& steps) {
        add(steps, Kind::number);
        Step& step = steps.back();
        const char* const first = text_.data() + at_;
        const char* const last = text_.data() + text_.size();
        const auto [end, error] = std::from_chars(first, last, step.integer);
        // "0 .. n" may be written without blanks.
        const bool point = end + 1 < last && *end == '.' && std::isdigit(static_cast<unsigned char>(end[1]));
        step.is_integer = !point;
        step.real = static_cast<double>(step.integer);
        at_ += static_cast<std::size_t>(end - first);
        if (!point && error != std::errc{}) fail("this number is too large");
        if (!point) return;
        const auto real = std::from_chars(first, last, step.real, std::chars_format::fixed);
        at_ += static_cast<std::size_t>(real.ptr - end);
    }

    std::string read_word() {
        skip_blanks();
        const std::size_t start = at_;
        while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
        if (at_ == start) fail("expected a name");
        return std::string(text_.substr(start, at_ - start));
    }

    void read_name(std::vector<Step>& steps) {
        add(steps, Kind::parameter);
        Step& step = steps.back();
        step.name = read_word();
        if (step.name != "extent") return;
        expect("(", "'(' behind extent");
        skip_blanks();
        step.kind = Kind::extent;
        step.place = at_;
        step.name = read_word();
        expect(",", "',' and the number of an axis");
        if (!std::isdigit(next())) fail("expected the number of an axis");
        const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), step.axis);
        if (error != std::errc{}) fail("this number is too large");
        at_ = static_cast<std::size_t>(end - text_.data());
        expect(")", "')'");
    }

    std::string_view text_;
    std::size_t at_ = 0;
    int depth_ = 0;
};

std::optional<std::int64_t> divided_down(std::int64_t a, std::int64_t b) {
    if (b == 0 || (b == -1 && a == INT64_MIN)) return std::nullopt;
    const std::int64_t quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::optional<std::int64_t> applied(Kind kind, std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    switch (kind) {
        case Kind::add: return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
        case Kind::subtract: return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
        case Kind::multiply: return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
        default: return divided_down(a, b);
    }
}

double applied(Kind kind, double a, double b) {
    switch (kind) {
        case Kind::add: return a + b;
        case Kind::subtract: return a - b;
        case Kind::multiply: return a * b;
        default: return a / b;
    }
}

bool is_binary(Kind kind) { return kind >= Kind::add; }

template <class Number>
Number popped(std::vector<Number>& stack) {
    const Number top = stack.back();
    stack.pop_back();
    return top;
}

}  // namespace

Formula parse_formula(std::string_view text) {
    FormulaParser parser(text);
    Formula formula = parser.read();
    parser.end("the formula");
    return formula;
}

Condition parse_condition(std::string_view text) {
    FormulaParser parser(text);
    Condition condition;
    condition.text = std::string(text);
    condition.left = parser.read();
    condition.comparison = parser.read_comparison();
    condition.right = parser.read();
    parser.end("the condition");
    return condition;
}

FormulaRange parse_formula_range(std::string_view text) {
    FormulaParser parser(text);
    FormulaRange range;
    range.text = std::string(text);
    range.from = parser.read();
    parser.expect("..", "'..' between the ends of a range");
    range.to = parser.read();
    parser.end("the range");
    return range;
}

double evaluate_real(const Formula& formula, const FormulaScope& scope) {
    std::vector<double> stack;
    for (const Step& step : formula.steps) {
        if (is_binary(step.kind)) {
            const double b = popped(stack);
            stack.back() = applied(step.kind, stack.back(), b);
            continue;
        }
        switch (step.kind) {
            case Kind::number: stack.push_back(step.real); break;
            case Kind::parameter: stack.push_back(scope.real(step.name)); break;
            case Kind::extent: stack.push_back(static_cast<double>(scope.extent(step.name, step.axis))); break;
            default: stack.back() = -stack.back(); break;
        }
    }
    return stack.back();
}

std::optional<std::int64_t> evaluate_integer(const Formula& formula, const FormulaScope& scope) {
    std::vector<std::int64_t> stack;
    for (const Step& step : formula.steps) {
        if (is_binary(step.kind) || step.kind == Kind::negate) {
            const std::int64_t b = popped(stack);
            const bool negates = step.kind == Kind::negate;
            const std::int64_t a = negates ? 0 : popped(stack);
            const std::optional<std::int64_t> result = applied(negates ? Kind::subtract : step.kind, a, b);
            if (!result) return std::nullopt;
            stack.push_back(*result);
            continue;
        }
        switch (step.kind) {
            case Kind::number: stack.push_back(step.integer); break;
            case Kind::parameter: stack.push_back(scope.integer(step.name)); break;
            default: stack.push_back(scope.extent(step.name, step.axis)); break;
        }
    }
    return stack.back();
}

namespace {

template <class Value>
bool compare(Value left, const std::string& comparison, Value right) {
    if (comparison == "<") return left < right;
    if (comparison == "<=") return left <= right;
    if (comparison == ">") return left > right;
    if (comparison == ">=") return left >= right;
    return (left == right) == (comparison == "==");
}

}  // namespace

std::optional<bool> evaluate(const Condition& condition, const FormulaScope& scope) {
    const std::optional<std::int64_t> left = evaluate_integer(condition.left, scope);
    const std::optional<std::int64_t> right = evaluate_integer(condition.right, scope);
    if (!left || !right) return std::nullopt;
    return compare(*left, condition.comparison, *right);
}

bool evaluate_real(const Condition& condition, const FormulaScope& scope) {
    return compare(evaluate_real(condition.left, scope), condition.comparison, evaluate_real(condition.right, scope));
}

}  // namespace maniple
