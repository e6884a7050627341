#include "lanes/arena.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/text.hpp"

namespace maniple {

Arena::Arena(const Layout& layout, const Mapped& mapped) : layout_(&layout), peak_bytes_(layout.host_bytes()) {
    add_buffers(mapped);
}

void Arena::extend(const Layout& both) {
    const Layout* const before = std::exchange(layout_, &both);
    const std::size_t count = data_.size();
    try {
        add_buffers({});
    } catch (...) {
        layout_ = before;
        bytes_.resize(count);
        data_.resize(count);
        throw;
    }
    peak_bytes_ = std::max(peak_bytes_, both.host_bytes());
}

void Arena::keep_last(const Layout& layout) {
    const auto gone = static_cast<std::ptrdiff_t>(data_.size() - layout.buffers.size());
    layout_ = &layout;
    bytes_.erase(bytes_.begin(), bytes_.begin() + gone);
    data_.erase(data_.begin(), data_.begin() + gone);
}

/// Those of the layout that are not there yet.
void Arena::add_buffers(const Mapped& mapped) {
    const Layout& layout = *layout_;
    const std::size_t first = data_.size();
    for (std::size_t i = first; i < layout.buffers.size(); ++i) {
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
    for (std::size_t i = first; i < layout.buffers.size(); ++i) {
        const BufferSpec& buffer = layout.buffers[i];
        if (!buffer.storage.valid()) continue;
        const std::int64_t rows = std::max<std::int64_t>(1, buffer.box.rank() == 0 ? 1 : buffer.box.extent(0));
        data_[i] = data_[buffer.storage.index()] + buffer.storage_row * (buffer.bytes() / rows);
    }
}

}  // namespace maniple
