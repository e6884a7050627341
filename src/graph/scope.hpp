// graph/scope.hpp: what a name in an expression stands for, and expressions of numbers alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "job/job.hpp"

namespace maniple {

/// What an expression stands for while a graph is built.
using ExpressionValue = std::variant<TensorId, Number>;

/// Names known so far: constants from the start, inputs and graph names as they come.
class Scope {
public:
    Scope() = default;
    explicit Scope(const Job& job);

    void define(const std::string& name, ExpressionValue value) { values_[name] = value; }
    /// A name that exists but whose definition had an error: users of it stay silent.
    void define_failed(const std::string& name) { failed_[name] = true; }
    bool failed(const std::string& name) const { return failed_.contains(name); }
    const ExpressionValue* find(const std::string& name) const;
    std::vector<std::string> names() const;

private:
    std::map<std::string, ExpressionValue> values_;
    std::map<std::string, bool> failed_;
};

/// `operation` ("add" … "neg") on numbers alone: i64 with wrap-around, or f64; nothing if it is no arithmetic operator.
std::optional<Number> fold_numbers(const std::string& operation, const std::vector<Number>& arguments);

/// An expression of numbers, constants and arithmetic operators alone, as parameters take it.
/// Errors: JobError at the token that is none of these.
Number constant_value(const Expression& expression, const Scope& scope);

}  // namespace maniple
