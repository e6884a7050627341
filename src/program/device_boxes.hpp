// program/device_boxes.hpp: what the gpu lanes of a rank touch of its tensors in memories of their own.
#pragma once

#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// For each family and instance, by memory (0, the host's, stays empty): the bounding box of what the lane there reads
/// and writes, or may have to (Layout::recuttable), with what its halo repeats. Absent where it touches nothing.
using DeviceBoxes = std::vector<std::vector<std::vector<Box>>>;

/// Requires: the tiles, finishes and instances of `layout` are there.
DeviceBoxes find_device_boxes(const Graph& graph, const Plan& plan, const Layout& layout);

/// By family: whether one gpu lane alone makes and reads it, in its own memory: the host then holds nothing of it.
/// Requires: the same.
std::vector<bool> find_what_stays_on_a_gpu(const Graph& graph, const Plan& plan, const Layout& layout);

/// The loop indices over a box of kept coordinates, contracted ones at [0, 1).
Box points_over_kept(const Operation& operation, const Box& kept);

/// The kept coordinates of a box of loop indices.
Box kept_of_points(const Operation& operation, const Box& points);

}  // namespace maniple
