// lanes/vulkan/waiter.hpp: the timeline of a queue, and the one thread that waits on it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
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

/// Owns the semaphore, whose values only grow, and the thread. Borrows the device. Threads: any.
class Waiter {
public:
    /// `hangs`: for tests, as a device that never ends anything.
    Waiter(VulkanDevice& device, bool hangs);
    ~Waiter();  ///< Waits for what is in flight, after cancel() for ten seconds at most.

    /// Room for so many more submissions at a time, so that submit() allocates nothing.
    void expect(std::size_t submissions);

    /// Submits `commands`; `submission` hears of the end, also if this fails. Does not wait for the device, which begins
    /// when the submission with the value `after` has ended; 0: at once. Gives this one's value; 0: it failed.
    std::uint64_t submit(vk::CommandBuffer commands, Submission& submission, std::uint64_t after = 0);

    /// From now on nothing is submitted, and what is in flight has ten seconds to end.
    void cancel();

    /// Whether something in flight did not end in time: the device may still use its memory and handles.
    bool is_hung() const { return hung_.load(std::memory_order_acquire); }  // partner: wait_for()

private:
    struct InFlight {
        std::uint64_t value = 0;
        Submission* submission = nullptr;
    };
    std::exception_ptr refusal() const;
    void run();
    void wait_for(std::uint64_t value);
    void end_until(std::uint64_t value);
    void give_up(std::exception_ptr error);
    bool out_of_time() const;

    VulkanDevice& device_;
    const bool hangs_;
    vk::raii::Semaphore semaphore_;
    mutable std::mutex mutex_;  ///< of all below; taken inside the queue's mutex, never around it
    std::condition_variable wake_;
    std::vector<InFlight> in_flight_;  ///< ascending values
    std::uint64_t last_value_ = 0;     ///< under the queue's mutex
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
