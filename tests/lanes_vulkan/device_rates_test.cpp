#include "lanes/vulkan/device_rates.hpp"

#include "vulkan_devices.hpp"

namespace maniple {
namespace {

TEST(DeviceRates, AreThoseOfSomethingThatComputes) {
    for (const char* const pretend : {"", "small-windows"}) {
        VulkanInstance& instance = instance_for(pretend);
        MANIPLE_NEED_DEVICE(instance);
        const MeasuredDevice measured = measure_device(instance, 0);
        EXPECT_GT(measured.lane.flops, 0.05);
        EXPECT_LT(measured.lane.flops, 1e6);
        EXPECT_GT(measured.lane.bytes, 0.01);
        EXPECT_LT(measured.lane.bytes, 1e5);
        EXPECT_GT(measured.copy_bytes, 0.01);
        EXPECT_LT(measured.copy_bytes, 1e5);
        EXPECT_GT(measured.chunk_ns, 100);
    }
}

}  // namespace
}  // namespace maniple
