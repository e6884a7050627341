#include <algorithm>

#include "kernel/abi.hpp"
#include "lanes/vulkan/handles.hpp"
#include "lanes/vulkan/queues.hpp"

namespace maniple {

namespace {

constexpr std::int64_t small_window_bytes = 64 * 1024;

std::string vendor_name(std::uint32_t id) {
    switch (id) {
        case 0x1002: return "AMD";
        case 0x1010: return "Imagination";
        case 0x106b: return "Apple";
        case 0x10de: return "NVIDIA";
        case 0x13b5: return "Arm";
        case 0x14e4: return "Broadcom";
        case 0x5143: return "Qualcomm";
        case 0x8086: return "Intel";
        case VK_VENDOR_ID_MESA: return "Mesa";
        default: return "vendor " + std::to_string(id);
    }
}

std::string type_name(vk::PhysicalDeviceType type) {
    switch (type) {
        case vk::PhysicalDeviceType::eDiscreteGpu: return "discrete";
        case vk::PhysicalDeviceType::eIntegratedGpu: return "integrated";
        case vk::PhysicalDeviceType::eVirtualGpu: return "virtual";
        case vk::PhysicalDeviceType::eCpu: return "software";
        default: return "other";
    }
}

std::string version_text(std::uint32_t version) {
    return std::to_string(VK_API_VERSION_MAJOR(version)) + "." + std::to_string(VK_API_VERSION_MINOR(version)) + "." +
           std::to_string(VK_API_VERSION_PATCH(version));
}

/// Shared by device and host, coherent, and not behind a bus: on a discrete device such memory is slow to read.
bool is_unified(vk::PhysicalDeviceType type, const vk::PhysicalDeviceMemoryProperties& memory) {
    if (type != vk::PhysicalDeviceType::eIntegratedGpu && type != vk::PhysicalDeviceType::eCpu) return false;
    using Flag = vk::MemoryPropertyFlagBits;
    const vk::MemoryPropertyFlags wanted =
        Flag::eDeviceLocal | Flag::eHostVisible | Flag::eHostCoherent | Flag::eHostCached;
    for (std::uint32_t i = 0; i < memory.memoryTypeCount; ++i) {
        if ((memory.memoryTypes[i].propertyFlags & wanted) == wanted) return true;
    }
    return false;
}

void describe_memory(const vk::raii::PhysicalDevice& device, DeviceDescription& description) {
    const bool budgeted = has_extension(device, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    const auto chain =
        device.getMemoryProperties2<vk::PhysicalDeviceMemoryProperties2, vk::PhysicalDeviceMemoryBudgetPropertiesEXT>();
    const auto& memory = chain.get<vk::PhysicalDeviceMemoryProperties2>().memoryProperties;
    const auto& budget = chain.get<vk::PhysicalDeviceMemoryBudgetPropertiesEXT>();
    for (std::uint32_t i = 0; i < memory.memoryHeapCount; ++i) {
        if (!(memory.memoryHeaps[i].flags & vk::MemoryHeapFlagBits::eDeviceLocal)) continue;
        const auto bytes = static_cast<std::int64_t>(memory.memoryHeaps[i].size);
        if (bytes <= description.memory_bytes) continue;
        description.memory_bytes = bytes;
        if (budgeted) {
            description.available_bytes = std::max<std::int64_t>(
                0, static_cast<std::int64_t>(budget.heapBudget[i]) - static_cast<std::int64_t>(budget.heapUsage[i]));
        }
    }
}

void describe_features(const vk::raii::PhysicalDevice& device, DeviceDescription& description) {
    const auto chain = device.getFeatures2<vk::PhysicalDeviceFeatures2, vk::PhysicalDeviceVulkan11Features,
                                           vk::PhysicalDeviceVulkan12Features>();
    const auto& core = chain.get<vk::PhysicalDeviceFeatures2>().features;
    const auto& features11 = chain.get<vk::PhysicalDeviceVulkan11Features>();
    const auto& features12 = chain.get<vk::PhysicalDeviceVulkan12Features>();
    if (core.shaderFloat64) description.features |= MANIPLE_GPU_F64;
    if (core.shaderInt64) description.features |= MANIPLE_GPU_I64;
    if (features12.storageBuffer8BitAccess) description.features |= MANIPLE_GPU_STORAGE_8;
    if (features11.storageBuffer16BitAccess) description.features |= MANIPLE_GPU_STORAGE_16;
    description.timeline_semaphores = features12.timelineSemaphore;
}

void describe_properties12(const vk::raii::PhysicalDevice& device, DeviceDescription& description) {
    const auto chain = device.getProperties2<vk::PhysicalDeviceProperties2, vk::PhysicalDeviceVulkan11Properties,
                                             vk::PhysicalDeviceVulkan12Properties>();
    const auto& properties12 = chain.get<vk::PhysicalDeviceVulkan12Properties>();
    description.driver = std::string(properties12.driverName.data()) + " " + properties12.driverInfo.data();
    description.keeps_denormals = properties12.shaderDenormPreserveFloat32;
    description.keeps_denormals_f64 = properties12.shaderDenormPreserveFloat64;
    // "32-bit only" lets f32 differ from all others, which is enough for f32 and f64.
    description.separate_denormals =
        properties12.denormBehaviorIndependence != vk::ShaderFloatControlsIndependence::eNone;
    description.max_buffer_bytes =
        static_cast<std::int64_t>(chain.get<vk::PhysicalDeviceVulkan11Properties>().maxMemoryAllocationSize);
}

void judge(const vk::raii::PhysicalDevice& device, const vk::PhysicalDeviceProperties& properties,
           DeviceDescription& description) {
    if (!description.timeline_semaphores) {
        description.reason = "it has no timeline semaphores";
    } else if (compute_family(device) < 0) {
        description.reason = "it has no queue that computes";
    } else if (properties.limits.maxPerStageDescriptorStorageBuffers < MANIPLE_MAX_GPU_TENSORS) {
        description.reason = "a shader of it sees " +
                             std::to_string(properties.limits.maxPerStageDescriptorStorageBuffers) + " buffers, of " +
                             std::to_string(MANIPLE_MAX_GPU_TENSORS) + " that are needed";
    }
    description.usable = description.reason.empty();
}

}  // namespace

int compute_family(const vk::raii::PhysicalDevice& device) {
    const std::vector<vk::QueueFamilyProperties> families = device.getQueueFamilyProperties();
    for (std::size_t i = 0; i < families.size(); ++i) {
        if (families[i].queueCount > 0 && (families[i].queueFlags & vk::QueueFlagBits::eCompute))
            return static_cast<int>(i);
    }
    return -1;
}

bool has_extension(const vk::raii::PhysicalDevice& device, const char* name) {
    const auto extensions = device.enumerateDeviceExtensionProperties();
    return std::any_of(extensions.begin(), extensions.end(), [&](const vk::ExtensionProperties& extension) {
        return std::string_view(extension.extensionName.data()) == name;
    });
}

std::string vulkan_headers_version() { return version_text(VK_HEADER_VERSION_COMPLETE); }

DeviceDescription describe(const vk::raii::PhysicalDevice& device, int number, const Pretend& pretend) {
    const vk::PhysicalDeviceProperties properties = device.getProperties();
    DeviceDescription description;
    description.number = number;
    description.name = properties.deviceName.data();
    description.vendor = vendor_name(properties.vendorID);
    description.type = type_name(properties.deviceType);
    description.api_version = version_text(properties.apiVersion);
    description.software = properties.deviceType == vk::PhysicalDeviceType::eCpu;
    if (properties.apiVersion < VK_API_VERSION_1_2) {
        description.reason = "it has Vulkan " + description.api_version + ", and 1.2 is needed";
        return description;
    }
    description.unified = !pretend.not_unified && is_unified(properties.deviceType, device.getMemoryProperties());
    description.max_window_bytes = properties.limits.maxStorageBufferRange;
    if (pretend.small_windows)
        description.max_window_bytes = std::min(description.max_window_bytes, small_window_bytes);
    for (std::size_t i = 0; i < 3; ++i) description.max_groups[i] = properties.limits.maxComputeWorkGroupCount[i];
    describe_memory(device, description);
    describe_features(device, description);
    describe_properties12(device, description);
    judge(device, properties, description);
    if (description.usable && !description.unified) {  // else nothing is copied
        const auto kernels = static_cast<std::uint32_t>(compute_family(device));
        description.queues = queues_text(choose_queues(device.getQueueFamilyProperties(), kernels, pretend));
    }
    return description;
}

}  // namespace maniple
