// lanes/vulkan/handles.hpp: Vulkan's own types. Included by the .cpp files of this folder alone: it compiles slowly.
#pragma once

#include <vulkan/vulkan_raii.hpp>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "lanes/vulkan/instance.hpp"

namespace maniple {

/// Complaints of the validation layer. Written by any thread that calls Vulkan.
struct ValidationLog {
    std::mutex mutex;
    std::vector<std::string> messages;
};

/// In the order of destruction, last first. Absent where there is no loader or no driver.
struct VulkanInstance::Handles {
    ValidationLog log;
    std::unique_ptr<vk::raii::Context> context;
    std::unique_ptr<vk::raii::Instance> instance;
    std::unique_ptr<vk::raii::DebugUtilsMessengerEXT> messenger;
    std::vector<vk::raii::PhysicalDevice> devices;
    std::atomic<bool> hung{false};  ///< a device still uses what it was given: nothing of it may be destroyed
};

/// What the driver says, as the switches of `pretend` let it look.
DeviceDescription describe(const vk::raii::PhysicalDevice& device, int number, const Pretend& pretend);

/// The first queue family that computes, or -1.
int compute_family(const vk::raii::PhysicalDevice& device);

bool has_extension(const vk::raii::PhysicalDevice& device, const char* name);

}  // namespace maniple
