// lanes/domain.hpp: whether the elements of an input are what its kernel can take.
#pragma once

#include "graph/graph.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// Looks at the elements of `box` of the argument that `domain` is about, which `elements` holds.
/// Errors: KernelError at the first one outside of the domain, with its value and place.
void check_domain(const Graph& graph, const Operation& operation, const ElementDomain& domain,
                  const ConstBlock& elements, const Box& box);

}  // namespace maniple
