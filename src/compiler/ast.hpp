// compiler/ast.hpp: a kernel body as a tree. The parser makes it; check.hpp fills in types, roles and subscripts,
// once for every combination of element types (the tree is copied for each). The back ends walk the result.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compiler/spot.hpp"

namespace maniple::compiler {

/// What a value is. The weak ones are numbers written in the body: they become what stands beside them.
enum class ValueType { f32, f64, i32, i64, u8, u32, boolean, weak_integer, weak_real };

/// constant + sum of coefficient × term. A term is an index, a loop variable or an integer parameter, or a product
/// of one and of parameters: its names in order, with '*' between.
struct Affine {
    std::map<std::string, std::int64_t> terms;  ///< no coefficient is 0
    std::int64_t constant = 0;

    void add(const Affine& other, std::int64_t factor);
    bool operator==(const Affine& other) const = default;
};

/// The names of a term of an Affine.
std::vector<std::string> factors_of(const std::string& term);

/// The term that is the product of two.
std::string product_of(const std::string& a, const std::string& b);

/// What a name turned out to be.
enum class Role {
    none,
    parameter,  ///< number: in the kernel's description
    index,      ///< number: of the loop index
    local,      ///< a local, a loop variable, or an index that the body loops over itself
    state,      ///< number: of the member
    other,      ///< `other.member` in merge
    tensor,     ///< number: in maniple_call::tensors of this function
    position,   ///< where the element stands along the contracted axes
};

struct Expression {
    enum class Kind {
        integer,
        real,
        boolean,
        variable,     ///< a name without brackets
        element,      ///< tensor[subscripts]; a kernel of ellipses names elements without brackets
        unary,        ///< name: "-" or "!"
        binary,       ///< name: the operator
        conditional,  ///< condition ? first : second
        call,         ///< name: the function
        convert,      ///< name: the type as written; `type` is what it is
    };
    struct Axis {
        bool affine = false;
        Affine value;
    };

    Kind kind = Kind::integer;
    Spot spot;
    std::string name;
    std::int64_t integer = 0;
    double real = 0;
    std::vector<Expression> operands;  ///< of an element: its subscripts

    // Filled in by check.
    bool half = false;  ///< of a conversion: to f16, whose values are f32
    ValueType type = ValueType::weak_integer;
    Role role = Role::none;
    int number = -1;
    std::vector<Axis> axes;  ///< of an element with subscripts

    // Filled in by lower.
    int stream = -1;  ///< of an element, a state member or `other`
};

struct Statement {
    enum class Kind {
        declare,  ///< type_word name = value
        assign,   ///< target = value
        branch,   ///< if (value) body else otherwise
        range,    ///< for (index name in from..to) body
        whole,    ///< for (index name) body: over an index that the signature declares whole
        loop,     ///< while (value) body
    };
    Kind kind = Kind::assign;
    Spot spot;
    std::string name;
    std::string type_word;
    Expression target;
    Expression value;
    Expression from;
    Expression to;
    std::vector<Statement> body;
    std::vector<Statement> otherwise;

    ValueType type = ValueType::i64;  ///< of what is declared or assigned; filled in by check
    int number = -1;                  ///< of a whole index: its loop index; filled in by check
};

using Body = std::vector<Statement>;

/// Calls `visit` with every expression of `body`, operands before what holds them.
template <class Visit>
void for_each_expression(Expression& expression, const Visit& visit) {
    for (Expression& operand : expression.operands) for_each_expression(operand, visit);
    visit(expression);
}

template <class Visit>
void for_each_expression(Body& body, const Visit& visit) {
    for (Statement& statement : body) {
        using Kind = Statement::Kind;
        if (statement.kind == Kind::range) {
            for_each_expression(statement.from, visit);
            for_each_expression(statement.to, visit);
        } else if (statement.kind != Kind::whole) {
            for_each_expression(statement.value, visit);
        }
        if (statement.kind == Kind::assign) for_each_expression(statement.target, visit);
        for_each_expression(statement.body, visit);
        for_each_expression(statement.otherwise, visit);
    }
}

}  // namespace maniple::compiler
