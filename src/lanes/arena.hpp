// lanes/arena.hpp: the host memory of one rank's buffers.
#pragma once

#include <vector>

#include "program/layout.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// Owns the bytes of every buffer of a layout from construction to destruction. Borrows the layout.
class Arena {
public:
    /// Errors: UnavailableError when memory is refused, naming the buffer and the bytes.
    explicit Arena(const Layout& layout);

    const Layout& layout() const { return layout_; }
    Block block(BufferId id) { return {bytes_[id.index()].data(), element_bytes(id), layout_[id].box}; }
    ConstBlock block(BufferId id) const { return {bytes_[id.index()].data(), element_bytes(id), layout_[id].box}; }
    std::int64_t peak_bytes() const { return layout_.host_bytes(); }

private:
    std::size_t element_bytes(BufferId id) const { return static_cast<std::size_t>(layout_[id].element_bytes); }

    const Layout& layout_;
    std::vector<HostBytes> bytes_;
};

}  // namespace maniple
