// lanes/vulkan/device_rates.hpp: how fast a gpu is, measured.
#pragma once

#include "cluster/rates.hpp"
#include "lanes/vulkan/instance.hpp"

namespace maniple {

struct MeasuredDevice {
    LaneRates lane;         ///< f32 multiply-adds, and a triad in its own memory
    double copy_bytes = 0;  ///< from memory that the host sees to its own, in a nanosecond
    double chunk_ns = 0;    ///< a submission that does nothing, until its end is seen
};

/// Opens the device; blocks for about a second. The best of several rounds counts, of submissions the median.
/// Errors: as VulkanDevice; DeviceError where it does not end within ten seconds what takes it tenths of one.
MeasuredDevice measure_device(VulkanInstance& instance, int device);

}  // namespace maniple
