// job/composite.hpp: a kernel that is written as expressions over other kernels, as a job's graph is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "job/expression.hpp"

namespace maniple {

/// What a `.composite.yaml` says (kernels/README.md). A call of it becomes the operations of its expressions.
struct Composite {
    struct Argument {
        std::string name;
        bool optional = false;  ///< `b?`: calls may leave it out
        bool any_type = false;  ///< named under `integers:`; the others take floating types only
    };
    struct Parameter {
        std::string name;
        std::string documentation;
        bool required = true;
        std::optional<Expression::Value> default_value;  ///< none and not required: what is left out stays left out
    };
    struct Line {
        std::vector<std::string> names;
        Expression expression;
    };
    /// The first case whose condition holds is what a call stands for.
    struct Case {
        std::optional<Expression> when;  ///< over given(b), is_integer(x), rank(x), extent(x, k) and parameters
        std::vector<Line> lines;         ///< each uses arguments, parameters and earlier lines
        std::vector<std::string> results;
    };
    std::string name;
    std::string documentation;
    std::vector<Argument> arguments;
    std::vector<Parameter> parameters;
    std::vector<std::pair<std::string, Expression>> requirements;  ///< `require:`, as written and as conditions
    bool widens = false;  ///< `halves: f32`: f16 is computed in f32 and rounded at the end
    std::vector<Case> cases;

    const Parameter* parameter(std::string_view name) const;
    /// softmax(x, axis=-1)
    std::string usage() const;
    /// The kernels and composites that its expressions call; in order, each once.
    std::vector<std::string> called() const;
};

/// Functions of shapes and numbers that the expressions of a composite may call.
bool is_shape_function(std::string_view name);

/// Parses a description; `file` for messages. Errors: JobError at the first mistake.
Composite parse_composite(std::string_view text, const std::string& file);

}  // namespace maniple
