#include "compiler/parser.hpp"

#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "compiler/lexer.hpp"

namespace maniple::compiler {

namespace {

using Operators = std::span<const std::string_view>;

// From loose to tight. `?:` stands before, unary and call behind.
constexpr std::string_view or_operators[] = {"||"};
constexpr std::string_view and_operators[] = {"&&"};
constexpr std::string_view equalities[] = {"==", "!="};
constexpr std::string_view comparisons[] = {"<=", ">=", "<", ">"};
constexpr std::string_view sums[] = {"+", "-"};
constexpr std::string_view products[] = {"*", "/"};
constexpr std::array<Operators, 6> levels = {or_operators, and_operators, equalities, comparisons, sums, products};

// A body is written by a person; deeper than this is a mistake, and the recursion must end.
constexpr int max_depth = 100;

class Parser {
public:
    explicit Parser(const YamlNode& node) : tokens_(tokenize(node)) {}

    Body statements_to_end() {
        Body body;
        while (token().kind != Token::Kind::end) body.push_back(statement());
        return body;
    }

    Expression expression_to_end() {
        Expression result = expression();
        if (token().kind != Token::Kind::end) fail(token().spot, "expected the end of the expression");
        return result;
    }

private:
    struct Deeper {
        explicit Deeper(Parser& parser) : parser_(parser) {
            if (++parser_.depth_ > max_depth) fail(parser_.token().spot, "this is nested too deeply");
        }
        ~Deeper() { --parser_.depth_; }
        Parser& parser_;
    };

    const Token& token(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }

    bool next_is(std::string_view symbol, std::size_t ahead = 0) const {
        return token(ahead).kind == Token::Kind::symbol && token(ahead).text == symbol;
    }

    bool next_is_word(std::string_view word) const { return token().kind == Token::Kind::name && token().text == word; }

    bool take(std::string_view symbol) {
        if (!next_is(symbol)) return false;
        ++at_;
        return true;
    }

    void expect(std::string_view symbol) {
        if (!take(symbol)) fail(token().spot, "expected '" + std::string(symbol) + "'");
    }

    const Token& expect_name(const std::string& what) {
        if (token().kind != Token::Kind::name) fail(token().spot, "expected " + what);
        return tokens_[at_++];
    }

    Body block() {
        expect("{");
        Body body;
        while (!next_is("}")) {
            if (token().kind == Token::Kind::end) fail(token().spot, "expected '}'");
            body.push_back(statement());
        }
        expect("}");
        return body;
    }

    Statement statement() {
        const Deeper deeper(*this);
        if (next_is_word("if")) return branch();
        if (next_is_word("for")) return for_loop();
        if (next_is_word("while")) return while_loop();
        if (token().kind == Token::Kind::name && token(1).kind == Token::Kind::name) return declaration();
        return assignment();
    }

    Statement begin(Statement::Kind kind) {
        Statement statement;
        statement.kind = kind;
        statement.spot = token().spot;
        return statement;
    }

    Statement branch() {
        Statement result = begin(Statement::Kind::branch);
        ++at_;
        expect("(");
        result.value = expression();
        expect(")");
        result.body = block();
        if (next_is_word("else")) {
            ++at_;
            if (next_is_word("if")) {
                const Deeper deeper(*this);
                result.otherwise.push_back(branch());
            } else {
                result.otherwise = block();
            }
        }
        return result;
    }

    Statement for_loop() {
        Statement result = begin(Statement::Kind::range);
        ++at_;
        expect("(");
        if (!next_is_word("index")) fail(token().spot, "expected 'index': for (index i in a..b) { … }");
        ++at_;
        const Token& variable = expect_name("a name for the loop variable");
        result.name = variable.text;
        result.spot = variable.spot;
        if (next_is_word("in")) {
            ++at_;
            result.from = expression();
            expect("..");
            result.to = expression();
        } else {
            result.kind = Statement::Kind::whole;
        }
        expect(")");
        result.body = block();
        return result;
    }

    Statement while_loop() {
        Statement result = begin(Statement::Kind::loop);
        ++at_;
        expect("(");
        result.value = expression();
        expect(")");
        result.body = block();
        return result;
    }

    Statement declaration() {
        Statement result = begin(Statement::Kind::declare);
        result.type_word = tokens_[at_++].text;
        const Token& variable = expect_name("a name");
        result.name = variable.text;
        expect("=");
        result.value = expression();
        expect(";");
        return result;
    }

    Statement assignment() {
        Statement result = begin(Statement::Kind::assign);
        result.target = primary();
        using Kind = Expression::Kind;
        if (result.target.kind != Kind::variable && result.target.kind != Kind::element) {
            fail(result.target.spot, "only an output, a local or a state can be assigned to");
        }
        expect("=");
        result.value = expression();
        expect(";");
        return result;
    }

    Expression expression() {
        const Deeper deeper(*this);
        Expression condition = binary(0);
        if (!next_is("?")) return condition;
        Expression result = make(Expression::Kind::conditional, token());
        ++at_;
        result.operands.push_back(std::move(condition));
        result.operands.push_back(expression());
        expect(":");
        result.operands.push_back(expression());
        return result;
    }

    static Expression make(Expression::Kind kind, const Token& token) {
        Expression result;
        result.kind = kind;
        result.spot = token.spot;
        result.name = token.text;
        result.integer = token.integer;
        result.real = token.real;
        return result;
    }

    bool next_is_one_of(Operators operators) const {
        for (const std::string_view symbol : operators) {
            if (next_is(symbol)) return true;
        }
        return false;
    }

    Expression binary(std::size_t level) {
        if (level == levels.size()) return unary();
        Expression left = binary(level + 1);
        int chained = 0;
        while (next_is_one_of(levels[level])) {
            const bool comparison = level == 2 || level == 3;
            if (comparison && ++chained > 1) fail(token().spot, "comparisons are not chained: join them with &&");
            Expression result = make(Expression::Kind::binary, token());
            ++at_;
            result.operands.push_back(std::move(left));
            result.operands.push_back(binary(level + 1));
            left = std::move(result);
        }
        return left;
    }

    Expression unary() {
        if (!next_is("-") && !next_is("!")) return primary();
        const Deeper deeper(*this);
        Expression result = make(Expression::Kind::unary, token());
        ++at_;
        result.operands.push_back(unary());
        return result;
    }

    Expression primary() {
        if (take("(")) {
            Expression inner = expression();
            expect(")");
            return inner;
        }
        const Token& first = token();
        switch (first.kind) {
            case Token::Kind::integer: ++at_; return make(Expression::Kind::integer, first);
            case Token::Kind::real: ++at_; return make(Expression::Kind::real, first);
            case Token::Kind::name: ++at_; return named(first);
            default: fail(first.spot, "expected a value: a number, a name, an element, a call or '('");
        }
    }

    Expression named(const Token& name) {
        if (name.text == "true" || name.text == "false") {
            Expression result = make(Expression::Kind::boolean, name);
            result.integer = name.text == "true";
            return result;
        }
        if (take("(")) return list(make(Expression::Kind::call, name), ")");
        if (take("[")) return list(make(Expression::Kind::element, name), "]");
        if (name.text == "other" && take(".")) {
            Expression result = make(Expression::Kind::variable, expect_name("a member of the state"));
            result.role = Role::other;
            return result;
        }
        return make(Expression::Kind::variable, name);
    }

    Expression list(Expression result, std::string_view close) {
        if (take(close)) return result;
        do { result.operands.push_back(expression()); } while (take(","));
        expect(close);
        return result;
    }

    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    int depth_ = 0;
};

}  // namespace

Body parse_body(const YamlNode& node) { return Parser(node).statements_to_end(); }

Expression parse_element(const YamlNode& node) { return Parser(node).expression_to_end(); }

}  // namespace maniple::compiler
