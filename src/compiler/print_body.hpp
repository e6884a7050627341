// compiler/print_body.hpp: statements and expressions of a body as C++, over a way to reach elements.
#pragma once

#include <string>

#include "compiler/lower.hpp"

namespace maniple::compiler {

/// The C++ of a type: of a value, and of an element in memory (a bool is a byte there).
std::string cpp_type(ValueType type);
std::string cpp_element_type(DType type);

/// A name of the description in generated code: with a trailing underscore it meets none of ours or C++'s.
std::string cpp_name(const std::string& name);

/// Collects indented lines.
class Lines {
public:
    /// Appends `text` at the present depth. A '}' at its beginning is one level out, a '{' at its end one level in;
    /// namespaces do not indent.
    void add(const std::string& text);
    const std::string& text() const { return text_; }

private:
    std::string text_;
    int depth_ = 0;
};

/// Prints a body; how elements, states and indices are reached is for the derived class.
class BodyPrinter {
public:
    BodyPrinter(const LoweredFunction& function, const KernelFile& file) : function_(function), file_(file) {}
    virtual ~BodyPrinter() = default;

    void print(const Body& body, Lines& lines) const;
    std::string value(const Expression& expression) const;

protected:
    /// The place of an element, which can be read and, where it is an output, assigned to.
    virtual std::string element(const Expression& element) const = 0;
    /// The place of a member of the state or of `other`.
    virtual std::string member(const Expression& variable) const = 0;

    /// The part of an element's address that the body's own variables make, " + t1.stride[0] * dy_"; or "".
    std::string remainder(const Expression& element) const;

    const LoweredFunction& function_;
    const KernelFile& file_;

private:
    void print_one(const Statement& statement, Lines& lines) const;
    void print_branch(const Statement& statement, Lines& lines) const;
    std::string half_value(const Expression& expression) const;
    std::string binary(const Expression& expression) const;
    std::string call(const Expression& expression) const;
    std::string literal(const Expression& expression) const;
    std::string variable(const Expression& expression) const;
};

/// `affine` as C++: "y_ + 2 * dy_ - 1".
std::string cpp_affine(const Affine& affine);

/// Where index or axis `number` of those with names stands in the arrays of a call or a tensor: "1", or behind the axes
/// of an ellipsis "call->rank - 2".
std::string cpp_place(const KernelFile& file, std::size_t number);

/// Declares the parameters as constants: "const float alpha_ = (float)call->parameters[0].real;".
void print_parameters(const KernelFile& file, const Variant& variant, Lines& lines);

}  // namespace maniple::compiler
