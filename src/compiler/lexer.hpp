// compiler/lexer.hpp: the words of a kernel body.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/spot.hpp"

namespace maniple::compiler {

struct Token {
    enum class Kind { name, integer, real, symbol, end };
    Kind kind = Kind::end;
    std::string text;
    std::int64_t integer = 0;
    double real = 0;
    Spot spot;
};

/// The tokens of `node`'s value, an end token last. `//` begins a comment.
/// Errors: JobError at a character that begins no token, or at a number that does not fit.
std::vector<Token> tokenize(const YamlNode& node);

}  // namespace maniple::compiler
