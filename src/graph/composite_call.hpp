// graph/composite_call.hpp: a call of a composite kernel as the expressions that it stands for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "graph/scope.hpp"
#include "job/composite.hpp"

namespace maniple {

/// One call, with names, parameters and shapes filled in: what remains are calls of kernels, tensors and numbers.
/// Borrows all that it is given.
class CompositeCall {
public:
    /// `arguments` are the values of the call's arguments, `scope` what its parameters may name.
    /// Errors: JobError: a wrong number of arguments, an integer tensor where reals are meant, an unknown, missing or
    /// doubled parameter, no case for these arguments.
    CompositeCall(const Composite& composite, const Expression& call, const std::vector<ExpressionValue>& arguments,
                  const Graph& graph, const Scope& scope);

    /// The scope in which the lines are evaluated; the results of each line are defined in it as `name_of` says.
    Scope scope() const;
    const std::string& name() const { return composite_.name; }
    const std::vector<Composite::Line>& lines() const { return case_->lines; }
    const std::vector<std::string>& results() const { return case_->results; }
    /// What a line's or an argument's name is in scope(): no name of a job.
    std::string name_of(const std::string& name) const;
    /// A line's expression with everything filled in; errors in it are at the call or at the argument concerned.
    Expression filled_in(const Expression& expression) const;

private:
    void check_arguments() const;
    void read_parameters();
    void check_requirements() const;
    void choose_case();
    Expression::Value resolved(const Expression::Value& value) const;
    /// Nothing where it names a parameter that was left out.
    std::optional<Expression::Value> filled_in(const Expression::Value& value) const;
    std::size_t argument_number(const std::string& name) const;
    const Shape& shape_of(const Expression& named) const;
    bool is_integer(const Expression& named) const;
    Number shape_number(const Expression& call) const;
    Number number(const Expression& expression) const;
    Expression literal(const Number& number) const;

    const Composite& composite_;
    const Expression& call_;
    const std::vector<ExpressionValue>& arguments_;
    const Graph& graph_;
    const Scope& caller_;
    std::map<std::string, Expression::Value> parameters_;
    const Composite::Case* case_ = nullptr;
};

}  // namespace maniple
