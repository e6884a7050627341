// run/ready_queue.hpp: chunks of the cpu lane that may start, handed to whichever worker is free.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "base/ids.hpp"

namespace maniple {

class Run;

/// Threads: any. First in, first out.
class ReadyQueue {
public:
    struct Item {
        Run* run = nullptr;
        ChunkId chunk;
    };

    void push(Item item);
    std::optional<Item> try_pop();
    /// Sleeps until something is pushed, wake_all() or the time has passed; at once if there is something.
    void wait(std::chrono::microseconds at_most);
    void wake_all();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Item> items_;
    std::atomic<int> size_{0};  ///< relaxed: a hint that spares empty-handed workers the lock
    std::uint64_t wakes_ = 0;   ///< calls of wake_all(), so that none is lost between a check and a sleep
};

}  // namespace maniple
