// lanes/arena.hpp: the host memory of one rank's buffers.
#pragma once

#include <functional>
#include <vector>

#include "program/layout.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// Owns the bytes of every buffer of a layout that is the rank's own, from construction to destruction; those of gpu
/// lanes are borrowed. Borrows the layout, and those that take its place.
class Arena {
public:
    /// Where a gpu lane lets the host see a buffer; null: nowhere.
    using Mapped = std::function<std::byte*(BufferId)>;

    /// `mapped` is asked for every buffer with a Memory::gpu. Without it they have no bytes here.
    /// Errors: UnavailableError when memory is refused, naming the buffer and the bytes.
    explicit Arena(const Layout& layout, const Mapped& mapped = {});

    /// Adds what `both` has more than this: a layout whose first buffers are those here. Errors: as of the constructor;
    /// then nothing has changed.
    void extend(const Layout& both);
    /// Gives up the first buffers: those of `layout` are the last ones here.
    void keep_last(const Layout& layout);

    const Layout& layout() const { return *layout_; }
    Block block(BufferId id) { return {data_[id.index()], element_bytes(id), layout()[id].box}; }
    ConstBlock block(BufferId id) const { return {data_[id.index()], element_bytes(id), layout()[id].box}; }
    std::int64_t peak_bytes() const { return peak_bytes_; }

private:
    std::size_t element_bytes(BufferId id) const { return static_cast<std::size_t>(layout()[id].element_bytes); }

    void add_buffers(const Mapped& mapped);

    const Layout* layout_;
    std::int64_t peak_bytes_;
    std::vector<HostBytes> bytes_;  ///< by BufferId; empty for those of gpu lanes
    std::vector<std::byte*> data_;  ///< by BufferId
};

}  // namespace maniple
