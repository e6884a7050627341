#include "job/expression.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "job/lexer.hpp"

namespace maniple {

namespace {

constexpr int max_nesting = 64;
constexpr int max_height = 256;
constexpr std::size_t max_text_bytes = 65'536;

struct Operator {
    std::string_view symbol;
    std::string_view kernel;
};

constexpr std::array<Operator, 2> sums = {{{"+", "add"}, {"-", "sub"}}};
constexpr std::array<Operator, 2> products = {{{"*", "mul"}, {"/", "div"}}};
constexpr std::array<Operator, 6> comparisons = {{{"<", "less"},
                                                  {"<=", "less_equal"},
                                                  {">", "greater"},
                                                  {">=", "greater_equal"},
                                                  {"==", "equal"},
                                                  {"!=", "not_equal"}}};

/// A part of the tree with its height, so that the height stays bounded without walking the tree again.
struct Part {
    Expression tree;
    int height = 0;
};

/// One function for each level of precedence.
class ExpressionParser {
public:
    ExpressionParser(std::string_view text, const Locator& locate)
        : locate_(locate), tokens_(split_tokens(text, locate)) {}

    Expression parse() {
        Part part = disjunction();
        if (now().kind != Token::Kind::end) unexpected("expected an operator or the end of the expression");
        return std::move(part.tree);
    }

private:
    const Token& now() const { return tokens_[at_]; }
    const Token& after() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
    Token take() {
        const Token& token = tokens_[at_ + 1 < tokens_.size() ? at_++ : at_];
        last_end_ = token.offset + token.text.size();
        return token;
    }
    Place place_of(const Token& token) const {
        return locate_(token.offset, std::max(1, static_cast<int>(count_characters(token.text))));
    }

    [[noreturn]] void fail(const Token& token, std::string message, std::vector<Diagnostic::Note> notes = {}) const {
        throw JobError(std::vector<Diagnostic>{{place_of(token), std::move(message), {}, std::move(notes), false}});
    }
    [[noreturn]] void unexpected(const std::string& expected) const { fail(now(), found_here() + expected); }

    std::string found_here() const {
        if (now().kind == Token::Kind::end) return "the expression ends here: ";
        return "unexpected '" + std::string(now().text) + "': ";
    }

    /// Calls `parse_inner` one level deeper.
    template <class Function>
    auto nested(const Token& opener, Function parse_inner) {
        if (++nesting_ > max_nesting) fail(opener, "an expression may be nested at most 64 deep");
        auto result = parse_inner();
        --nesting_;
        return result;
    }

    Part call_of(const Token& symbol, std::string_view kernel, std::vector<Part> operands) const {
        Part part;
        part.tree.kind = Expression::Kind::call;
        part.tree.name = kernel;
        part.tree.from_operator = true;
        part.tree.place = place_of(symbol);
        for (Part& operand : operands) {
            part.height = std::max(part.height, operand.height + 1);
            part.tree.arguments.push_back(std::move(operand.tree));
        }
        if (part.height > max_height) fail(symbol, "an expression may hold at most 256 operators in a chain");
        return part;
    }
    Part call_of(const Token& symbol, std::string_view kernel, Part left, Part right) const {
        std::vector<Part> operands;
        operands.push_back(std::move(left));
        operands.push_back(std::move(right));
        return call_of(symbol, kernel, std::move(operands));
    }
    Part call_of(const Token& symbol, std::string_view kernel, Part operand) const {
        std::vector<Part> operands;
        operands.push_back(std::move(operand));
        return call_of(symbol, kernel, std::move(operands));
    }

    template <std::size_t count>
    std::string_view operator_here(const std::array<Operator, count>& operators) const {
        for (const Operator& candidate : operators) {
            if (now().is(candidate.symbol)) return candidate.kernel;
        }
        return {};
    }

    Part disjunction() {
        Part left = conjunction();
        while (now().is("or")) {
            const Token symbol = take();
            left = call_of(symbol, "logical_or", std::move(left), conjunction());
        }
        return left;
    }

    Part conjunction() {
        Part left = negation();
        while (now().is("and")) {
            const Token symbol = take();
            left = call_of(symbol, "logical_and", std::move(left), negation());
        }
        return left;
    }

    Part negation() {
        if (!now().is("not")) return comparison();
        const Token symbol = take();
        return call_of(symbol, "logical_not", nested(symbol, [this] { return negation(); }));
    }

    Part comparison() {
        Part left = sum();
        const std::string_view kernel = operator_here(comparisons);
        if (kernel.empty()) {
            if (now().is("=") && calls_ == 0) fail(now(), "unexpected '=': write '==' to compare");
            if (now().is("=")) unexpected("the name of a parameter is one word, or write '==' to compare");
            return left;
        }
        const Token symbol = take();
        Part result = call_of(symbol, kernel, std::move(left), sum());
        if (!operator_here(comparisons).empty()) {
            fail(now(), "comparisons cannot be chained: write 'a < b and b < c'",
                 {{result.tree.place, "the first comparison"}});
        }
        return result;
    }

    Part sum() {
        Part left = product();
        for (std::string_view kernel = operator_here(sums); !kernel.empty(); kernel = operator_here(sums)) {
            const Token symbol = take();
            left = call_of(symbol, kernel, std::move(left), product());
        }
        return left;
    }

    Part product() {
        Part left = unary();
        for (std::string_view kernel = operator_here(products); !kernel.empty(); kernel = operator_here(products)) {
            const Token symbol = take();
            left = call_of(symbol, kernel, std::move(left), unary());
        }
        return left;
    }

    Part unary() {
        if (!now().is("-")) return primary();
        const Token symbol = take();
        if (now().kind == Token::Kind::number) return number(&symbol);
        return call_of(symbol, "neg", nested(symbol, [this] { return unary(); }));
    }

    Part primary() {
        if (now().kind == Token::Kind::number) return number(nullptr);
        if (now().is("(")) {
            const Token opener = take();
            Part part = nested(opener, [this] { return disjunction(); });
            close(opener, ")");
            return part;
        }
        if (now().kind == Token::Kind::name && !is_keyword(now().text)) {
            if (after().is("(")) return call();
            Part part;
            part.tree.place = place_of(now());
            part.tree.name = take().text;
            return part;
        }
        if (now().is("[")) unexpected("a list can only be the value of a parameter, as in axis=[0, 1]");
        if (now().is("not")) unexpected("put it in parentheses here");
        unexpected("expected a name, a number, a call or '('");
    }

    void close(const Token& opener, const std::string& closer, const std::string& or_else = {}) {
        if (!now().is(closer)) {
            const std::string message = found_here() + "expected " + or_else + "'" + closer + "'";
            fail(now(), message, {{place_of(opener), "to close this"}});
        }
        take();
    }

    /// Requires: a number here. `minus` is the sign before it, or null.
    Part number(const Token* minus) {
        const Token token = take();
        Part part;
        part.tree.place = place_of(token);
        std::string text(token.text);
        if (minus != nullptr) {
            const auto span = static_cast<int>(token.offset + token.text.size() - minus->offset);
            part.tree.place = locate_(minus->offset, span);
            text.insert(0, "-");
        }
        const bool is_integer = token.text.find_first_of(".eE") == std::string_view::npos;
        part.tree.kind = is_integer ? Expression::Kind::integer : Expression::Kind::real;
        const char* const end = text.data() + text.size();
        if (is_integer && std::from_chars(text.data(), end, part.tree.integer).ec != std::errc()) {
            fail(token, "the integer " + text.substr(0, 60) + " does not fit 64 bits: write it with a decimal point");
        }
        if (std::from_chars(text.data(), end, part.tree.real).ec != std::errc()) {
            fail(token, "the number " + text.substr(0, 60) + " does not fit f64");
        }
        return part;
    }

    Part call() {
        Part part;
        part.tree.kind = Expression::Kind::call;
        part.tree.place = place_of(now());
        part.tree.name = take().text;
        const Token opener = take();
        ++calls_;
        nested(opener, [&] {
            arguments(part, opener);
            return 0;
        });
        --calls_;
        if (part.height > max_height) fail(opener, "an expression may hold at most 256 operators in a chain");
        return part;
    }

    void arguments(Part& call, const Token& opener) {
        bool after_comma = false;
        while (!now().is(")") || after_comma) {
            argument(call);
            after_comma = now().is(",");
            if (!after_comma) break;
            take();
        }
        close(opener, ")", "',' or ");
    }

    void argument(Part& call) {
        if (now().kind == Token::Kind::name && !is_keyword(now().text) && after().is("=")) return parameter(call);
        const Token first = now();
        Part part = disjunction();
        if (!call.tree.parameters.empty()) {
            const Expression::Parameter& before = call.tree.parameters.front();
            fail(first, "an argument without a name after a named parameter: write it before '" + before.name + "='",
                 {{before.place, "the first named parameter"}});
        }
        call.height = std::max(call.height, part.height + 1);
        call.tree.arguments.push_back(std::move(part.tree));
    }

    void parameter(Part& call) {
        const Token name = take();
        take();
        for (const Expression::Parameter& other : call.tree.parameters) {
            if (other.name != name.text) continue;
            fail(name, "parameter '" + other.name + "' is given twice", {{other.place, "first given here"}});
        }
        Expression::Parameter parameter;
        parameter.name = name.text;
        parameter.place = place_of(name);
        parameter.value = value(call.height);
        call.tree.parameters.push_back(std::move(parameter));
    }

    /// The value of a parameter; `height` grows by what is in it.
    Expression::Value value(int& height) {
        Expression::Value value;
        value.place = place_of(now());
        const bool alone = after().is(",") || after().is(")") || after().is("]");
        if (now().is("[")) {
            value.kind = Expression::Value::Kind::list;
            const Token opener = take();
            nested(opener, [&] {
                elements(value, opener, height);
                return 0;
            });
            const std::size_t end = last_end_;
            value.place = locate_(opener.offset, static_cast<int>(end - opener.offset));
        } else if (now().kind == Token::Kind::name && !is_keyword(now().text) && alone) {
            value.kind = Expression::Value::Kind::word;
            value.word = take().text;
        } else {
            Part part = disjunction();
            height = std::max(height, part.height + 1);
            if (part.tree.kind != Expression::Kind::call) value.place = part.tree.place;
            value.expression.push_back(std::move(part.tree));
        }
        return value;
    }

    void elements(Expression::Value& list, const Token& opener, int& height) {
        while (!now().is("]")) {
            list.list.push_back(value(height));
            if (!now().is(",")) break;
            take();
        }
        close(opener, "]", "',' or ");
    }

    const Locator& locate_;
    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    std::size_t last_end_ = 0;  ///< of the token taken last
    int nesting_ = 0;
    int calls_ = 0;  ///< open ones
};

Expression parse(std::string_view text, const Locator& locate) {
    if (text.size() > max_text_bytes) throw JobError(locate(0, 1), "an expression may have at most 65536 bytes");
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        throw JobError(locate(0, 1), "an empty expression: expected a name, a number or a call");
    }
    return ExpressionParser(text, locate).parse();
}

}  // namespace

bool is_keyword(std::string_view word) { return word == "and" || word == "or" || word == "not"; }

bool is_name(std::string_view text) {
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    if (text.empty() || !is_letter(text[0]) || is_keyword(text)) return false;
    return std::all_of(text.begin(), text.end(), [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

Expression parse_expression(std::string_view text, const Place& origin) {
    return parse(text, [&](std::size_t offset, int length) {
        Place place = origin;
        place.column += static_cast<int>(count_characters(text.substr(0, offset)));
        place.length = length;
        return place;
    });
}

Expression parse_expression(const YamlNode& node) {
    const std::string hint = quoting_hint(node);
    try {
        return parse(node.value, [&](std::size_t offset, int length) { return node.place_at(offset, length); });
    } catch (const JobError& error) {
        if (hint.empty()) throw;
        std::vector<Diagnostic> diagnostics = error.diagnostics();
        diagnostics.front().message += "; " + hint;
        throw JobError(std::move(diagnostics));
    }
}

}  // namespace maniple
