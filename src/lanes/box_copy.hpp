// lanes/box_copy.hpp: a copy between boxes, made again and again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/short_vector.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// copy_box() or zero_box() with every address resolved: a column of a few elements is copied in nanoseconds, and what has
/// to be known of it lies in two cache lines. Borrows the bytes. Requires: as of those two.
class BoxCopy {
public:
    BoxCopy(const ConstBlock& from, const Box& source, const Block& to, const Box& target);
    /// Zeros.
    BoxCopy(const Block& to, const Box& target);

    void run() const;

private:
    /// So many of what stands before it (runs for the first axis), so far apart in bytes.
    struct Axis {
        std::int64_t count = 0;
        std::int64_t from_stride = 0;
        std::int64_t to_stride = 0;
    };
    void add_axis(const Axis& axis);
    template <std::size_t known_bytes>
    void copy_runs() const;
    template <std::size_t known_bytes>
    void copy_line(const std::byte* from, std::byte* to, const Axis& axis) const;

    const std::byte* from_;  ///< null: zeros
    std::byte* to_;
    std::int64_t run_bytes_;     ///< 0: the box is empty
    ShortVector<Axis, 2> axes_;  ///< innermost first; none: one run
};

}  // namespace maniple
