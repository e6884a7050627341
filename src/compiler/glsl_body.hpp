// compiler/glsl_body.hpp: statements and expressions of a body as GLSL.
#pragma once

#include <string>

#include "compiler/lower.hpp"
#include "compiler/narrow.hpp"
#include "compiler/print_body.hpp"

namespace maniple::compiler {

/// The GLSL of a type: of a value (u8 is a uint below 256), and of an element in memory.
std::string glsl_type(ValueType type);
std::string glsl_element_type(DType type);
/// The same of a member of a state in memory.
std::string glsl_member_type(ValueType type);

/// `text`, a value of type `from`, as one of type `to`.
std::string glsl_convert(const std::string& text, ValueType from, ValueType to);

/// A word of the uniform block's arrays, the number known: "call.lo[1].y".
std::string glsl_word(const std::string& array, std::size_t number);

/// Prints a body. Its names: v_x a value; u_x the lower 32 bits of an index, a loop variable or an integer parameter,
/// for addresses; m_x a member of the state, o_x of `other`; t1[] the elements of tensor 1; a1 where the element of an
/// ellipsis is, else offset_1 and stride_1_0. Borrows the function.
class GlslPrinter {
public:
    explicit GlslPrinter(const LoweredFunction& function) : function_(function), widths_(function.function.body) {}

    void print(const Body& body, Lines& lines) const;

private:
    void print_one(const Statement& statement, Lines& lines) const;
    void print_assignment(const Statement& statement, Lines& lines) const;
    void print_range(const Statement& statement, Lines& lines) const;
    void print_whole(const Statement& statement, Lines& lines) const;
    void print_branch(const Statement& statement, Lines& lines) const;

    std::string value(const Expression& expression) const;
    std::string low(const Expression& expression) const;
    std::string place(const Expression& element) const;
    std::string load(const Expression& element) const;
    std::string half_value(const Expression& expression) const;
    std::string variable(const Expression& expression) const;
    std::string unary(const Expression& expression) const;
    std::string binary(const Expression& expression) const;
    std::string call(const Expression& expression) const;
    std::string extent(const Expression& expression, bool low) const;

    const LoweredFunction& function_;
    const Widths widths_;
};

/// Why `body` cannot be had on a gpu; empty if it can.
std::string no_glsl_reason(const Body& body);

}  // namespace maniple::compiler
