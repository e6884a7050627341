#include "lanes/arena.hpp"

#include <algorithm>
#include <new>

#include "base/text.hpp"

namespace maniple {

Arena::Arena(const Layout& layout, const Mapped& mapped) : layout_(layout) {
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
        const BufferSpec& buffer = layout.buffers[i];
        const bool own = buffer.memory.gpu < 0 && buffer.memory.kind != Memory::Kind::piece && !buffer.storage.valid();
        try {
            bytes_.emplace_back(own ? static_cast<std::size_t>(buffer.bytes()) : 0);
        } catch (const std::bad_alloc&) {
            throw UnavailableError("no memory for '" + buffer.name + "' (" + format_bytes(buffer.bytes()) +
                                   "): this rank needs " + format_bytes(layout.host_bytes()) + " in all");
        }
        const bool elsewhere = buffer.memory.gpu >= 0 && mapped;
        data_.push_back(own ? bytes_.back().data() : elsewhere ? mapped(BufferId(i)) : nullptr);
    }
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
        const BufferSpec& buffer = layout.buffers[i];
        if (!buffer.storage.valid()) continue;
        const std::int64_t rows = std::max<std::int64_t>(1, buffer.box.rank() == 0 ? 1 : buffer.box.extent(0));
        data_[i] = data_[buffer.storage.index()] + buffer.storage_row * (buffer.bytes() / rows);
    }
}

}  // namespace maniple
