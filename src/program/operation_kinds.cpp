#include "program/operation_kinds.hpp"

#include <algorithm>

namespace maniple {

namespace {

/// Kinds that an operation is compared with: those that came last.
constexpr std::size_t most_compared = 16;

bool are_alike(const Graph& graph, const Plan& plan, OperationId a, OperationId b) {
    const Operation &x = graph[a], &y = graph[b];
    const auto same_tensor = [&](TensorId p, TensorId q) {
        return graph[p].dtype == graph[q].dtype && graph[p].shape == graph[q].shape;
    };
    const bool same_code = x.kernel == y.kernel && x.types == y.types && x.boundary == y.boundary &&
                           x.in_loop == y.in_loop && x.again == y.again && x.joins == y.joins &&
                           x.keeping == y.keeping && x.domains.empty() == y.domains.empty() &&
                           x.twin_of.valid() == y.twin_of.valid();
    if (!same_code || (!x.bound.is(y.bound) && *x.bound != *y.bound)) return false;
    const OperationPlacement &there = plan[a], &here = plan[b];
    return there.points == here.points && there.combines == here.combines && there.finishers == here.finishers &&
           there.claimable == here.claimable &&
           std::equal(x.inputs.begin(), x.inputs.end(), y.inputs.begin(), y.inputs.end(), same_tensor) &&
           std::equal(x.outputs.begin(), x.outputs.end(), y.outputs.begin(), y.outputs.end(), same_tensor);
}

}  // namespace

std::vector<std::int32_t> find_kinds(const Graph& graph, const Plan& plan) {
    struct Newest {
        std::int32_t kind;
        OperationId operation;
    };
    std::vector<Newest> newest;  // the last one first
    std::vector<std::int32_t> kinds;
    kinds.reserve(graph.operations.size());
    std::int32_t count = 0;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const OperationId id(i);
        auto known = std::find_if(newest.begin(), newest.end(),
                                  [&](const Newest& other) { return are_alike(graph, plan, other.operation, id); });
        if (known == newest.end()) {
            if (newest.size() == most_compared) newest.pop_back();
            newest.push_back({count++, id});
            known = newest.end() - 1;
        }
        known->operation = id;  // the newest one is most likely to be in the cache
        kinds.push_back(known->kind);
        std::rotate(newest.begin(), known, known + 1);
    }
    return kinds;
}

}  // namespace maniple
