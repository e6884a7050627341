#include "tensor/buffer.hpp"

#include <atomic>
#include <cstring>
#include <new>

#include "base/error.hpp"
#include "base/huge_pages.hpp"

namespace maniple {

namespace {

/// Calls visit(coordinate) for every coordinate of `box` with the last axis fixed at its start.
template <class Visit>
void for_each_row(const Box& box, Visit&& visit) {
    if (box.empty()) return;
    Extents at = box.lo;
    for (;;) {
        visit(at);
        int axis = box.rank() - 2;
        while (axis >= 0 && ++at[axis] == box.hi[axis]) {
            at[axis] = box.lo[axis];
            --axis;
        }
        if (axis < 0) return;
    }
}

void repeat_element(const std::byte* from, std::byte* to, std::size_t element_bytes, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i)
        std::memcpy(to + i * static_cast<std::int64_t>(element_bytes), from, element_bytes);
}

}  // namespace

void copy_box(const ConstBlock& from, const Box& source, const Block& to, const Box& target) {
    MANIPLE_CHECK(from.element_bytes == to.element_bytes, "a copy between element sizes");
    MANIPLE_CHECK(from.box.contains(source) && to.box.contains(target),
                  "a copy of " + to_string(source) + " of " + to_string(from.box) + " to " + to_string(target) +
                      " of " + to_string(to.box));
    const int rank = target.rank();
    if (rank == 0) {
        std::memcpy(to.data, from.data, to.element_bytes);
        return;
    }
    const int last = rank - 1;
    const bool repeat_row = source.extent(last) == 1 && target.extent(last) != 1;
    const std::size_t row_bytes = static_cast<std::size_t>(target.extent(last)) * to.element_bytes;
    for_each_row(target, [&](const Extents& at) {
        Extents origin(rank);
        for (int axis = 0; axis < rank; ++axis) {
            const bool repeat = source.extent(axis) == 1;
            origin[axis] = source.lo[axis] + (repeat ? 0 : at[axis] - target.lo[axis]);
        }
        if (repeat_row) {
            repeat_element(from.at(origin), to.at(at), to.element_bytes, target.extent(last));
        } else {
            std::memcpy(to.at(at), from.at(origin), row_bytes);
        }
    });
}

void zero_box(const Block& to, const Box& target) {
    MANIPLE_CHECK(to.box.contains(target), "zeros to " + to_string(target) + " of " + to_string(to.box));
    if (target.rank() == 0) {
        std::memset(to.data, 0, to.element_bytes);
        return;
    }
    const std::size_t row_bytes = static_cast<std::size_t>(target.extent(target.rank() - 1)) * to.element_bytes;
    for_each_row(target, [&](const Extents& at) { std::memset(to.at(at), 0, row_bytes); });
}

namespace {

std::atomic<std::int64_t> host_allocations{0};  // relaxed: a statistic

}  // namespace

std::int64_t HostBytes::allocations() { return host_allocations.load(std::memory_order_relaxed); }

HostBytes::HostBytes(std::size_t size) : size_(size) {
    if (size == 0) return;
    host_allocations.fetch_add(1, std::memory_order_relaxed);
    bytes_.reset(static_cast<std::byte*>(::operator new[](size, std::align_val_t{alignment})));
    // Fewer addresses to look up, and a core fetches ahead across more than one row.
    prefer_huge_pages(bytes_.get(), size);
    std::memset(bytes_.get(), 0, size);
}

void HostBytes::Free::operator()(std::byte* bytes) const { ::operator delete[](bytes, std::align_val_t{alignment}); }

}  // namespace maniple
