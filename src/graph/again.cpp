#include "graph/again.hpp"

#include <algorithm>
#include <map>
#include <sstream>

#include "graph/microbatches.hpp"

namespace maniple {

namespace {

class Rewriter {
public:
    Rewriter(const Graph& graph, const MemoryStep& step) : graph_(graph), step_(step), moved_(graph.operations.size()) {
        result_.graph = graph;
        result_.graph.operations.clear();
    }

    RewrittenGraph rewrite() {
        const OperationId producer = graph_[step_.made.back()].producer;
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const OperationId id(i);
            if (id == step_.before) add_copies();
            add_old(id);
            if (step_.kind == MemoryStep::Kind::spill && id == producer) add_store();
        }
        link();
        result_.copy = copies_.at(step_.made.back());
        return std::move(result_);
    }

private:
    OperationId add(Operation operation, OperationId origin) {
        result_.graph.operations.push_back(std::move(operation));
        result_.origins.push_back(origin);
        return OperationId(result_.graph.operations.size() - 1);
    }

    TensorId add_tensor(TensorId original, const char* suffix) {
        Tensor copy = graph_[original];
        copy.name += copy.again ? "" : suffix;
        copy.again = true;
        copy.alive = 0;
        copy.follows = {};
        result_.graph.tensors.push_back(std::move(copy));
        return TensorId(result_.graph.tensors.size() - 1);
    }

    void add_old(OperationId id) {
        Operation operation = graph_[id];
        if (id >= step_.before) {
            const TensorId late = step_.made.back();
            std::replace(operation.inputs.begin(), operation.inputs.end(), late, copies_.at(late));
        }
        for (OperationId& other : operation.after) other = moved_[other.index()];
        if (operation.twin_of.valid()) operation.twin_of = moved_[operation.twin_of.index()];
        moved_[id.index()] = add(std::move(operation), id);
    }

    void add_copies() {
        for (const TensorId id : step_.made) {
            if (step_.kind == MemoryStep::Kind::spill) {
                copies_[id] = add_tensor(id, " again");
                add(keeping(Operation::Keeping::restore, id, kept_, copies_[id]), graph_[id].producer);
            } else if (graph_[id].kind != Tensor::Kind::computed) {
                copies_[id] = add_tensor(id, " again");
            } else if (!copies_.contains(id)) {
                repeat(graph_[id].producer);
            }
        }
    }

    void repeat(OperationId id) {
        Operation operation = graph_[id];
        operation.again = true;
        operation.after.clear();
        operation.twin_of = {};
        for (TensorId& input : operation.inputs) {
            if (const auto copy = copies_.find(input); copy != copies_.end()) input = copy->second;
        }
        for (TensorId& output : operation.outputs) {
            const TensorId original = output;
            output = copies_[original] = add_tensor(original, " again");
        }
        add(std::move(operation), id);
    }

    void add_store() {
        const TensorId id = step_.made.back();
        kept_ = add_tensor(id, " in a file");
        add(keeping(Operation::Keeping::store, id, id, kept_), graph_[id].producer);
    }

    /// Every element that there is of `of`, as it is.
    Operation keeping(Operation::Keeping kind, TensorId of, TensorId from, TensorId to) const {
        const Tensor& tensor = graph_[of];
        const Operation& producer = graph_[tensor.producer];
        const auto output = std::find(producer.outputs.begin(), producer.outputs.end(), of) - producer.outputs.begin();
        const Box there = touched_box(producer.bound->writes[static_cast<std::size_t>(output)],
                                      producer.bound->index_space(), tensor.shape);
        Operation result = copying_operation(graph_, of);
        result.keeping = kind;
        BoundSignature& bound = result.bound.edit();
        for (int axis = 0; axis < tensor.shape.rank(); ++axis) {
            if (there.empty() || there.extent(axis) == tensor.shape[axis]) continue;
            BoundSignature::Index& index = bound.indices[static_cast<std::size_t>(axis)];
            index.from = there.lo[axis];
            index.to = there.hi[axis];
        }
        bound.reads = bound.writes;
        result.inputs = {from};
        result.outputs = {to};
        return result;
    }

    /// Who makes and who reads what.
    void link() {
        Graph& graph = result_.graph;
        for (Tensor& tensor : graph.tensors) tensor.readers.clear();
        for (std::size_t i = 0; i < graph.operations.size(); ++i) {
            for (const TensorId output : graph.operations[i].outputs)
                graph.tensors[output.index()].producer = OperationId(i);
            for (const TensorId input : graph.operations[i].inputs) {
                std::vector<OperationId>& readers = graph.tensors[input.index()].readers;
                if (readers.empty() || readers.back() != OperationId(i)) readers.emplace_back(i);
            }
        }
    }

    const Graph& graph_;
    const MemoryStep& step_;
    RewrittenGraph result_;
    std::vector<OperationId> moved_;       ///< by OperationId: where it is now
    std::map<TensorId, TensorId> copies_;  ///< of what is made anew
    TensorId kept_;                        ///< of a spill: what is in the file
};

}  // namespace

RewrittenGraph with_step(const Graph& graph, const MemoryStep& step) { return Rewriter(graph, step).rewrite(); }

std::string serialize(const std::vector<MemoryStep>& steps) {
    std::string text;
    for (const MemoryStep& step : steps) {
        if (!text.empty()) text += ';';
        text += step.kind == MemoryStep::Kind::spill ? "s " : "r ";
        text += std::to_string(step.before.value);
        for (const TensorId id : step.made) text += ' ' + std::to_string(id.value);
    }
    return text;
}

std::vector<MemoryStep> deserialize_steps(const std::string& text) {
    std::vector<MemoryStep> steps;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line, ';');) {
        std::istringstream words(line);
        char kind = 0;
        std::size_t number = 0;
        MemoryStep step;
        words >> kind >> number;
        step.kind = kind == 's' ? MemoryStep::Kind::spill : MemoryStep::Kind::recompute;
        step.before = OperationId(number);
        while (words >> number) step.made.emplace_back(number);
        steps.push_back(std::move(step));
    }
    return steps;
}

}  // namespace maniple
