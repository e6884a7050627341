#include "lanes/vulkan/device.hpp"

#include "base/error.hpp"
#include "kernel/abi.hpp"

namespace maniple {

namespace {

const DeviceDescription& usable_device(const VulkanInstance& instance, int number) {
    const std::vector<DeviceDescription>& devices = instance.devices();
    if (number < 0 || static_cast<std::size_t>(number) >= devices.size()) {
        throw UnavailableError(
            "there is no device " + std::to_string(number) + ": " +
            (devices.empty() ? instance.reason() : "this node has " + std::to_string(devices.size())));
    }
    const DeviceDescription& description = devices[static_cast<std::size_t>(number)];
    if (!description.usable)
        throw UnavailableError("device " + std::to_string(number) + " (" + description.name +
                               ") cannot be used: " + description.reason);
    return description;
}

vk::raii::Device open(const vk::raii::PhysicalDevice& physical, std::uint32_t family,
                      const DeviceDescription& description) {
    vk::PhysicalDeviceFeatures core;
    core.robustBufferAccess = true;
    core.shaderFloat64 = (description.features & MANIPLE_GPU_F64) != 0;
    core.shaderInt64 = (description.features & MANIPLE_GPU_I64) != 0;
    vk::PhysicalDeviceVulkan11Features features11;
    features11.storageBuffer16BitAccess = (description.features & MANIPLE_GPU_STORAGE_16) != 0;
    vk::PhysicalDeviceVulkan12Features features12;
    features12.timelineSemaphore = true;
    features12.storageBuffer8BitAccess = (description.features & MANIPLE_GPU_STORAGE_8) != 0;
    features11.pNext = &features12;
    const float priority = 1;
    const vk::DeviceQueueCreateInfo queue({}, family, 1, &priority);
    std::vector<const char*> extensions;
    if (has_extension(physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME))
        extensions.push_back(VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    vk::DeviceCreateInfo info;
    info.setQueueCreateInfos(queue).setPEnabledExtensionNames(extensions).setPEnabledFeatures(&core);
    info.setPNext(&features11);
    return with_translated_errors("device " + description.name, [&] { return vk::raii::Device(physical, info); });
}

}  // namespace

VulkanDevice::VulkanDevice(VulkanInstance& instance, int number)
    : description_(usable_device(instance, number)),
      physical_(instance.handles().devices[static_cast<std::size_t>(number)]),
      family_(static_cast<std::uint32_t>(compute_family(physical_))), device_(open(physical_, family_, description_)),
      queue_(device_, family_, 0), memory_(physical_, device_) {
    const vk::PhysicalDeviceLimits device_limits = physical_.getProperties().limits;
    limits_.max_window_bytes = description_.max_window_bytes;
    limits_.window_alignment = static_cast<std::int64_t>(device_limits.minStorageBufferOffsetAlignment);
    limits_.max_groups_x = description_.max_groups[0];
    limits_.max_groups_y = description_.max_groups[1];
    limits_.features = description_.features;
    uniform_alignment_ = static_cast<std::int64_t>(device_limits.minUniformBufferOffsetAlignment);
    const std::uint32_t bits = physical_.getQueueFamilyProperties()[family_].timestampValidBits;
    tick_ns_ = bits == 0 ? 0 : static_cast<double>(device_limits.timestampPeriod);
    tick_mask_ = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

std::exception_ptr translated(const std::string& what) {
    try {
        throw;
    } catch (const vk::OutOfDeviceMemoryError&) {
        return std::make_exception_ptr(UnavailableError(what + ": out of device memory"));
    } catch (const vk::OutOfHostMemoryError&) {
        return std::make_exception_ptr(UnavailableError(what + ": out of host memory"));
    } catch (const vk::DeviceLostError&) {
        return std::make_exception_ptr(DeviceError(what + ": the device was lost"));
    } catch (const vk::Error& error) {
        return std::make_exception_ptr(DeviceError(what + ": " + error.what()));
    } catch (...) { return std::current_exception(); }
}

}  // namespace maniple
