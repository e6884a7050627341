// graph/expression_builder.hpp: expressions of a job as tensors and operations of a graph.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/bind.hpp"
#include "graph/call.hpp"
#include "graph/graph.hpp"
#include "graph/promotion.hpp"
#include "graph/scope.hpp"
#include "job/composite.hpp"

namespace maniple {

/// Adds what expressions need to a graph: operations in an order in which each comes after what it reads, conversions
/// between element types as calls of `cast`. Borrows all that it is given.
class ExpressionBuilder {
public:
    ExpressionBuilder(Graph& graph, const Scope& scope, const KernelRegistry& registry)
        : graph_(graph), scope_(&scope), registry_(registry) {}

    /// One value for each output of the expression; `name` is that of its entry, for messages and printing.
    /// Errors: JobError; UnavailableError for a kernel that is known and not built in.
    std::vector<ExpressionValue> evaluate(const Expression& expression, const std::string& name);

    /// `expression` over 0-d tensors and numbers as one bool, everything computed in f64.
    /// Errors: as above, and JobError for a tensor with axes.
    TensorId condition(const Expression& expression, const std::string& name);

    /// A number as a 0-d tensor; a tensor as it is.
    TensorId as_tensor(const ExpressionValue& value, DType dtype, const Place& place);

    /// `tensor` in another element type; itself if it has that type. The same conversion is made once.
    TensorId converted(TensorId tensor, DType dtype, const std::string& name, const Place& place);

    /// A tensor of its own with the elements of `tensor` in this step.
    TensorId copied(TensorId tensor, const std::string& name, const Place& place);

    /// Errors: JobError if it has more bytes than 2^63 − 1, or more axes than kernels can have.
    TensorId add_tensor(Tensor tensor);

private:
    using Values = std::vector<ExpressionValue>;

    ExpressionValue lookup(const Expression& expression) const;
    Values call(const Expression& expression, const std::string& name);
    /// The operations that a call of a composite kernel stands for.
    Values expand(const Expression& expression, const CompositeText& text, Values arguments, const std::string& name);
    Values evaluate_lines(const class CompositeCall& call, const std::string& name);
    const Composite& parsed(const CompositeText& text);
    const Kernel& find_kernel(const Expression& expression) const;
    Values add_operation(const Expression& expression, const Kernel& kernel, const Values& arguments,
                         const std::string& name);
    /// One call of `kernel` on tensors, made by no expression. `dtype` is asked for as cast's is.
    TensorId apply(const Kernel& kernel, const std::vector<TensorId>& inputs, const std::optional<DType>& dtype,
                   const std::vector<Positions>& positions, const std::string& name, const std::vector<Place>& places);
    Values join_all(const Expression& expression, const Kernel& kernel, const Values& arguments,
                    const std::string& name);
    TensorId join(const Kernel& kernel, TensorId a, TensorId b, const std::vector<Positions>& positions,
                  const std::string& name, const std::vector<Place>& places);
    void reshape_first(const Expression& expression, const CallParameters& parameters, Operation& operation);
    std::vector<ArgumentType> argument_types(const Expression& expression, const Values& arguments) const;
    BindRequest rank_request(const Expression& expression, const Kernel& kernel, const Values& arguments) const;
    BindRequest bind_request(const Expression& expression, const CallParameters& parameters,
                             const Operation& operation) const;
    BoundaryRule boundary_rule(const CallParameters& parameters, const Operation& operation) const;
    Shared<BoundSignature> shared(const Kernel& kernel, BoundSignature bound);
    Values finish_operation(Operation operation, const std::vector<Shape>& shapes);
    void trace_axes(const Operation& operation, const BoundAccess& write, Tensor& tensor) const;
    AxisOrigin origin_of(const Operation& operation, int index) const;
    TensorId cast(TensorId tensor, DType dtype, const std::string& name, const Place& place);

    Graph& graph_;
    const Scope* scope_;  ///< the job's, within a composite its own
    const KernelRegistry& registry_;
    std::map<std::string, Composite> composites_;  ///< those called so far
    int composite_depth_ = 0;
    std::map<std::pair<TensorId, DType>, TensorId> conversions_;
    bool in_condition_ = false;
    std::map<const Kernel*, Shared<BoundSignature>> newest_;  ///< of the kernel's last call
};

}  // namespace maniple
