// tests/program/example.hpp: a job's graph, plan and the programs of all ranks, to ask questions of.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "program/blocks.hpp"
#include "program/layout.hpp"
#include "program/program.hpp"

namespace maniple {

struct Example {
    Example(const std::string& text, const Shape& shape, int ranks)
        : registry(standard_kernels()), job(parse_job(text, "test.yaml")) {
        Catalogue catalogue;
        for (const InputSpec& input : job.inputs) {
            if (input.from) catalogue.inputs.push_back({input.name, shape, DType::f32, {}, shape});
        }
        graph = build_graph(job, catalogue, registry);
        plan = make_plan(graph, Machine::uniform(ranks, {}), {});
        for (int rank = 0; rank < ranks; ++rank) layouts.push_back(build_layout(graph, plan, Rank(rank)));
    }

    Program program(int rank, const BlockShape& shape) const {
        return build_program(graph, plan, layouts[static_cast<std::size_t>(rank)], shape);
    }
    BlockShape first_block() const { return block_at(graph, layouts[0].versions, 0).shape; }

    KernelRegistry registry;
    Job job;
    Graph graph;
    Plan plan;
    std::vector<Layout> layouts;
};

/// Whether `later` waits for `earlier`, directly or through others.
inline bool waits_for(const Program& program, InstructionId later, InstructionId earlier) {
    std::vector<bool> before(program.instructions.size(), false);
    before[later.index()] = true;
    for (std::size_t i = later.index() + 1; i-- > 0;) {
        if (!before[i]) continue;
        for (const InstructionId id : program.instructions[i].after) before[id.index()] = true;
    }
    return later != earlier && before[earlier.index()];
}

template <class Matches>
std::vector<InstructionId> find_all(const Program& program, Matches&& matches) {
    std::vector<InstructionId> found;
    for (std::size_t i = 0; i < program.instructions.size(); ++i) {
        if (matches(program.instructions[i])) found.push_back(InstructionId(i));
    }
    return found;
}

inline const char* const terrain = R"yaml(maniple: 1
name: terrain
inputs: {u: in.h5:/u}
graph:
  smooth: "heat_step(u, alpha=0.2, boundary=[clamp, periodic])"
  slope: "gradient_magnitude(smooth, boundary=[clamp, periodic])"
  total: sum(smooth)
loop: {steps: 200, carry: {u: smooth}}
outputs:
  smooth: out.h5:/smooth
  slope: out.h5:/slope
  total: {to: out.h5:/total, every: 10}
)yaml";

}  // namespace maniple
