// program/sharing.hpp: which tensors lie in the same memory, one after the other.
#pragma once

#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// By TensorId: the earlier tensor whose memory it takes over, or none. Both hold the same box of equally large elements,
/// nobody but their readers sees them, and the producer of the later one follows from what the readers of the earlier one
/// make: so it waits for them anyway, and sharing delays nothing. Chains of layers thus need two buffers, however long they are.
/// `instances` are those of `layout`, which has no gpu lane. Pure.
std::vector<TensorId> find_sharing(const Graph& graph, const Layout& layout);

}  // namespace maniple
