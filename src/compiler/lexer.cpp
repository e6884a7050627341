#include "compiler/lexer.hpp"

#include <cctype>
#include <charconv>
#include <string_view>

namespace maniple::compiler {

namespace {

// The longer ones first.
constexpr std::string_view symbols[] = {"..", "<=", ">=", "==", "!=", "&&", "||", "(", ")", "[", "]", "{", "}",
                                        ",",  ";",  "?",  ":",  "+",  "-",  "*",  "/", "<", ">", "=", "!", "."};

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool begins_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Lexer {
public:
    explicit Lexer(const YamlNode& node) : node_(node), text_(node.value) {}

    std::vector<Token> run() {
        std::vector<Token> tokens;
        for (;;) {
            const std::size_t behind = at_;
            skip();
            if (at_ >= text_.size()) {
                // What is missing at the end is missing behind the last word, not on the line after it.
                at_ = behind;
                tokens.push_back(finish(Token::Kind::end, behind));
                return tokens;
            }
            tokens.push_back(next());
        }
    }

private:
    void skip() {
        while (at_ < text_.size()) {
            if (is_blank(text_[at_])) {
                ++at_;
            } else if (text_.substr(at_, 2) == "//") {
                while (at_ < text_.size() && text_[at_] != '\n') ++at_;
            } else {
                return;
            }
        }
    }

    Token next() {
        const std::size_t start = at_;
        if (begins_name(text_[at_])) {
            while (at_ < text_.size() && (begins_name(text_[at_]) || is_digit(text_[at_]))) ++at_;
            return finish(Token::Kind::name, start);
        }
        if (is_digit(text_[at_])) return number();
        for (const std::string_view symbol : symbols) {
            if (text_.substr(at_, symbol.size()) != symbol) continue;
            at_ += symbol.size();
            return finish(Token::Kind::symbol, start);
        }
        fail(Spot{&node_, at_, 1}, "this character means nothing in a kernel body");
    }

    void take_digits() {
        while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    }

    /// Digits, with a fraction or an exponent for a real. In `0..n` the first dot belongs to the range.
    Token number() {
        const std::size_t start = at_;
        bool real = false;
        take_digits();
        if (at_ < text_.size() && text_[at_] == '.' && text_.substr(at_, 2) != "..") {
            real = true;
            ++at_;
            take_digits();
        }
        if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
            real = true;
            ++at_;
            if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
            take_digits();
        }
        Token token = finish(real ? Token::Kind::real : Token::Kind::integer, start);
        convert(token);
        return token;
    }

    static void convert(Token& token) {
        const char* const first = token.text.data();
        const char* const last = first + token.text.size();
        const auto [end, error] = token.kind == Token::Kind::real ? std::from_chars(first, last, token.real)
                                                                  : std::from_chars(first, last, token.integer);
        if (error != std::errc{} || end != last) fail(token.spot, "this number cannot be read");
    }

    Token finish(Token::Kind kind, std::size_t start) const {
        Token token;
        token.kind = kind;
        token.text = std::string(text_.substr(start, at_ - start));
        token.spot = {&node_, start, static_cast<int>(at_ > start ? at_ - start : 1)};
        return token;
    }

    const YamlNode& node_;
    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::vector<Token> tokenize(const YamlNode& node) { return Lexer(node).run(); }

}  // namespace maniple::compiler
