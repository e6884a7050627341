#include "job/lexer.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace maniple {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

/// Operators of other languages, and what to write here.
struct ForeignOperator {
    std::string_view text;
    std::string_view advice;
};

constexpr std::array<ForeignOperator, 8> foreign_operators = {{{"**", "write pow(a, b)"},
                                                               {"//", "there is no integer division"},
                                                               {"&&", "write 'and'"},
                                                               {"||", "write 'or'"},
                                                               {"&", "write 'and'"},
                                                               {"|", "write 'or'"},
                                                               {"@", "write matmul(a, b)"},
                                                               {"!", "write 'not'"}}};

constexpr std::array<std::string_view, 16> symbols = {"<=", ">=", "==", "!=", "<", ">", "=", "+",
                                                      "-",  "*",  "/",  "(",  ")", "[", "]", ","};

class Lexer {
public:
    Lexer(std::string_view text, const Locator& locate) : text_(text), locate_(locate) {}

    std::vector<Token> split() {
        std::vector<Token> tokens;
        while (true) {
            while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) ++at_;
            tokens.push_back(next());
            if (tokens.back().kind == Token::Kind::end) return tokens;
        }
    }

private:
    char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

    Token take(Token::Kind kind, std::size_t end) {
        const Token token{kind, text_.substr(at_, end - at_), at_};
        at_ = end;
        last_end_ = end;
        return token;
    }

    Token next() {
        if (at_ == text_.size()) return {Token::Kind::end, {}, last_end_};  // not behind blanks or line ends
        if (is_name_start(peek())) {
            std::size_t end = at_;
            while (end < text_.size() && is_name_part(text_[end])) ++end;
            return take(Token::Kind::name, end);
        }
        if (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) return number();
        return symbol();
    }

    Token number() {
        std::size_t end = at_;
        const auto skip_digits = [&] {
            while (end < text_.size() && is_digit(text_[end])) ++end;
        };
        skip_digits();
        const bool zero_first = end > at_ + 1 && text_[at_] == '0';
        if (end < text_.size() && text_[end] == '.') ++end;
        skip_digits();
        if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
            std::size_t digits = end + 1;
            if (digits < text_.size() && (text_[digits] == '+' || text_[digits] == '-')) ++digits;
            if (digits < text_.size() && is_digit(text_[digits])) end = digits;
            skip_digits();
        }
        const bool goes_on = end < text_.size() && (is_name_part(text_[end]) || text_[end] == '.');
        if (!goes_on && !zero_first) return take(Token::Kind::number, end);
        while (end < text_.size() && (is_name_part(text_[end]) || text_[end] == '.')) ++end;
        const std::string_view found = text_.substr(at_, end - at_);
        throw JobError(locate_(at_, static_cast<int>(found.size())),
                       "'" + std::string(found) + "' is not a number: expected decimal digits like 10, 0.5 or 1e-6");
    }

    Token symbol() {
        const std::string_view rest = text_.substr(at_);
        for (const ForeignOperator& foreign : foreign_operators) {
            if (!rest.starts_with(foreign.text) || rest.starts_with("!=")) continue;
            throw JobError(locate_(at_, static_cast<int>(foreign.text.size())),
                           "'" + std::string(foreign.text) + "' is not an operator: " + std::string(foreign.advice));
        }
        for (const std::string_view known : symbols) {
            if (rest.starts_with(known)) return take(Token::Kind::symbol, at_ + known.size());
        }
        std::size_t end = at_ + 1;
        while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
        const std::string found(text_.substr(at_, end - at_));
        throw JobError(locate_(at_, 1), "unexpected character '" + found + "' in an expression");
    }

    std::string_view text_;
    const Locator& locate_;
    std::size_t at_ = 0;
    std::size_t last_end_ = 0;  ///< of the last token
};

}  // namespace

std::vector<Token> split_tokens(std::string_view text, const Locator& locate) { return Lexer(text, locate).split(); }

}  // namespace maniple
