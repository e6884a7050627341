// lanes/file/slice.hpp: what a slice of a file reference selects of a data set.
#pragma once

#include <vector>

#include "job/job.hpp"
#include "tensor/box.hpp"

namespace maniple {

/// Every `step`-th coordinate from `start` on, `count` of them, on each axis of a data set, and which of these axes
/// the graph sees (an integer in the slice drops its axis).
struct Selection {
    Extents start, step, count;  ///< one for each axis of the data set
    Extents kept;                ///< the data set's axis of each axis that the graph sees

    Shape shape() const;  ///< as the graph sees it
    /// The part of the selection that `box`, in coordinates of shape(), is. Requires: box is within it.
    Selection part(const Box& box) const;
};

/// Applies `slice` as h5py does: negative positions count from the end, ranges are clamped, `...` stands for the
/// axes not named, missing ones at the end are whole.
/// Errors: JobError at `place`: more items than axes, an index outside, a step below 1, a second `...`.
Selection select(const Shape& file_shape, const std::vector<SliceItem>& slice, const Place& place);

}  // namespace maniple
