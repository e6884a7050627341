// lanes/reference/reference.hpp: the graph computed in the slowest obvious way: the oracle of every test.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "graph/graph.hpp"

namespace maniple {

using TensorBytes = std::vector<std::byte>;

/// Gives the bytes of an input that comes from a file, in the graph's element type, row-major.
using InputLoader = std::function<TensorBytes(const Tensor&)>;

/// The value of every output, by its number in the graph: whole tensors, row-major; of a series its rows one after
/// the other. One thread, one operation after the other over whole tensors, step by step; the bounds-checked variant
/// of each kernel; boundaries looked up element by element. Shares nothing with plan, program and the other lanes.
/// Errors: KernelError if a kernel leaves what its signature declares.
std::vector<TensorBytes> evaluate_reference(const Graph& graph, const InputLoader& load);

}  // namespace maniple
