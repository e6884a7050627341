// job/lexer.hpp: the tokens of an expression.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace maniple {

/// One token of an expression; `text` borrows from the expression's text. The end of the text is a token too.
struct Token {
    enum class Kind { name, number, symbol, end };
    Kind kind = Kind::end;
    std::string_view text;
    std::size_t offset = 0;

    bool is(std::string_view wanted) const { return kind != Kind::number && kind != Kind::end && text == wanted; }
};

/// Place of `length` characters from byte `offset` of an expression.
using Locator = std::function<Place(std::size_t offset, int length)>;

/// All tokens of `text`, then the end.
/// Errors: JobError at a character or number that no expression may hold.
std::vector<Token> split_tokens(std::string_view text, const Locator& locate);

}  // namespace maniple
