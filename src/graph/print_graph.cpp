#include <fmt/format.h>

#include "graph/graph.hpp"

namespace maniple {

namespace {

std::string_view kind_text(Tensor::Kind kind) {
    switch (kind) {
        case Tensor::Kind::input: return "input";
        case Tensor::Kind::fill: return "fill";
        case Tensor::Kind::constant: return "constant";
        case Tensor::Kind::computed: break;
    }
    return "computed";
}

}  // namespace

std::string print_graph(const Graph& graph) {
    std::string text = fmt::format("graph {}: {} tensors, {} operations, {} {}\n", graph.name, graph.tensors.size(),
                                   graph.operations.size(), graph.steps, graph.steps == 1 ? "step" : "steps");
    for (const Tensor& tensor : graph.tensors) {
        text += fmt::format("  {:<9} {:<20} {} {}{}\n", kind_text(tensor.kind), tensor.name, name_of(tensor.dtype),
                            to_string(tensor.shape), tensor.in_loop ? "  every step" : "");
    }
    for (const Operation& operation : graph.operations) {
        std::string inputs;
        for (const TensorId input : operation.inputs) inputs += (inputs.empty() ? "" : ", ") + graph[input].name;
        std::string rule;
        for (const Boundary boundary : operation.boundary)
            rule += fmt::format("{}{}", rule.empty() ? "" : ", ", name_of(boundary));
        std::string after;
        for (const OperationId other : operation.after)
            after += (after.empty() ? " after " : ", ") + graph[graph[other].outputs[0]].name;
        text +=
            fmt::format("  {} = {}({}){}{}    {}\n", graph[operation.outputs[0]].name, operation.kernel->name, inputs,
                        rule.empty() ? "" : " boundary [" + rule + "]", after, operation.kernel->signature.text);
    }
    for (const Carry& carry : graph.carries)
        text += fmt::format("  carry {} <- {}\n", graph[carry.input].name, graph[carry.value].name);
    if (graph.until.valid())
        text += fmt::format("  until {}, after every {} {}\n", graph[graph.until].name, graph.check,
                            graph.check == 1 ? "step" : "steps");
    return text;
}

}  // namespace maniple
