// compiler/checker.hpp: the state of checking one function of one variant. Private to check*.cpp and access.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/check.hpp"

namespace maniple::compiler {

/// A name that the body introduced. A loop variable knows its range where that is affine.
struct Local {
    std::string name;
    ValueType type = ValueType::i64;
    bool loop = false;
    std::optional<Affine> from;
    std::optional<Affine> to;  ///< the first value behind the range
};

class Checker {
public:
    Checker(const KernelFile& file, const Variant& variant, Function& function)
        : file_(file), variant_(variant), function_(function) {}

    /// Types and checks function.body in place.
    void run();

private:
    // check.cpp: statements and names.
    void check_body(Body& body);
    void check_statement(Statement& statement);
    void check_declaration(Statement& statement);
    void check_assignment(Statement& statement);
    void check_target(Expression& target);
    void check_condition(Expression& condition);
    void check_range(Statement& statement);
    void check_whole(Statement& statement);
    void declare(const Local& local, const Spot& spot);
    void check_outputs_written() const;
    const Local* local(std::string_view name) const;
    std::vector<std::string> visible_names() const;
    std::optional<ValueType> type_of_word(const std::string& word) const;

    // check_expression.cpp: values.
    void check_value(Expression& expression);
    void check_value_as(Expression& expression, ValueType type);
    void check_variable(Expression& variable);
    bool find_variable(Expression& variable) const;
    void check_unary(Expression& unary);
    void check_binary(Expression& binary);
    void check_division(Expression& binary);
    void check_conditional(Expression& conditional);
    void meet_operands(Expression& expression, std::size_t first);
    void coerce(Expression& expression, ValueType type) const;
    void settle(Expression& expression) const;
    void adapt(Expression& expression, ValueType type) const;

    // check_call.cpp: functions and conversions.
    void check_call(Expression& call);
    void check_conversion(Expression& call, ValueType type);
    void check_extent(Expression& call);
    void check_limit(Expression& call);
    void check_arity(const Expression& call, std::size_t count) const;

    // access.cpp: elements and their subscripts.
    void check_element(Expression& element, bool written);
    void check_subscripts(Expression& element);
    void check_against_signature(const Expression& element, const std::vector<Access>& declared) const;
    bool inside(const Expression::Axis& axis, const Subscript& subscript) const;
    std::optional<Affine> affine(const Expression& expression) const;
    std::optional<Affine> product(const Affine& a, const Affine& b) const;
    std::optional<Affine> bound(Affine value, bool upper) const;

    int tensor_number(std::string_view name) const;
    int index_number(std::string_view name) const;
    bool is_whole(std::string_view name) const;
    bool sees_indices() const {
        return function_.kind == FunctionKind::compute || function_.kind == FunctionKind::accumulate;
    }
    bool sees_state() const { return function_.kind != FunctionKind::compute; }

    const KernelFile& file_;
    const Variant& variant_;
    Function& function_;
    std::vector<Local> locals_;
};

/// What `word` means as a type in `variant`: real, int, index, bool, acc, input, output, f32 …, a type variable.
std::optional<ValueType> type_of_word(const std::string& word, const Variant& variant);

/// Whether `word` means f16, whose values have the type f32.
bool names_half(const std::string& word, const Variant& variant);

/// The first character of an expression: of its leftmost part.
Spot start_of(const Expression& expression);

}  // namespace maniple::compiler
