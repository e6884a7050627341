// lanes/vulkan/free_list.hpp: which bytes of a large block are free.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace maniple {

/// Ranges of [0, size), found first fit, joined when they are given back. Not for several threads.
class FreeList {
public:
    explicit FreeList(std::int64_t size) { free_.emplace(0, size); }

    /// The first byte of `bytes` bytes at a multiple of `alignment`, or nothing.
    std::optional<std::int64_t> take(std::int64_t bytes, std::int64_t alignment) {
        for (auto it = free_.begin(); it != free_.end(); ++it) {
            const auto [begin, size] = *it;
            const std::int64_t at = (begin + alignment - 1) / alignment * alignment;
            if (at + bytes > begin + size) continue;
            free_.erase(it);
            if (at > begin) free_.emplace(begin, at - begin);
            if (at + bytes < begin + size) free_.emplace(at + bytes, begin + size - at - bytes);
            return at;
        }
        return std::nullopt;
    }

    /// Requires: take() gave them.
    void give_back(std::int64_t at, std::int64_t bytes) {
        auto next = free_.lower_bound(at);
        if (next != free_.end() && next->first == at + bytes) {
            bytes += next->second;
            next = free_.erase(next);
        }
        if (next != free_.begin()) {
            const auto before = std::prev(next);
            if (before->first + before->second == at) {
                before->second += bytes;
                return;
            }
        }
        free_.emplace(at, bytes);
    }

    /// Nothing is taken.
    bool is_whole(std::int64_t size) const {
        return free_.size() == 1 && free_.begin()->first == 0 && free_.begin()->second == size;
    }

private:
    std::map<std::int64_t, std::int64_t> free_;  ///< size by first byte; no two touch
};

}  // namespace maniple
