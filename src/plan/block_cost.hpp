// plan/block_cost.hpp: what a way to cut an operation costs: the busiest rank's work, and what one in the middle lacks.
#pragma once

#include <optional>
#include <vector>

#include "plan/plan.hpp"
#include "plan/tensor_classes.hpp"

namespace maniple {

/// What is known of where tensors are while a plan is being made.
struct Expectation {
    std::vector<bool> placed;                     ///< by OperationId: its placement in the plan is final
    std::vector<std::optional<BlockGrid>> grids;  ///< by tensor class, over axes: how its tensors will be cut
    TensorClasses classes;
    std::vector<double> written;  ///< by TensorId: how often it goes to a file
    std::vector<double> times;    ///< by OperationId: how often it is computed
};

/// What `graph` does how often.
Expectation nothing_placed(const Graph& graph);

/// Nanoseconds, roughly; those of a loop for all its steps.
struct Cost {
    double work = 0;      ///< of the busiest rank
    double bytes = 0;     ///< messages by their sizes
    double messages = 0;  ///< messages by their number
    double files = 0;     ///< reading and writing

    double total() const { return work + bytes + messages + files; }
    Cost shared_by(int ranks) const { return {work / ranks, bytes / ranks, messages / ranks, files / ranks}; }
    Cost times(double count) const { return {work * count, bytes * count, messages * count, files * count}; }
    Cost& operator+=(const Cost& other);
};

/// What computing so many points of `operation` once takes one rank, in nanoseconds.
double work_ns(const Graph& graph, const Operation& operation, double points);

/// What `bytes` from another rank take, in nanoseconds; 0 for none.
double message_ns(double bytes);

/// The cost of `operation` as it is placed in `plan`. O(accesses), whatever the number of ranks.
Cost cost_of(const Graph& graph, const Plan& plan, const Expectation& expectation, OperationId operation);

}  // namespace maniple
