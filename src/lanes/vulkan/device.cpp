#include "lanes/vulkan/device.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "kernel/abi.hpp"

namespace maniple {

namespace {

/// What takes about as long to move over a bus as a further submission takes, 10 to 30 µs.
constexpr std::int64_t least_apart_bytes = 256 * 1024;

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

QueueChoice chosen_queues(const VulkanInstance& instance, const vk::raii::PhysicalDevice& physical, CopyQueues copies) {
    const auto kernels = static_cast<std::uint32_t>(compute_family(physical));
    if (copies == CopyQueues::none) return {{kernels, 0, true}, {}, {}};
    return choose_queues(physical.getQueueFamilyProperties(), kernels, instance.options().pretend);
}

/// The place of every use that has a queue of its own, the kernels' first.
std::vector<QueuePlace> places_of(const QueueChoice& choice) {
    std::vector<QueuePlace> places{choice.kernels};
    if (choice.uploads) places.push_back(*choice.uploads);
    if (choice.downloads) places.push_back(*choice.downloads);
    return places;
}

/// Each once.
std::vector<std::uint32_t> families_of(const QueueChoice& choice) {
    std::vector<std::uint32_t> families;
    for (const QueuePlace& place : places_of(choice)) families.push_back(place.family);
    std::sort(families.begin(), families.end());
    families.erase(std::unique(families.begin(), families.end()), families.end());
    return families;
}

constexpr std::array<float, 1 + queue_uses> priorities = {1, 1, 1, 1};

/// As many queues of each family as the places need.
std::vector<vk::DeviceQueueCreateInfo> queue_infos(const QueueChoice& choice) {
    std::vector<vk::DeviceQueueCreateInfo> infos;
    for (const std::uint32_t family : families_of(choice)) {
        std::uint32_t count = 1;
        for (const QueuePlace& place : places_of(choice)) {
            if (place.family == family) count = std::max(count, place.number + 1);
        }
        infos.push_back(vk::DeviceQueueCreateInfo({}, family, count, priorities.data()));
    }
    return infos;
}

bool has_host_query_reset(const vk::raii::PhysicalDevice& physical) {
    const auto chain = physical.getFeatures2<vk::PhysicalDeviceFeatures2, vk::PhysicalDeviceVulkan12Features>();
    return chain.get<vk::PhysicalDeviceVulkan12Features>().hostQueryReset;
}

vk::raii::Device open(const vk::raii::PhysicalDevice& physical, const QueueChoice& choice, bool resets_queries,
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
    features12.hostQueryReset = resets_queries;
    features11.pNext = &features12;
    const std::vector<vk::DeviceQueueCreateInfo> queues = queue_infos(choice);
    std::vector<const char*> extensions;
    if (has_extension(physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME))
        extensions.push_back(VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    vk::DeviceCreateInfo info;
    info.setQueueCreateInfos(queues).setPEnabledExtensionNames(extensions).setPEnabledFeatures(&core);
    info.setPNext(&features11);
    return with_translated_errors("device " + description.name, [&] { return vk::raii::Device(physical, info); });
}

}  // namespace

VulkanDevice::VulkanDevice(VulkanInstance& instance, int number, CopyQueues copies)
    : description_(usable_device(instance, number)),
      physical_(instance.handles().devices[static_cast<std::size_t>(number)]),
      choice_(chosen_queues(instance, physical_, copies)), resets_queries_(has_host_query_reset(physical_)),
      device_(open(physical_, choice_, resets_queries_, description_)),
      memory_(physical_, device_, families_of(choice_)) {
    open_queues();
    set_limits();
    // So that tests see the ways of copies although theirs are small.
    limits_.least_apart_bytes = instance.options().pretend.queues > 0 ? 0 : least_apart_bytes;
}

void VulkanDevice::open_queues() {
    const std::vector<vk::QueueFamilyProperties> families = physical_.getQueueFamilyProperties();
    const auto open_queue = [&](QueueUse use, const std::optional<QueuePlace>& place) {
        if (!place) return;
        const std::uint32_t bits = families[place->family].timestampValidBits;
        const std::uint64_t mask = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
        queues_[static_cast<std::size_t>(use)] = {*place, {device_, place->family, place->number}, mask};
    };
    open_queue(QueueUse::kernels, choice_.kernels);
    open_queue(QueueUse::uploads, choice_.uploads);
    open_queue(QueueUse::downloads, choice_.downloads);
}

void VulkanDevice::set_limits() {
    const vk::PhysicalDeviceLimits device_limits = physical_.getProperties().limits;
    limits_.max_window_bytes = description_.max_window_bytes;
    limits_.window_alignment = static_cast<std::int64_t>(device_limits.minStorageBufferOffsetAlignment);
    limits_.max_groups_x = description_.max_groups[0];
    limits_.max_groups_y = description_.max_groups[1];
    limits_.features = description_.features;
    limits_.uploads = {has(QueueUse::uploads), computes(QueueUse::uploads)};
    limits_.downloads = {has(QueueUse::downloads), computes(QueueUse::downloads)};
    uniform_alignment_ = static_cast<std::int64_t>(device_limits.minUniformBufferOffsetAlignment);
    tick_ns_ = static_cast<double>(device_limits.timestampPeriod);
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
