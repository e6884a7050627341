// job/expression.hpp: one expression of a job file as a tree, every node with its place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "job/yaml.hpp"

namespace maniple {

/// A node of an expression. Operators are kept as calls of the kernels that they stand for (`a + b` is a call
/// of `add`, `-a` of `neg`, `a < b` of `less`, `not a` of `logical_not`), so that whoever reads the tree knows
/// names, numbers and calls only.
struct Expression {
    enum class Kind {
        name,     ///< an input, constant, parameter or graph name
        integer,  ///< a number without `.` and exponent
        real,
        call,
    };
    /// The value of a named parameter: `axis=1`, `axis=[0, 1]`, `boundary=clamp`, `keepdims=true`, `alpha=0.2*dt`.
    struct Value {
        enum class Kind { expression, word, list };
        Kind kind = Kind::expression;
        std::string word;  ///< a bare word; it may turn out to be a constant's name
        std::vector<Value> list;
        std::vector<Expression> expression;  ///< one, for anything else
        Place place;
    };
    struct Parameter {
        std::string name;
        Value value;
        Place place;  ///< of the name
    };

    Kind kind = Kind::name;
    std::string name;  ///< of the name, or of the kernel called
    std::int64_t integer = 0;
    double real = 0;
    std::vector<Expression> arguments;
    std::vector<Parameter> parameters;
    bool from_operator = false;  ///< the call was written as an operator
    Place place;                 ///< of the token concerned: the name, the number, the kernel's name, the operator
};

/// Parses an expression of a job file. `origin` is the place of the first character of `text`; the nodes' places
/// are counted on from it. Calls, parentheses, signs and lists nest at most 64 deep, the tree at most 256 (a chain
/// a + b + … is as deep as it has operators); the text has at most 65,536 bytes.
/// Errors: JobError with one diagnostic at the offending token.
Expression parse_expression(std::string_view text, const Place& origin);

/// The same for the scalar `node`; places are exact also where the scalar is quoted or folded.
Expression parse_expression(const YamlNode& node);

/// Whether `word` is an operator of expressions: `and`, `or` or `not`.
bool is_keyword(std::string_view word);

/// Whether `text` is a name of the job: [A-Za-z_][A-Za-z0-9_]*, and neither `and`, `or` nor `not`.
bool is_name(std::string_view text);

}  // namespace maniple
