// embed/graph_spec.hpp: a graph written in code, for programs that run it themselves (graph_run.hpp).
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "embed/element.hpp"
#include "job/catalogue.hpp"
#include "tensor/box.hpp"
#include "tensor/dtype.hpp"

namespace maniple {

/// The value of a kernel's parameter, of a constant, or of what fills a generated input.
class ParameterValue {
public:
    template <std::integral T>
    ParameterValue(T value) : text_(std::to_string(value)) {}
    ParameterValue(bool value) : text_(value ? "true" : "false") {}
    ParameterValue(double value);                 ///< Errors: UsageError if it is not finite.
    ParameterValue(std::string_view expression);  ///< as in a job file: a word, a constant's name, "0.2*dt", "[0, 1]"
    ParameterValue(const char* expression) : ParameterValue(std::string_view(expression)) {}
    ParameterValue(const std::vector<std::int64_t>& list);

    const std::string& text() const { return text_; }

private:
    std::string text_;
};

struct NamedValue {
    std::string name;
    ParameterValue value;
};

/// Inputs, kernels, steps and outputs, in any order. What it says is a job in the job file's language, so both have the
/// same kernels, rules of shapes and types, and errors; text() shows it, and that is where errors point.
/// Threads: one at a time. Nothing is checked before a GraphRun is made of it.
class GraphSpec {
public:
    explicit GraphSpec(std::string name = "graph") : name_(std::move(name)) {}

    /// An input whose elements the program gives (GraphRun::input, GraphRun::give).
    void input(const std::string& name, const Shape& shape, DType type);
    template <Element T>
    void input(const std::string& name, const Shape& shape) {
        input(name, shape, dtype_of<T>);
    }
    /// A generated one: a number, "iota", "normal(seed=7)", …
    void generated(const std::string& name, const Shape& shape, DType type, const ParameterValue& fill);
    void constant(const std::string& name, const ParameterValue& value);

    /// "v" as "heat_step(u, alpha=0.2)"; "u2, v2" as "gray_scott(u, v)".
    void define(const std::string& names, std::string_view expression);
    /// The same by parts. Arguments are names or expressions.
    void call(const std::string& names, const std::string& kernel, const std::vector<std::string>& arguments,
              const std::vector<NamedValue>& parameters = {});

    /// The graph is evaluated `count` times; without it, once.
    void steps(std::int64_t count) { steps_ = count; }
    /// `input` of the next step is this step's `value`.
    void carry(const std::string& input, const std::string& value);
    /// Ends the steps before their count where `condition` holds. Looked at after every `check` steps.
    void until(std::string_view condition, std::int64_t check = 1);

    /// The value of `name` after the last step; with `every`, also a leading axis: the values after steps `every`,
    /// 2·`every`, …
    void output(const std::string& name, std::int64_t every = 0);

    /// A strategy as in a job file (a pipeline's microbatches are chosen), and at most so many ranks (0: all).
    void plan(const std::string& strategy, int max_ranks = 0);

    const std::string& name() const { return name_; }
    /// As a job file. Its inputs come from `caller:` and its outputs go there.
    std::string text() const;
    /// The inputs that the program gives, in the order of input().
    const Catalogue& given() const { return given_; }

private:
    std::string name_;
    std::string inputs_, constants_, graph_, carries_, until_, outputs_, plan_;  ///< lines of the job file
    std::optional<std::int64_t> steps_;
    std::int64_t check_ = 1;
    Catalogue given_;
};

}  // namespace maniple
