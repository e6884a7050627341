#include "plan/alike.hpp"

#include <algorithm>

namespace maniple {

namespace {

template <class Number>
void append(std::string& text, Number number) {
    text.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append_access(std::string& text, const BoundAccess& access) {
    append(text, access.argument);
    for (const AxisMap& map : access.axes) {
        for (const AxisMap::Term& term : map.terms) {
            append(text, term.index);
            append(text, term.coefficient);
        }
        append(text, map.lo);
        append(text, map.hi);
        append(text, static_cast<char>((map.whole ? 2 : 0) + (map.leaves ? 1 : 0)));
        append(text, map.terms.size());
    }
    append(text, access.axes.size());
}

void append_tensor(std::string& text, const Graph& graph, const Expectation& expectation, TensorId id) {
    const Tensor& tensor = graph[id];
    append(text, tensor.kind);
    append(text, tensor.dtype);
    append(text, static_cast<char>((tensor.in_loop ? 2 : 0) + (tensor.readers.empty() ? 1 : 0)));
    for (const std::int64_t extent : tensor.shape) append(text, extent);
    append(text, tensor.shape.rank());
    append(text, expectation.written[id.index()]);
}

/// As bytes, all of an operation that does not depend on the plan.
std::string description_of(const Graph& graph, const Expectation& expectation, OperationId id) {
    const Operation& operation = graph[id];
    std::string text;
    text.reserve(512);
    append(text, operation.kernel);
    append(text, operation.types);
    append(text, expectation.times[id.index()]);
    for (const Boundary boundary : operation.boundary) append(text, boundary);
    append(text, operation.boundary.size());
    for (const BoundSignature::Index& index : operation.bound->indices) {
        append(text, index.extent);
        append(text, static_cast<char>((index.contracted ? 2 : 0) + (index.whole ? 1 : 0)));
    }
    append(text, operation.bound->indices.size());
    for (const BoundAccess& read : operation.bound->reads) append_access(text, read);
    append(text, operation.bound->reads.size());
    for (const BoundAccess& write : operation.bound->writes) append_access(text, write);
    for (const TensorId input : operation.inputs) append_tensor(text, graph, expectation, input);
    for (const TensorId output : operation.outputs) append_tensor(text, graph, expectation, output);
    return text;
}

void append_cuts(const BlockGrid& grid, std::vector<int>& to) {
    for (const Cut& cut : grid.cuts) {
        to.push_back(cut.index);
        to.push_back(cut.parts);
    }
}

}  // namespace

Alike::Alike(const Graph& graph, const Expectation& expectation)
    : graph_(graph), expectation_(expectation), grids_(expectation.grids.size(), -1),
      places_(graph.operations.size(), -1) {
    std::unordered_map<std::string, int> known;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const int next = static_cast<int>(known.size());
        descriptions_.push_back(known.emplace(description_of(graph, expectation, OperationId(i)), next).first->second);
    }
}

void Alike::decided(int tensor_class) {
    const auto& grid = expectation_.grids[static_cast<std::size_t>(tensor_class)];
    if (!grid) return;
    std::vector<int> cuts;
    append_cuts(*grid, cuts);
    const int next = static_cast<int>(known_grids_.size());
    grids_[static_cast<std::size_t>(tensor_class)] = known_grids_.emplace(std::move(cuts), next).first->second;
}

void Alike::placed(OperationId operation, const OperationPlacement& placement) {
    std::vector<int> place = {descriptions_[operation.index()], placement.combines ? 1 : 0, placement.finishers};
    append_cuts(placement.points, place);
    const int next = static_cast<int>(known_places_.size());
    places_[operation.index()] = known_places_.emplace(std::move(place), next).first->second;
}

void Alike::add_tensor(TensorId id, int open_class, std::vector<int>& key) const {
    const int number = expectation_.classes[id];
    key.push_back(number == open_class ? -2 : grids_[static_cast<std::size_t>(number)]);
    const TensorId made = graph_[id].kind == Tensor::Kind::computed ? id : computed_source(graph_, id);
    if (!made.valid()) {
        key.push_back(-3);
        return;
    }
    const OperationId producer = graph_[made].producer;
    const std::vector<TensorId>& outputs = graph_[producer].outputs;
    key.push_back(places_[producer.index()]);
    key.push_back(static_cast<int>(std::find(outputs.begin(), outputs.end(), made) - outputs.begin()));
}

std::vector<int> Alike::key(OperationId operation, int open_class) const {
    const Operation& described = graph_[operation];
    std::vector<int> key;
    key.reserve(1 + 3 * (described.inputs.size() + described.outputs.size()));
    key.push_back(descriptions_[operation.index()]);
    for (const TensorId input : described.inputs) add_tensor(input, open_class, key);
    for (const TensorId output : described.outputs) add_tensor(output, open_class, key);
    return key;
}

std::size_t KeyHash::operator()(const std::vector<int>& key) const {
    std::size_t hash = key.size();
    for (const int number : key) hash = (hash ^ static_cast<std::size_t>(number)) * 0x9e3779b97f4a7c15U;
    return hash ^ (hash >> 32);
}

}  // namespace maniple
