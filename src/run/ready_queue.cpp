#include "run/ready_queue.hpp"

namespace maniple {

void ReadyQueue::push(Item item) {
    {
        const std::lock_guard lock(mutex_);
        items_.push_back(item);
        size_.store(static_cast<int>(items_.size()), std::memory_order_relaxed);
    }
    changed_.notify_one();
}

std::optional<ReadyQueue::Item> ReadyQueue::try_pop() {
    if (size_.load(std::memory_order_relaxed) == 0) return std::nullopt;
    const std::lock_guard lock(mutex_);
    if (items_.empty()) return std::nullopt;
    const Item item = items_.front();
    items_.pop_front();
    size_.store(static_cast<int>(items_.size()), std::memory_order_relaxed);
    return item;
}

void ReadyQueue::wait(std::chrono::microseconds at_most) {
    std::unique_lock lock(mutex_);
    const std::uint64_t seen = wakes_;
    changed_.wait_for(lock, at_most, [&] { return !items_.empty() || wakes_ != seen; });
}

void ReadyQueue::wake_all() {
    {
        const std::lock_guard lock(mutex_);
        ++wakes_;
    }
    changed_.notify_all();
}

}  // namespace maniple
