// Timelines: who waits for which value, and what the audit finds.
#include "lanes/vulkan/waiter.hpp"

#include <gtest/gtest.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "vulkan_devices.hpp"

namespace maniple {
namespace {

/// Of one part that does nothing.
class Empty final : public Submission {
public:
    explicit Empty(VulkanDevice& device)
        : pool_(device.device(), vk::CommandPoolCreateInfo({}, device.family())),
          buffers_(device.device(), {*pool_, vk::CommandBufferLevel::ePrimary, 1}) {
        buffers_[0].begin(vk::CommandBufferBeginInfo{});
        buffers_[0].end();
        part[0].commands = *buffers_[0];
    }

    void ended(std::exception_ptr error) override {
        const std::lock_guard lock(mutex_);
        failed_ = error != nullptr;
        has_ended_ = true;
        changed_.notify_all();
    }

    /// Whether it succeeded.
    bool wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return has_ended_; });
        has_ended_ = false;
        return !failed_;
    }

    bool run(Waiter& waiter, std::uint64_t execution) {
        waiter.submit(part, execution, *this);
        return wait();
    }

    std::array<QueuedPart, 1> part;

private:
    vk::raii::CommandPool pool_;
    vk::raii::CommandBuffers buffers_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool has_ended_ = false;
    bool failed_ = false;
};

struct OneDevice {
    OneDevice() : device(instance_for(""), 0), waiter(device, false), first(device), second(device) {
        second.part[0].after = {&first.part[0]};
        waiter.audit();
    }

    VulkanDevice device;
    Waiter waiter;
    Empty first, second;
};

TEST(Waiter, ValuesGrowFromOneExecutionToTheNext) {
    MANIPLE_NEED_DEVICE(instance_for(""));
    OneDevice on;
    std::uint64_t before = 0;
    for (std::uint64_t execution = 1; execution <= 100; ++execution) {
        on.waiter.submit(on.first.part, execution, on.first);
        EXPECT_TRUE(on.second.run(on.waiter, execution));
        EXPECT_TRUE(on.first.wait());
        EXPECT_GT(on.first.part[0].value, before);
        EXPECT_GT(on.second.part[0].value, on.first.part[0].value);
        before = on.second.part[0].value;
    }
}

TEST(Waiter, WhatWaitsForWhatCouldNotBeSubmittedIsGivenUp) {
    MANIPLE_NEED_DEVICE(instance_for(""));
    OneDevice on;
    EXPECT_TRUE(on.first.run(on.waiter, 1));
    on.first.part[0].value = 0;
    EXPECT_FALSE(on.second.run(on.waiter, 1));
}

TEST(WaiterDeathTest, AValueOfTheExecutionBeforeIsNotWaitedFor) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    MANIPLE_NEED_DEVICE(instance_for(""));
    const auto wait_for_the_one_before = [] {
        OneDevice on;
        on.first.run(on.waiter, 1);
        on.second.run(on.waiter, 2);
    };
    EXPECT_DEATH(wait_for_the_one_before(), "of execution 2 waits for a value of execution 1");
}

TEST(WaiterDeathTest, AValueOfAnotherDeviceIsNotWaitedFor) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    MANIPLE_NEED_DEVICE(instance_for(""));
    const auto wait_for_another = [] {
        OneDevice on, other;
        on.second.part[0].after = {&other.first.part[0]};
        other.first.run(other.waiter, 1);
        on.first.run(on.waiter, 1);
        on.second.run(on.waiter, 1);
    };
    EXPECT_DEATH(wait_for_another(), "another device's timeline");
}

TEST(WaiterDeathTest, WhatWasNeverSubmittedIsNotWaitedFor) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    MANIPLE_NEED_DEVICE(instance_for(""));
    const auto wait_for_nothing = [] {
        OneDevice on;
        on.second.run(on.waiter, 1);
    };
    EXPECT_DEATH(wait_for_nothing(), "another device's timeline");
}

// --- A driver that does not keep its promises ------------------------------------------------------------------------

/// Stand for the driver's functions.
std::uint64_t counter_value = 0;

VkResult planted_counter(VkDevice, VkSemaphore, std::uint64_t* value) {
    *value = counter_value;
    return VK_SUCCESS;
}

VkResult refused_submit(VkQueue, std::uint32_t, const VkSubmitInfo*, VkFence) { return VK_ERROR_OUT_OF_HOST_MEMORY; }

/// The table of functions of a device of ours; not while anything is in flight.
vk::raii::DeviceDispatcher& functions_of(const VulkanDevice& device) {
    return const_cast<vk::raii::DeviceDispatcher&>(*device.device().getDispatcher());
}

TEST(WaiterDeathTest, ATimelineThatFallsOrIsAheadIsFound) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    MANIPLE_NEED_DEVICE(instance_for(""));
    const auto say = [](std::uint64_t planted) {
        OneDevice on;
        for (std::uint64_t execution = 1; execution <= 3; ++execution) on.first.run(on.waiter, execution);
        functions_of(on.device).vkGetSemaphoreCounterValue = planted_counter;
        counter_value = planted;
        on.first.run(on.waiter, 4);
    };
    EXPECT_DEATH(say(2), "a timeline is 2 after 3");
    EXPECT_DEATH(say(4), "a timeline is to be 4 after 3, and is 4");
}

TEST(Waiter, ASubmissionThatTheDriverRefusesLeavesItsValueToTheNext) {
    MANIPLE_NEED_DEVICE(instance_for(""));
    OneDevice on;
    EXPECT_TRUE(on.first.run(on.waiter, 1));
    PFN_vkQueueSubmit& submit = functions_of(on.device).vkQueueSubmit;
    const PFN_vkQueueSubmit of_the_driver = std::exchange(submit, refused_submit);
    EXPECT_FALSE(on.first.run(on.waiter, 2));
    EXPECT_FALSE(on.second.run(on.waiter, 2));
    submit = of_the_driver;
    EXPECT_TRUE(on.first.run(on.waiter, 3));
    EXPECT_EQ(on.first.part[0].value, 2U);
}

// --- The audit alone -------------------------------------------------------------------------------------------------

TEST(TimelineAuditDeathTest, ValuesThatDoNotGrowAreFound) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    const auto signal = [](std::uint64_t first, std::uint64_t second, std::uint64_t reached) {
        TimelineAudit audit;
        audit.signals(QueueUse::kernels, first, 0);
        audit.signals(QueueUse::uploads, 1, 0);
        audit.signals(QueueUse::kernels, second, reached);
    };
    signal(3, 4, 3);
    EXPECT_DEATH(signal(3, 3, 2), "to be 3 after 3");
    EXPECT_DEATH(signal(3, 2, 0), "to be 2 after 3");
    EXPECT_DEATH(signal(3, 4, 4), "and is 4");
}

TEST(TimelineAuditDeathTest, ADeviceThatGoesBackOrAheadIsFound) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    const auto reach = [](std::uint64_t first, std::uint64_t second) {
        TimelineAudit audit;
        audit.signals(QueueUse::kernels, 5, 0);
        audit.has_reached(QueueUse::kernels, first);
        audit.has_reached(QueueUse::kernels, second);
    };
    reach(4, 5);
    EXPECT_DEATH(reach(4, 3), "is 3 after 4");
    EXPECT_DEATH(reach(4, 6), "was to be 5 at most");
}

}  // namespace
}  // namespace maniple
