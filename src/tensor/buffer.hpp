// tensor/buffer.hpp: bytes of tensors in host memory, and views of them by global coordinates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "tensor/box.hpp"
#include "tensor/dtype.hpp"

namespace maniple {

/// Row-major storage of every coordinate of `box`, seen by the coordinates of the tensor it is a part of
/// (they may be negative: a halo). Borrows the bytes. Copies are cheap; no thread owns it.
template <class Byte>
struct BasicBlock {
    Byte* data = nullptr;  ///< the element at box.lo
    std::size_t element_bytes = 0;
    Box box;

    /// Elements between neighbours on each axis.
    Extents strides() const {
        Extents result(box.rank());
        std::int64_t step = 1;
        for (int axis = box.rank() - 1; axis >= 0; --axis) {
            result[axis] = step;
            step *= box.extent(axis);
        }
        return result;
    }
    /// Elements from `data` to the element at `at`. Requires: box contains it.
    std::int64_t offset(const Extents& at) const {
        const Extents step = strides();
        std::int64_t result = 0;
        for (int axis = 0; axis < box.rank(); ++axis) result += (at[axis] - box.lo[axis]) * step[axis];
        return result;
    }
    Byte* at(const Extents& coordinate) const {
        return data + offset(coordinate) * static_cast<std::int64_t>(element_bytes);
    }
    std::int64_t bytes() const { return box.volume() * static_cast<std::int64_t>(element_bytes); }
};

using Block = BasicBlock<std::byte>;
using ConstBlock = BasicBlock<const std::byte>;

inline ConstBlock read_only(const Block& block) { return {block.data, block.element_bytes, block.box}; }

/// Copies `from`'s elements at `source` to `to` at `target`. Axes where `source` has one coordinate and
/// `target` more repeat it (a clamped boundary, broadcasting); else the extents are equal.
/// Requires: the blocks contain the boxes, the element sizes are equal, the two do not overlap in memory.
void copy_box(const ConstBlock& from, const Box& source, const Block& to, const Box& target);

/// Sets every byte of `target` in `to` to zero.
void zero_box(const Block& to, const Box& target);

/// Owns zeroed host memory, aligned for every instruction set and for one cache line.
class HostBytes {
public:
    static constexpr std::size_t alignment = 128;

    HostBytes() = default;
    /// Errors: std::bad_alloc.
    explicit HostBytes(std::size_t size);

    std::byte* data() { return bytes_.get(); }
    const std::byte* data() const { return bytes_.get(); }
    std::size_t size() const { return size_; }

    /// How many have been allocated in this process so far, for statistics. Threads: any.
    static std::int64_t allocations();

private:
    struct Free {
        void operator()(std::byte* bytes) const;
    };
    std::unique_ptr<std::byte[], Free> bytes_;
    std::size_t size_ = 0;
};

}  // namespace maniple
