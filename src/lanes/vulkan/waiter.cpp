#include "lanes/vulkan/waiter.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "trace/activity.hpp"

namespace maniple {

namespace {

constexpr std::uint64_t wait_step_ns = 100'000'000;
constexpr std::int64_t patience_ns = 10'000'000'000;

vk::raii::Semaphore make_timeline(const vk::raii::Device& device) {
    const vk::SemaphoreTypeCreateInfo type(vk::SemaphoreType::eTimeline, 0);
    const vk::SemaphoreCreateInfo info({}, &type);
    return vk::raii::Semaphore(device, info);
}

}  // namespace

Waiter::Waiter(VulkanDevice& device, bool hangs) : device_(device), hangs_(hangs) {
    for (const QueueUse queue : {QueueUse::kernels, QueueUse::uploads, QueueUse::downloads}) {
        if (device.has(queue)) timeline(queue).semaphore = make_timeline(device.device());
    }
    thread_ = std::thread([this] { run(); });
}

Waiter::~Waiter() {
    // Who has submitted the last one may not have come back yet.
    while (inside_.load(std::memory_order_acquire) != 0) std::this_thread::yield();  // partner: submit()
    stop_.store(true, std::memory_order_seq_cst);                                    // partner: sleep()
    bell_.ring();
    thread_.join();
}

void Waiter::InFlight::add(Submission& submission) {
    submission.next = nullptr;
    (first == nullptr ? first : last->next) = &submission;
    last = &submission;
}

Submission& Waiter::InFlight::take_first() {
    Submission& taken = *first;
    first = taken.next;
    return taken;
}

std::exception_ptr Waiter::refusal() const {
    if (has_failed_.load(std::memory_order_acquire)) return failure_;       // partner: give_up()
    if (deadline_ns_.load(std::memory_order_relaxed) == 0) return nullptr;  // else whoever asks may as well be earlier
    return std::make_exception_ptr(DeviceError("given up: the run has failed"));
}

void Waiter::submit(std::span<QueuedPart> parts, std::uint64_t execution, Submission& submission) {
    inside_.fetch_add(1, std::memory_order_relaxed);  // before the device, and so its end, knows of it
    submission.parts_ = parts;
    submission.execution_ = execution;
    brought_.push(submission);
    // Whoever has the turn looks once more after it, so that nothing is left lying.
    while (!brought_.is_empty() && turn_.try_take()) {
        submit_all();
        turn_.leave();
    }
    inside_.fetch_sub(1, std::memory_order_release);  // partner: ~Waiter()
}

void Waiter::submit_all() {
    for (Submission* one = brought_.take_in_order(); one != nullptr;) {
        Submission* const next = one->next;
        submit_now(*one);
        one = next;
    }
}

void Waiter::submit_now(Submission& submission) {
    std::exception_ptr error;
    const QueuedPart* last = nullptr;
    for (QueuedPart& part : submission.parts_) {
        part.value = 0;
        part.waiter = this;
        part.execution = submission.execution_;
    }
    for (QueuedPart& part : submission.parts_) {
        error = refusal();
        try {
            if (!error) submit_part(part, awaited_by(part, last));
        } catch (...) { error = translated("submitting to " + device_.description().name); }
        if (error) break;
        if (last != nullptr) timeline(last->queue).told_value.store(last->value, std::memory_order_release);
        last = &part;
    }
    if (last == nullptr) return submission.ended(error);
    submission.queue_ = last->queue;
    submission.value_ = last->value;
    submission.number_ = ++submissions_;
    submission.error_ = error;
    tell(submission);
}

/// That the thread is told comes before the value: else it would wait for the value after.
void Waiter::tell(Submission& submission) {
    Timeline& own = timeline(submission.queue_);
    const std::uint64_t value = submission.value_;
    told_.push(submission);
    own.told_value.store(value, std::memory_order_release);  // partner: next_values()
    if (asleep_.load(std::memory_order_seq_cst) && asleep_.exchange(false, std::memory_order_seq_cst)) bell_.ring();
}

/// A value of another timeline, or of an execution before, has been reached for long: it says nothing.
void Waiter::check_awaited(const QueuedPart& before, const QueuedPart& part) const {
    MANIPLE_CHECK(before.waiter == this, "a submission waits for a value of another device's timeline");
    MANIPLE_CHECK(before.execution == part.execution, "a submission of execution " + std::to_string(part.execution) +
                                                          " waits for a value of execution " +
                                                          std::to_string(before.execution));
    if (before.value == 0) throw DeviceError("given up: what it waits for could not be submitted");
}

/// What other queues have done and the host has seen is waited for as well: that costs nothing any more, and makes what
/// they wrote visible to this one.
Waiter::Values Waiter::awaited_by(const QueuedPart& part, const QueuedPart* part_before) const {
    Values values{};
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i != static_cast<std::size_t>(part.queue))
            values[i] = timelines_[i].ended_value.load(std::memory_order_relaxed);
    }
    const auto add = [&](const QueuedPart& before) {
        std::uint64_t& value = values[static_cast<std::size_t>(before.queue)];
        value = std::max(value, before.value);
    };
    for (const QueuedPart* before : part.after) {
        check_awaited(*before, part);
        add(*before);
    }
    if (part_before != nullptr) add(*part_before);
    for (std::size_t i = 0; i < values.size(); ++i)
        MANIPLE_CHECK(values[i] <= timelines_[i].last_value, "a submission that waits for a later one");
    return values;
}

void Waiter::submit_part(QueuedPart& part, const Values& awaited) {
    constexpr vk::PipelineStageFlags everything = vk::PipelineStageFlagBits::eAllCommands;
    std::array<vk::Semaphore, queue_uses> semaphores;
    std::array<std::uint64_t, queue_uses> values{};
    std::array<vk::PipelineStageFlags, queue_uses> stages;
    stages.fill(everything);
    std::uint32_t waits = 0;
    for (std::size_t i = 0; i < queue_uses; ++i) {
        if (awaited[i] == 0) continue;
        semaphores[waits] = *timelines_[i].semaphore;
        values[waits++] = awaited[i];
    }
    Timeline& own = timeline(part.queue);
    const vk::Semaphore signalled = *own.semaphore;
    const std::uint64_t value = own.last_value + 1;
    const vk::TimelineSemaphoreSubmitInfo timelines(waits, values.data(), 1, &value);
    const vk::SubmitInfo info(waits, semaphores.data(), stages.data(), 1, &part.commands, 1, &signalled, &timelines);
    if (audit_) audit_->signals(part.queue, value, own.semaphore.getCounterValue());
    try {
        device_.queue(part.queue).submit(info);
    } catch (...) {
        if (audit_) audit_->refused(part.queue, own.last_value);
        throw;
    }
    part.value = value;
    own.last_value = value;
}

void Waiter::cancel() {
    std::int64_t never = 0;
    // Relaxed: the time says nothing of any other memory.
    deadline_ns_.compare_exchange_strong(never, now_ns() + patience_ns, std::memory_order_relaxed);
}

bool Waiter::has_none_in_flight() const {
    return std::all_of(timelines_.begin(), timelines_.end(),
                       [](const Timeline& timeline) { return timeline.in_flight.first == nullptr; });
}

/// Of each queue the next value that the thread will be told of: so that it hears of what is submitted to a queue that has
/// nothing to report while it waits for others.
Waiter::Values Waiter::next_values() const {
    Values values{};
    for (std::size_t i = 0; i < values.size(); ++i) {
        const Timeline& timeline = timelines_[i];
        if (*timeline.semaphore == vk::Semaphore()) continue;
        values[i] = timeline.told_value.load(std::memory_order_acquire) + 1;  // partner: tell()
    }
    return values;
}

void Waiter::take_told() {
    for (Submission* one = told_.take_in_order(); one != nullptr;) {
        Submission* const next = one->next;
        timeline(one->queue_).in_flight.add(*one);
        one = next;
    }
}

void Waiter::run() {
    for (;;) {
        // First what is next, then what it has been told: what comes in between is then waited for, too.
        Values next = next_values();
        take_told();
        if (has_none_in_flight()) {
            const bool stops = stop_.load(std::memory_order_seq_cst);
            if (stops && told_.is_empty()) return;
            if (!stops) sleep();
            continue;
        }
        for (std::size_t i = 0; i < next.size(); ++i) {
            const Submission* const first = timelines_[i].in_flight.first;
            if (first != nullptr) next[i] = first->value_;
        }
        wait_for(next);
    }
}

/// Until it is told something, or has to stop: it says that it is about to sleep, looks once more, then sleeps; others
/// tell it, then look whether it sleeps.
void Waiter::sleep() {
    asleep_.store(true, std::memory_order_seq_cst);
    if (told_.is_empty() && !stop_.load(std::memory_order_seq_cst)) bell_.wait();
    asleep_.store(false, std::memory_order_seq_cst);
}

/// Whether one of them came in time.
bool Waiter::wait_step(const Values& values) {
    if (hangs_) {
        std::this_thread::sleep_for(std::chrono::nanoseconds(wait_step_ns));
        return false;
    }
    std::array<vk::Semaphore, queue_uses> semaphores;
    Values awaited{};
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < queue_uses; ++i) {
        if (values[i] == 0) continue;
        semaphores[count] = *timelines_[i].semaphore;
        awaited[count++] = values[i];
    }
    const vk::SemaphoreWaitFlags flags = count > 1 ? vk::SemaphoreWaitFlagBits::eAny : vk::SemaphoreWaitFlags();
    const vk::SemaphoreWaitInfo info(flags, count, semaphores.data(), awaited.data());
    return device_.device().waitSemaphores(info, wait_step_ns) == vk::Result::eSuccess;
}

/// One step of waiting, so that a cancelled run is not waited for without end.
void Waiter::wait_for(const Values& values) {
    try {
        if (wait_step(values)) {
            end_what_has();
        } else if (out_of_time()) {
            hung_.store(true, std::memory_order_release);  // before anyone hears of the end
            throw DeviceError(device_.description().name + " did not end its work within ten seconds");
        }
    } catch (...) { give_up(translated("waiting for " + device_.description().name)); }
}

bool Waiter::out_of_time() const {
    const std::int64_t deadline = deadline_ns_.load(std::memory_order_relaxed);
    return deadline != 0 && now_ns() > deadline;
}

/// As they were at one moment: what the device has ended then, it has ended with all that it waited for.
Waiter::Values Waiter::read_counters() const {
    Values values{};
    for (Values before{};; before = values) {
        for (std::size_t i = 0; i < queue_uses; ++i) {
            if (*timelines_[i].semaphore != vk::Semaphore()) values[i] = timelines_[i].semaphore.getCounterValue();
        }
        const bool only_one = !device_.has(QueueUse::uploads);
        if (only_one || values == before) return values;
    }
}

void Waiter::end_what_has() {
    const Values values = read_counters();
    for (std::size_t i = 0; i < queue_uses; ++i) {
        if (audit_) audit_->has_reached(static_cast<QueueUse>(i), values[i]);
        timelines_[i].ended_value.store(values[i], std::memory_order_relaxed);
    }
    while (Submission* const one = take_ended(values)) one->ended(std::exchange(one->error_, nullptr));
}

/// The first one whose value has come, in the order of submission; null: there is none.
Submission* Waiter::take_ended(const Values& values) {
    Timeline* of = nullptr;
    for (std::size_t i = 0; i < queue_uses; ++i) {
        const Submission* const one = timelines_[i].in_flight.first;
        if (one == nullptr || one->value_ > values[i]) continue;
        if (of == nullptr || one->number_ < of->in_flight.first->number_) of = &timelines_[i];
    }
    return of == nullptr ? nullptr : &of->in_flight.take_first();
}

/// What is being submitted just now comes to the thread later, and is waited for in vain or not.
void Waiter::give_up(std::exception_ptr error) {
    if (!has_failed_.load(std::memory_order_relaxed)) {  // written by this thread alone
        failure_ = error;
        has_failed_.store(true, std::memory_order_release);  // partner: refusal()
    }
    take_told();
    Values all{};
    all.fill(std::numeric_limits<std::uint64_t>::max());
    while (Submission* const one = take_ended(all)) {
        one->error_ = nullptr;
        one->ended(error);
    }
}

}  // namespace maniple
