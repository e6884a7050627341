// program/wholes.hpp: pieces of a batch that are made where they belong, so that joining them copies nothing.
#pragma once

#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// By TensorId: of a piece that this rank makes and joins itself (graph/microbatches.hpp) what it is a piece of, whose memory
/// it is to lie in; else none. `instances` are those of `layout`, which has no gpu lane. Pure.
std::vector<TensorId> find_wholes(const Graph& graph, const Plan& plan, const Layout& layout);

}  // namespace maniple
