// lanes/vulkan/waiter.hpp: the timelines of a device's queues, and the one thread that waits on them.
#pragma once

#include <semaphore.h>

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "lanes/intake.hpp"
#include "lanes/vulkan/device.hpp"
#include "lanes/vulkan/timeline_audit.hpp"

namespace maniple {

class Waiter;

/// What one queue does of a submission.
struct QueuedPart {
    QueueUse queue = QueueUse::kernels;
    vk::CommandBuffer commands;
    std::vector<const QueuedPart*> after;  ///< of other submissions to the device: the device itself waits for them
    // Of the last time that it was brought; the waiter's.
    std::uint64_t value = 0;         ///< on the queue's timeline; 0: it could not be submitted
    const Waiter* waiter = nullptr;  ///< whose timeline that is; null: it was never brought
    std::uint64_t execution = 0;     ///< Execution::number
};

/// A submission that is under way. Its memory is used until it hears of its end.
class Submission {
public:
    virtual ~Submission() = default;
    /// The device is done with it (`error` is null), or it was given up. Called once, on the waiter's thread or on one that
    /// submits, without a lock.
    virtual void ended(std::exception_ptr error) = 0;

private:
    friend class Waiter;
    friend class Intake<Submission>;
    std::span<QueuedPart> parts_;
    std::uint64_t execution_ = 0;
    QueueUse queue_ = QueueUse::kernels;  ///< of the last part that was submitted
    std::uint64_t value_ = 0;             ///< of that part
    std::uint64_t number_ = 0;            ///< in the order of submission, over all queues
    std::exception_ptr error_;            ///< a later part could not be submitted
    Submission* next = nullptr;           ///< in the list that it is in
};

/// A thread's place to sleep, where others wake it.
class Bell {
public:
    Bell() { sem_init(&rings_, 0, 0); }
    ~Bell() { sem_destroy(&rings_); }
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;
    /// Until it rings; at once if it has rung since the last time. May return for no reason.
    void wait() { sem_wait(&rings_); }
    void ring() { sem_post(&rings_); }

private:
    sem_t rings_;
};

/// Owns a timeline semaphore for each queue, whose values only grow, and the thread. Borrows the device. Threads: any.
/// Submissions are reported in their order wherever one waits for the other: who hears of the last one may destroy all.
///
/// Nothing locks or allocates. One thread at a time submits, also what others bring meanwhile, who do not wait for it; the
/// lists are linked through the submissions.
class Waiter {
public:
    /// `hangs`: for tests, as a device that never ends anything.
    Waiter(VulkanDevice& device, bool hangs);
    ~Waiter();  ///< Waits for what is in flight, after cancel() for ten seconds at most.

    /// Looks at the values of timelines from now on (TimelineAudit). Before the first submit().
    void audit() {
        if (!audit_) audit_ = std::make_unique<TimelineAudit>();
    }

    /// Submits the parts, each behind the one before it and behind what it waits for; `submission` hears of the end of
    /// the last one, also if this fails. Does not wait for the device. Requires: what parts wait for has been submitted
    /// here before, in the same `execution` (Execution::number), or failed; the device's queues are used by nobody else.
    void submit(std::span<QueuedPart> parts, std::uint64_t execution, Submission& submission);

    /// From now on nothing is submitted, and what is in flight has ten seconds to end.
    void cancel();

    /// Whether something in flight did not end in time: the device may still use its memory and handles.
    bool is_hung() const { return hung_.load(std::memory_order_acquire); }  // partner: wait_for()

private:
    /// First in, first out.
    struct InFlight {
        Submission* first = nullptr;
        Submission* last = nullptr;

        void add(Submission& submission);
        Submission& take_first();
    };
    struct Timeline {
        vk::raii::Semaphore semaphore{nullptr};  ///< null: the device has no such queue
        std::uint64_t last_value = 0;            ///< submitted; of whose turn it is
        /// Up to here the thread has been told, or never will be, who hears of a value.
        std::atomic<std::uint64_t> told_value{0};
        /// That the host has seen. Relaxed: who waits for it has heard of it from the thread, maybe through others.
        std::atomic<std::uint64_t> ended_value{0};
        InFlight in_flight;  ///< the thread's: ascending values, the last parts of submissions
    };
    /// Values to wait for, by queue; 0: none.
    using Values = std::array<std::uint64_t, queue_uses>;

    std::exception_ptr refusal() const;
    Timeline& timeline(QueueUse queue) { return timelines_[static_cast<std::size_t>(queue)]; }
    void check_awaited(const QueuedPart& before, const QueuedPart& part) const;
    Values awaited_by(const QueuedPart& part, const QueuedPart* part_before) const;
    void submit_all();
    void submit_now(Submission& submission);
    void submit_part(QueuedPart& part, const Values& awaited);
    void tell(Submission& submission);
    void run();
    void sleep();
    void take_told();
    bool has_none_in_flight() const;
    Values next_values() const;
    bool wait_step(const Values& values);
    void wait_for(const Values& values);
    Values read_counters() const;
    void end_what_has();
    Submission* take_ended(const Values& values);
    void give_up(std::exception_ptr error);
    bool out_of_time() const;

    VulkanDevice& device_;
    const bool hangs_;
    std::unique_ptr<TimelineAudit> audit_;        ///< null: nobody looks
    std::array<Timeline, queue_uses> timelines_;  ///< by QueueUse; the semaphores never change
    std::atomic<int> inside_{0};                  ///< threads in submit()
    Intake<Submission> brought_;                  ///< to be submitted
    Turn turn_;                                   ///< to submit; and the queues', of which some may be one and the same
    std::uint64_t submissions_ = 0;               ///< of whose turn it is
    Intake<Submission> told_;                     ///< submitted, for the thread
    std::atomic<bool> asleep_{false};
    std::atomic<bool> stop_{false};
    Bell bell_;
    std::exception_ptr failure_;                ///< written once, before has_failed_
    std::atomic<bool> has_failed_{false};       ///< the device has
    std::atomic<std::int64_t> deadline_ns_{0};  ///< 0: not cancelled
    std::atomic<bool> hung_{false};
    std::thread thread_;
};

}  // namespace maniple
