#include "lanes/vulkan/waiter.hpp"

#include <algorithm>

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
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Waiter::expect(std::size_t submissions) {
    const std::lock_guard lock(mutex_);
    expected_ += submissions;
    for (Timeline& timeline : timelines_) timeline.in_flight.reserve(expected_);
}

std::exception_ptr Waiter::refusal() const {
    if (failure_) return failure_;
    if (cancelled_) return std::make_exception_ptr(DeviceError("given up: the run has failed"));
    return nullptr;
}

void Waiter::submit(std::span<QueuedPart> parts, Submission& submission) {
    std::exception_ptr error;
    const QueuedPart* last = nullptr;
    {
        const std::lock_guard queue_lock(device_.queue_mutex());
        for (QueuedPart& part : parts) {
            Values awaited{};
            {
                const std::lock_guard lock(mutex_);
                error = refusal();
                awaited = awaited_by(part, last);
            }
            try {
                if (!error) submit_part(part, awaited, &part == &parts.back() ? &submission : nullptr);
            } catch (...) { error = translated("submitting to " + device_.description().name); }
            if (error) break;
            last = &part;
        }
        if (last != nullptr && error) {
            const std::lock_guard lock(mutex_);
            timeline(last->queue).in_flight.push_back({last->value, &submission, ++submissions_, error});
        }
    }
    if (last == nullptr) {
        submission.ended(error);
    } else {
        wake_.notify_one();
    }
}

/// What other queues have done and the host has seen is waited for as well: that costs nothing any more, and makes what
/// they wrote visible to this one. The lock is held.
Waiter::Values Waiter::awaited_by(const QueuedPart& part, const QueuedPart* part_before) const {
    Values values{};
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i != static_cast<std::size_t>(part.queue)) values[i] = timelines_[i].ended_value;
    }
    const auto add = [&](const QueuedPart& before) {
        std::uint64_t& value = values[static_cast<std::size_t>(before.queue)];
        value = std::max(value, before.value);
    };
    for (const QueuedPart* before : part.after) add(*before);
    if (part_before != nullptr) add(*part_before);
    for (std::size_t i = 0; i < values.size(); ++i)
        MANIPLE_CHECK(values[i] <= timelines_[i].last_value, "a submission that waits for a later one");
    return values;
}

/// The queues' mutex is held. At the same time as its value is given the thread is told who hears of it: else it would wait
/// for the value after.
void Waiter::submit_part(QueuedPart& part, const Values& awaited, Submission* heard) {
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
    device_.queue(part.queue).submit(info);
    part.value = value;
    const std::lock_guard lock(mutex_);
    own.last_value = value;
    if (heard != nullptr) own.in_flight.push_back({value, heard, ++submissions_, nullptr});
}

void Waiter::cancel() {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return;
    cancelled_ = true;
    deadline_ns_ = now_ns() + patience_ns;
}

bool Waiter::has_none_in_flight() const {
    return std::all_of(timelines_.begin(), timelines_.end(),
                       [](const Timeline& timeline) { return timeline.in_flight.empty(); });
}

/// Of a queue that has nothing to report the next value that it will be given: so that the thread hears of what is
/// submitted to it while it waits for others. The lock is held.
Waiter::Values Waiter::next_values() const {
    Values values{};
    for (std::size_t i = 0; i < values.size(); ++i) {
        const Timeline& timeline = timelines_[i];
        if (*timeline.semaphore == vk::Semaphore()) continue;
        values[i] = timeline.in_flight.empty() ? timeline.last_value + 1 : timeline.in_flight.front().value;
    }
    return values;
}

void Waiter::run() {
    for (;;) {
        Values next{};
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return stop_ || !has_none_in_flight(); });
            if (has_none_in_flight()) return;
            next = next_values();
        }
        wait_for(next);
    }
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
    const std::lock_guard lock(mutex_);
    return cancelled_ && now_ns() > deadline_ns_;
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
    ended_.clear();
    {
        const std::lock_guard lock(mutex_);
        take_ended(values);
    }
    std::sort(ended_.begin(), ended_.end(), [](const InFlight& a, const InFlight& b) { return a.number < b.number; });
    for (const InFlight& one : ended_) one.submission->ended(one.error);
}

/// The lock is held.
void Waiter::take_ended(const Values& values) {
    for (std::size_t i = 0; i < queue_uses; ++i) {
        Timeline& timeline = timelines_[i];
        timeline.ended_value = values[i];
        const auto open = std::find_if(timeline.in_flight.begin(), timeline.in_flight.end(),
                                       [&](const InFlight& one) { return one.value > values[i]; });
        ended_.insert(ended_.end(), timeline.in_flight.begin(), open);
        timeline.in_flight.erase(timeline.in_flight.begin(), open);
    }
}

void Waiter::give_up(std::exception_ptr error) {
    std::vector<InFlight> lost;
    {
        const std::lock_guard lock(mutex_);
        failure_ = error;
        for (Timeline& timeline : timelines_) {
            lost.insert(lost.end(), timeline.in_flight.begin(), timeline.in_flight.end());
            timeline.in_flight.clear();
        }
    }
    std::sort(lost.begin(), lost.end(), [](const InFlight& a, const InFlight& b) { return a.number < b.number; });
    for (const InFlight& one : lost) one.submission->ended(error);
}

}  // namespace maniple
