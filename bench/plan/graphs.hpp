// bench/plan/graphs.hpp: graphs of many operations, as users would write them, for what is measured of planning.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace maniple::bench {

/// The patterns, each over tensors of [rows, 16] f32:
/// `stencils`: one heat_step after the other; `layers`: matmul and relu in turn; `mixed`: sums and products of two of the
/// last 64 results, a stencil every tenth operation and a sum over everything every hundredth.
std::vector<std::string> graph_patterns();

/// A job of about `operations` operations; its outputs go to a file that is never made.
std::string job_of(const std::string& pattern, int operations, int rows);

/// A graph with what it borrows. Has exactly `operations` operations and 2048 rows, so that each is one tile on a rank.
struct BuiltGraph {
    BuiltGraph(const std::string& pattern, int operations);

    KernelRegistry registry;
    Graph graph;
};

}  // namespace maniple::bench
