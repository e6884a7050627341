#include "lanes/arena.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/text.hpp"
#include "base/whole_numbers.hpp"

namespace maniple {

namespace {

std::size_t aligned(std::int64_t bytes) {
    const auto size = static_cast<std::size_t>(bytes);
    return (size + HostBytes::alignment - 1) / HostBytes::alignment * HostBytes::alignment;
}

std::byte* mapped_at(const BufferSpec& buffer, BufferId id, const Arena::Mapped& mapped) {
    return buffer.memory.gpu >= 0 && mapped ? mapped(id) : nullptr;
}

}  // namespace

bool is_in_arena(const BufferSpec& buffer) {
    return buffer.memory.gpu < 0 && buffer.memory.kind != Memory::Kind::piece &&
           buffer.memory.kind != Memory::Kind::file && !buffer.storage.valid();
}

std::size_t bytes_in_one_piece(const Layout& layout) {
    std::int64_t bytes = 0;
    for (const BufferSpec& buffer : layout.buffers) {
        if (is_in_arena(buffer)) bytes = capped_sum(bytes, static_cast<std::int64_t>(aligned(buffer.bytes())));
    }
    return static_cast<std::size_t>(bytes);
}

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
        const bool own = is_in_arena(buffer);
        try {
            bytes_.emplace_back(own ? static_cast<std::size_t>(buffer.bytes()) : 0);
        } catch (const std::bad_alloc&) {
            throw UnavailableError("no memory for '" + buffer.name + "' (" + format_bytes(buffer.bytes()) +
                                   "): this rank needs " + format_bytes(layout.host_bytes()) + " in all");
        }
        data_.push_back(own ? bytes_.back().data() : mapped_at(buffer, BufferId(i), mapped));
    }
    place_shared(first);
}

Arena::Arena(const Layout& layout, std::byte* storage, const Mapped& mapped)
    : layout_(&layout), peak_bytes_(layout.host_bytes()) {
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
        const BufferSpec& buffer = layout.buffers[i];
        const bool own = is_in_arena(buffer);
        data_.push_back(own ? storage : mapped_at(buffer, BufferId(i), mapped));
        if (own) storage += aligned(buffer.bytes());
    }
    place_shared(0);
}

/// Buffers that have the bytes of others: those in a pool first, others may lie in them.
void Arena::place_shared(std::size_t first) {
    for (std::size_t i = first; i < layout_->buffers.size(); ++i) {
        const BufferSpec& buffer = (*layout_)[BufferId(i)];
        if (buffer.pool_byte >= 0) data_[i] = data_[buffer.storage.index()] + buffer.pool_byte;
    }
    for (std::size_t i = first; i < layout_->buffers.size(); ++i) {
        const BufferSpec& buffer = (*layout_)[BufferId(i)];
        if (!buffer.storage.valid() || buffer.pool_byte >= 0) continue;
        const std::int64_t rows = std::max<std::int64_t>(1, buffer.box.rank() == 0 ? 1 : buffer.box.extent(0));
        data_[i] = data_[buffer.storage.index()] + buffer.storage_row * (buffer.bytes() / rows);
    }
}

}  // namespace maniple
