// tensor/box_copy.hpp: a copy of a box that is carried out again and again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/short_vector.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// As copy_box() and zero_box(), but what follows from the boxes is found out once: addresses, and which axes lie one
/// after the other in both. Borrows the elements. In less memory than the four boxes.
class BoxCopy {
public:
    /// Requires: as copy_box().
    BoxCopy(const ConstBlock& from, const Box& source, const Block& to, const Box& target);
    /// Zeros. Requires: as zero_box().
    BoxCopy(const Block& to, const Box& target);

    void run() const {
        if (!empty_) copy(0, to_, from_);
    }

private:
    /// One to go along, strides in bytes.
    struct Axis {
        std::int64_t extent = 1;
        std::int64_t to_stride = 0;
        std::int64_t from_stride = 0;  ///< 0: repeats
    };
    void add_axes(const Box& from_block, const Box& source, const Box& to_block, const Box& target);
    void add_axis(const Axis& axis);
    void copy(std::size_t axis, std::byte* to, const std::byte* from) const;

    std::byte* to_ = nullptr;
    const std::byte* from_ = nullptr;  ///< null: zeros
    std::int64_t run_bytes_ = 0;       ///< that lie one after the other
    bool empty_ = false;
    ShortVector<Axis, 2> axes_;  ///< the innermost first
};

}  // namespace maniple
