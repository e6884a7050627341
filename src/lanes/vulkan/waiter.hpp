// lanes/vulkan/waiter.hpp: the timelines of a device's queues, and the one thread that waits on them.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "lanes/vulkan/device.hpp"

namespace maniple {

/// A submission that is under way.
class Submission {
public:
    virtual ~Submission() = default;
    /// The device is done with it (`error` is null), or it was given up. Called once, on the waiter's thread or on the
    /// one that submits, without a lock.
    virtual void ended(std::exception_ptr error) = 0;
};

/// What one queue does of a submission.
struct QueuedPart {
    QueueUse queue = QueueUse::kernels;
    vk::CommandBuffer commands;
    std::vector<const QueuedPart*> after;  ///< of other submissions to the device: the device itself waits for them
    std::uint64_t value = 0;  ///< on the queue's timeline, from the last time that it was submitted; 0: never
};

/// Owns a timeline semaphore for each queue, whose values only grow, and the thread. Borrows the device. Threads: any.
/// Submissions are reported in their order wherever one waits for the other: who hears of the last one may destroy all.
class Waiter {
public:
    /// `hangs`: for tests, as a device that never ends anything.
    Waiter(VulkanDevice& device, bool hangs);
    ~Waiter();  ///< Waits for what is in flight, after cancel() for ten seconds at most.

    /// Room for so many more submissions at a time, so that submit() allocates nothing.
    void expect(std::size_t submissions);

    /// Submits the parts, each behind the one before it and behind what it waits for; `submission` hears of the end of
    /// the last one, also if this fails. Does not wait for the device. Requires: what parts wait for has been submitted,
    /// or never will be since it failed.
    void submit(std::span<QueuedPart> parts, Submission& submission);

    /// From now on nothing is submitted, and what is in flight has ten seconds to end.
    void cancel();

    /// Whether something in flight did not end in time: the device may still use its memory and handles.
    bool is_hung() const { return hung_.load(std::memory_order_acquire); }  // partner: wait_for()

private:
    struct InFlight {
        std::uint64_t value = 0;
        Submission* submission = nullptr;
        std::uint64_t number = 0;  ///< in the order of submission, over all queues
        std::exception_ptr error;  ///< a later part could not be submitted
    };
    struct Timeline {
        vk::raii::Semaphore semaphore{nullptr};  ///< null: the device has no such queue
        std::uint64_t last_value = 0;            ///< submitted; grows under the queues' mutex, too
        std::uint64_t ended_value = 0;           ///< that the host has seen
        std::vector<InFlight> in_flight;         ///< ascending values: the last parts of submissions
    };
    /// Values to wait for, by queue; 0: none.
    using Values = std::array<std::uint64_t, queue_uses>;

    std::exception_ptr refusal() const;
    Timeline& timeline(QueueUse queue) { return timelines_[static_cast<std::size_t>(queue)]; }
    Values awaited_by(const QueuedPart& part, const QueuedPart* part_before) const;
    void submit_part(QueuedPart& part, const Values& awaited, Submission* heard);
    void run();
    bool has_none_in_flight() const;
    Values next_values() const;
    bool wait_step(const Values& values);
    void wait_for(const Values& values);
    Values read_counters() const;
    void end_what_has();
    void take_ended(const Values& values);
    void give_up(std::exception_ptr error);
    bool out_of_time() const;

    VulkanDevice& device_;
    const bool hangs_;
    mutable std::mutex mutex_;  ///< of all below; taken inside the queues' mutex, never around it
    std::condition_variable wake_;
    std::array<Timeline, queue_uses> timelines_;  ///< by QueueUse; the semaphores never change
    std::uint64_t submissions_ = 0;
    std::exception_ptr failure_;
    bool cancelled_ = false;
    std::atomic<bool> hung_{false};
    std::int64_t deadline_ns_ = 0;
    bool stop_ = false;
    std::size_t expected_ = 0;
    std::vector<InFlight> ended_;  ///< the thread's own
    std::thread thread_;
};

}  // namespace maniple
