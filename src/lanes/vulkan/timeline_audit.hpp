// lanes/vulkan/timeline_audit.hpp: what a device's timelines promise, looked at while it works (`--check`).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "lanes/vulkan/recording.hpp"

namespace maniple {

/// On each timeline values grow, within an execution and from one to the next: what is to be signalled is more than all
/// before it, and than what the device has reached; what it has reached never becomes less, nor more than what was to be
/// signalled. What does not hold aborts the process. Threads: signals() and refused() whoever submits, has_reached() the
/// one that waits.
class TimelineAudit {
public:
    /// Before the device hears of it. `reached` by the device so far.
    void signals(QueueUse queue, std::uint64_t value, std::uint64_t reached) {
        std::atomic<std::uint64_t>& last = last_[static_cast<std::size_t>(queue)];
        MANIPLE_CHECK(value > last.load(std::memory_order_relaxed) && value > reached,
                      "a timeline is to be " + std::to_string(value) + " after " +
                          std::to_string(last.load(std::memory_order_relaxed)) + ", and is " + std::to_string(reached));
        last.store(value, std::memory_order_release);  // partner: has_reached()
    }
    /// The device did not take what signals() was told of: that value is the next one again.
    void refused(QueueUse queue, std::uint64_t last_taken) {
        last_[static_cast<std::size_t>(queue)].store(last_taken, std::memory_order_release);  // partner: has_reached()
    }
    void has_reached(QueueUse queue, std::uint64_t value) {
        std::uint64_t& reached = reached_[static_cast<std::size_t>(queue)];
        const std::uint64_t last = last_[static_cast<std::size_t>(queue)].load(std::memory_order_acquire);
        MANIPLE_CHECK(value >= reached && value <= last, "a timeline is " + std::to_string(value) + " after " +
                                                             std::to_string(reached) + ", and was to be " +
                                                             std::to_string(last) + " at most");
        reached = value;
    }

private:
    std::array<std::atomic<std::uint64_t>, queue_uses> last_{};  ///< to be signalled, by QueueUse
    std::array<std::uint64_t, queue_uses> reached_{};            ///< the waiting thread's
};

}  // namespace maniple
