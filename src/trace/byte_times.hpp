// trace/byte_times.hpp: how long a lane took to make or to move bytes that no kernel computes.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "trace/work_time.hpp"

namespace maniple {

/// Generated: numbers and sequences, random numbers; in files: inputs, outputs, what waits in the scratch file.
enum class ByteWork : std::uint8_t { sequence, uniform, normal, read, written, stored, restored };

/// By sort, and by the size of what is made or moved at once. Written by one thread.
class ByteTimes {
public:
    struct Entry {
        ByteWork work = ByteWork::sequence;
        int size_class = 0;  ///< bits of the number of bytes
        WorkTime time;       ///< its points are bytes
    };

    static int size_class_of(std::int64_t bytes) {
        return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(0, bytes))));
    }

    /// Requires: some bytes. Allocates only for what is the first of its sort and size.
    void add(ByteWork work, std::int64_t bytes, std::int64_t ns) {
        entry_of(work, size_class_of(bytes)).time.add(bytes, static_cast<double>(ns));
    }
    /// Another thread's.
    void add(const ByteTimes& other) {
        for (const Entry& entry : other.entries_) entry_of(entry.work, entry.size_class).time.add(entry.time);
    }
    const std::vector<Entry>& entries() const { return entries_; }

private:
    Entry& entry_of(ByteWork work, int size_class) {
        for (Entry& entry : entries_) {
            if (entry.work == work && entry.size_class == size_class) return entry;
        }
        return entries_.emplace_back(Entry{work, size_class, {}});
    }

    std::vector<Entry> entries_;  ///< a few
};

}  // namespace maniple
