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

Waiter::Waiter(VulkanDevice& device, bool hangs)
    : device_(device), hangs_(hangs), semaphore_(make_timeline(device.device())), thread_([this] { run(); }) {}

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
    in_flight_.reserve(expected_);
}

std::exception_ptr Waiter::refusal() const {
    if (failure_) return failure_;
    if (cancelled_) return std::make_exception_ptr(DeviceError("given up: the run has failed"));
    return nullptr;
}

std::uint64_t Waiter::submit(vk::CommandBuffer commands, Submission& submission, std::uint64_t after) {
    std::exception_ptr error;
    std::uint64_t value = 0;
    {
        const std::lock_guard queue_lock(device_.queue_mutex());
        {
            const std::lock_guard lock(mutex_);
            error = refusal();
        }
        if (!error) {
            value = last_value_ + 1;
            MANIPLE_CHECK(after < value, "a submission that waits for a later one");
            constexpr vk::PipelineStageFlags everything = vk::PipelineStageFlagBits::eAllCommands;
            const vk::Semaphore semaphore = *semaphore_;
            vk::TimelineSemaphoreSubmitInfo values;
            values.setSignalSemaphoreValues(value);
            vk::SubmitInfo info;
            info.setCommandBuffers(commands).setSignalSemaphores(semaphore).setPNext(&values);
            if (after > 0) {
                values.setWaitSemaphoreValues(after);
                info.setWaitSemaphores(semaphore).setWaitDstStageMask(everything);
            }
            try {
                device_.queue().submit(info);
                last_value_ = value;
                const std::lock_guard lock(mutex_);
                in_flight_.push_back({value, &submission});
            } catch (...) { error = translated("submitting to " + device_.description().name); }
        }
    }
    if (error) {
        submission.ended(error);
        return 0;
    }
    wake_.notify_one();
    return value;
}

void Waiter::cancel() {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return;
    cancelled_ = true;
    deadline_ns_ = now_ns() + patience_ns;
}

void Waiter::run() {
    for (;;) {
        std::uint64_t next = 0;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return stop_ || !in_flight_.empty(); });
            if (in_flight_.empty()) return;
            next = in_flight_.front().value;
        }
        wait_for(next);
    }
}

/// One step of waiting, so that a cancelled run is not waited for without end.
void Waiter::wait_for(std::uint64_t value) {
    try {
        const vk::Semaphore semaphore = *semaphore_;
        const vk::SemaphoreWaitInfo info({}, semaphore, value);
        if (hangs_) std::this_thread::sleep_for(std::chrono::nanoseconds(wait_step_ns));
        if (!hangs_ && device_.device().waitSemaphores(info, wait_step_ns) == vk::Result::eSuccess) {
            end_until(semaphore_.getCounterValue());
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

void Waiter::end_until(std::uint64_t value) {
    ended_.clear();
    {
        const std::lock_guard lock(mutex_);
        const auto open = std::find_if(in_flight_.begin(), in_flight_.end(),
                                       [&](const InFlight& submission) { return submission.value > value; });
        ended_.assign(in_flight_.begin(), open);
        in_flight_.erase(in_flight_.begin(), open);
    }
    for (const InFlight& submission : ended_) submission.submission->ended(nullptr);
}

void Waiter::give_up(std::exception_ptr error) {
    std::vector<InFlight> lost;
    {
        const std::lock_guard lock(mutex_);
        failure_ = error;
        lost.swap(in_flight_);
        in_flight_.reserve(expected_);
    }
    for (const InFlight& submission : lost) submission.submission->ended(error);
}

}  // namespace maniple
