#include "plan/tensor_classes.hpp"

#include <algorithm>
#include <numeric>

namespace maniple {

namespace {

/// Sets that grow together: each tensor points at another of its set, one at itself.
class Sets {
public:
    explicit Sets(std::size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }

    std::size_t find(std::size_t i) {
        while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
        return i;
    }
    void join(TensorId a, TensorId b) {
        const std::size_t first = find(a.index()), second = find(b.index());
        parent_[std::max(first, second)] = std::min(first, second);
    }

private:
    std::vector<std::size_t> parent_;
};

struct Seen {
    TensorId tensor;
    std::vector<int> indices;
};

void join_operands(const Graph& graph, const Operation& operation, Sets& sets) {
    std::vector<Seen> seen;
    const auto see = [&](TensorId tensor, const BoundAccess& access) {
        const std::vector<int> indices = indices_along(access);
        if (indices.empty()) return;
        for (const Seen& other : seen) {
            if (other.indices == indices && graph[other.tensor].shape == graph[tensor].shape)
                sets.join(other.tensor, tensor);
        }
        seen.push_back({tensor, indices});
    };
    for (std::size_t i = 0; i < operation.outputs.size(); ++i) see(operation.outputs[i], operation.bound->writes[i]);
    for (const BoundAccess& read : operation.bound->reads)
        see(operation.inputs[static_cast<std::size_t>(read.argument)], read);
}

}  // namespace

std::vector<int> indices_along(const BoundAccess& access) {
    std::vector<int> indices;
    for (const AxisMap& map : access.axes) {
        const bool single = map.terms.size() == 1 && map.terms[0].coefficient == 1;
        if (map.whole || (!single && !map.terms.empty())) return {};
        indices.push_back(single ? map.terms[0].index : -1);
    }
    return indices;
}

TensorClasses find_classes(const Graph& graph) {
    Sets sets(graph.tensors.size());
    for (const Operation& operation : graph.operations) join_operands(graph, operation, sets);
    for (const Carry& carry : graph.carries) sets.join(carry.input, carry.value);
    TensorClasses classes;
    classes.of.resize(graph.tensors.size(), -1);
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        int& number = classes.of[sets.find(i)];
        if (number < 0) {
            number = static_cast<int>(classes.members.size());
            classes.members.emplace_back();
        }
        classes.of[i] = number;
        classes.members[static_cast<std::size_t>(number)].emplace_back(i);
    }
    classes.users.resize(classes.members.size());
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const auto use = [&](TensorId tensor) {
            std::vector<OperationId>& users = classes.users[static_cast<std::size_t>(classes[tensor])];
            if (users.empty() || users.back() != OperationId(i)) users.emplace_back(i);
        };
        for (const TensorId input : graph.operations[i].inputs) use(input);
        for (const TensorId output : graph.operations[i].outputs) use(output);
    }
    return classes;
}

}  // namespace maniple
