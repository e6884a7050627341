// lanes/net/box_runs.hpp: where the bytes of a box lie, and copies of them to and from consecutive bytes.
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
    /// One run.
    BoxRuns(std::byte* data, std::size_t bytes) : data_(data), run_bytes_(static_cast<std::int64_t>(bytes)) {}

    std::byte* data() const { return data_; }
    std::int64_t run_bytes() const { return run_bytes_; }
    /// Innermost first; none: it is one run.
    std::span<const Axis> axes() const { return {axes_.data(), axes_.size()}; }
    std::size_t bytes() const;

    /// All bytes of the box to `to`, one after the other, and from there. Requires: `to` and `from` have bytes().
    void gather_to(std::byte* to) const;
    void scatter_from(const std::byte* from) const;

private:
    template <std::size_t run_bytes, class Copy>
    void for_each_run(Copy&& copy) const;
    template <class Copy>
    void visit_runs(Copy&& copy) const;

    std::byte* data_;
    std::int64_t run_bytes_;
    ShortVector<Axis, 3> axes_;
};

}  // namespace maniple
