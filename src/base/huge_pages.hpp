// base/huge_pages.hpp: memory in large pages, where much of it is written for the first time.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace maniple {

/// Says to the system that `bytes` at `data` will be written: where it has large pages, it then sees to one of these at the
/// first touch, not to hundreds of small ones one by one. What is never touched takes no memory. Without effect on less
/// than two large pages. Any thread.
inline void prefer_huge_pages(const void* data, std::size_t bytes) {
    constexpr std::uintptr_t page_bytes = std::uintptr_t{2} << 20;
    const auto begin = reinterpret_cast<std::uintptr_t>(data);
    const std::uintptr_t first = (begin + page_bytes - 1) / page_bytes * page_bytes;
    const std::uintptr_t end = (begin + bytes) / page_bytes * page_bytes;
    if (end < first + 2 * page_bytes) return;
    madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);  // advice: refused, pages are small
}

}  // namespace maniple
