// tests/lanes_vulkan/vulkan_devices.hpp: one Vulkan instance for each way of pretending, all under the validation layer.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "lanes/vulkan/instance.hpp"

namespace maniple {

/// The instance for a list of words as in MANIPLE_VULKAN_PRETEND, made at the first call.
VulkanInstance& instance_for(const std::string& pretend);

/// Skips where there is no device; the validation layer is a must.
#define MANIPLE_NEED_DEVICE(instance) \
    if ((instance).devices().empty() || !(instance).devices()[0].usable) GTEST_SKIP() << (instance).reason()

}  // namespace maniple
