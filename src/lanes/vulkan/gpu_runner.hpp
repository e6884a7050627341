// lanes/vulkan/gpu_runner.hpp: kernels on a gpu, for the property test.
#pragma once

#include <memory>

#include "lanes/check/kernel_runner.hpp"
#include "lanes/vulkan/instance.hpp"

namespace maniple {

/// Runs tasks on one device, as the gpu lane runs instructions. Borrows the instance.
/// Errors: as GpuLane.
std::unique_ptr<KernelRunner> gpu_runner(VulkanInstance& instance, int device);

}  // namespace maniple
