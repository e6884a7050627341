#include "plan/claims.hpp"

#include <algorithm>

#include "plan/block_cost.hpp"

namespace maniple {

namespace {

bool can_be_cut(const Operation& operation) {
    if (!operation.has_code() || operation.twin_of.valid()) return false;
    for (std::size_t index = 0; index < operation.bound->indices.size(); ++index) {
        if (may_cut(operation, static_cast<int>(index))) return true;
    }
    return false;
}

/// Of the whole run.
double work_of(const Graph& graph, const Operation& operation) {
    const double times = operation.in_loop ? static_cast<double>(graph.steps) : 1;
    return times * work_ns(graph, operation, static_cast<double>(operation.bound->index_space().volume()));
}

bool is_irregular(const Operation& operation) { return can_be_cut(operation) && operation.kernel->signature.irregular; }

}  // namespace

bool has_irregular_work(const Graph& graph) {
    return std::any_of(graph.operations.begin(), graph.operations.end(), is_irregular);
}

void allow_claims(const Graph& graph, int ranks, Plan& plan) {
    bool irregular = false;
    OperationId largest;
    double most = -1;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const Operation& operation = graph.operations[i];
        if (!can_be_cut(operation)) continue;
        if (is_irregular(operation)) irregular = plan.operations[i].claimable = true;
        const double work = work_of(graph, operation);
        if (work <= most) continue;
        most = work;
        largest = OperationId(i);
    }
    if (!largest.valid()) {
        plan.notes.emplace_back("stealing finds no operation that can be cut: planned as data");
        return;
    }
    if (!irregular) plan.operations[largest.index()].claimable = true;
    plan.strategy = "stealing";
    plan.claiming_ranks = ranks;
}

}  // namespace maniple
