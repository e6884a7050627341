// lanes/net/box_runs.hpp: where the bytes of a box lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/short_vector.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// A box of a row-major block as runs of consecutive bytes, in the order of its elements. Borrows the bytes.
class BoxRuns {
public:
    /// So many of what stands before it (runs for the first axis), so far apart.
    struct Axis {
        std::int64_t count = 0;
        std::int64_t stride_bytes = 0;
    };

    /// Requires: the block contains the box, and the box is not empty.
    BoxRuns(const Block& block, const Box& box);
    std::byte* data() const { return data_; }
    std::int64_t run_bytes() const { return run_bytes_; }
    /// Innermost first; none: it is one run.
    std::span<const Axis> axes() const { return {axes_.data(), axes_.size()}; }
    std::size_t bytes() const;

private:
    std::byte* data_;
    std::int64_t run_bytes_;
    ShortVector<Axis, 3> axes_;
};

}  // namespace maniple
