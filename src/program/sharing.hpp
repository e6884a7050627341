// program/sharing.hpp: which tensors lie in the same memory, one after the other.
#pragma once

#include <vector>

#include "program/device_boxes.hpp"
#include "program/layout.hpp"

namespace maniple {

/// By TensorId: the earlier tensor whose memory it takes over, or none. Both hold the same box of equally large elements, in
/// the host's memory and in those of gpu lanes, or nobody reads the later one and its box lies in the other's; and the producer of the later one follows from what the readers of the
/// earlier one make: so it waits for them anyway, and sharing delays nothing. Of tensors that the loop carries, that
/// `until` looks at or that are compared nothing is shared. A result keeps its memory, and takes over another's only where
/// there is no loop, as an input gives its own away: a run without one brings its inputs anew each time. Chains of layers
/// thus need two buffers, however long they are.
/// `instances` are those of `layout`; `boxes` what its gpu lanes touch, nothing without one; `stays`: by family, whether it
/// stays on a gpu. Pure.
std::vector<TensorId> find_sharing(const Graph& graph, const Layout& layout, const DeviceBoxes& boxes,
                                   const std::vector<bool>& stays);

}  // namespace maniple
