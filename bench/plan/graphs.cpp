#include "plan/graphs.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "job/job.hpp"

namespace maniple::bench {
namespace {

std::string stencils(int operations, int rows) {
    std::string text = fmt::format("inputs: {{r0: {{shape: [{}, 16], fill: 1}}}}\ngraph:\n", rows);
    for (int i = 1; i <= operations; ++i)
        text += fmt::format("  r{}: \"heat_step(r{}, alpha=0.1, boundary=clamp)\"\n", i, i - 1);
    return text;
}

std::string layers(int operations, int rows) {
    std::string text =
        fmt::format("inputs: {{r0: {{shape: [{}, 16], fill: 1}}, w: {{shape: [16, 16], fill: 1}}}}\ngraph:\n", rows);
    for (int i = 1; i <= operations; ++i)
        text += i % 2 == 1 ? fmt::format("  r{}: \"matmul(r{}, w)\"\n", i, i - 1)
                           : fmt::format("  r{}: relu(r{})\n", i, i - 1);
    return text;
}

/// Everything that nobody reads would be dropped: each operation reads the one before it.
std::string mixed(int operations, int rows) {
    std::string text = fmt::format("inputs: {{r0: {{shape: [{}, 16], fill: 1}}}}\ngraph:\n", rows);
    for (int i = 1; i <= operations; ++i) {
        const int other = std::max(0, i - 1 - static_cast<int>(i * 2654435761U % 64));
        if (i % 100 == 0) {
            text += fmt::format("  r{}: sum(r{})\n", i, i - 1);
        } else if (i % 10 == 0) {
            text += fmt::format("  r{}: \"heat_step(r{}, alpha=0.1, boundary=clamp)\"\n", i, i - 1);
        } else {
            // A sum over everything is 0-d: combined with it, results keep their shape only beside another one.
            const int before = (i - 1) % 100 == 0 && i > 1 ? i - 2 : other;
            text += fmt::format("  r{}: r{} {} r{}\n", i, i - 1, i % 2 == 0 ? '+' : '*', before);
        }
    }
    return text;
}

Graph graph_of(const std::string& pattern, int operations, const KernelRegistry& registry) {
    Graph graph = build_graph(parse_job(job_of(pattern, operations, 2048), "bench.yaml"), {}, registry);
    if (graph.operations.size() != static_cast<std::size_t>(operations))
        throw std::runtime_error(fmt::format("{} operations, not {}", graph.operations.size(), operations));
    return graph;
}

}  // namespace

std::vector<std::string> graph_patterns() { return {"stencils", "layers", "mixed"}; }

std::string job_of(const std::string& pattern, int operations, int rows) {
    const std::string body = pattern == "stencils" ? stencils(operations, rows)
                             : pattern == "layers" ? layers(operations, rows)
                                                   : mixed(operations, rows);
    return fmt::format("maniple: 1\nname: bench\n{}outputs: {{r{}: bench.h5:/r}}\n", body, operations);
}

BuiltGraph::BuiltGraph(const std::string& pattern, int operations)
    : registry(standard_kernels()), graph(graph_of(pattern, operations, registry)) {}

}  // namespace maniple::bench
