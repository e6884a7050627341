#include "gpu.hpp"

#include <vulkan/vulkan.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

namespace maniple::testing {

namespace {

constexpr VkDeviceSize memory_bytes = 64u << 20;

void check(VkResult result, const char* what) {
    if (result != VK_SUCCESS) throw std::runtime_error(std::string(what) + ": " + std::to_string(result));
}

/// Structures of Vulkan begin with their type and zeros.
template <class T>
T structure(VkStructureType type) {
    T result{};
    result.sType = type;
    return result;
}

struct Features {
    VkPhysicalDeviceFeatures2 core = structure<VkPhysicalDeviceFeatures2>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2);
    VkPhysicalDevice16BitStorageFeatures words =
        structure<VkPhysicalDevice16BitStorageFeatures>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES);
    VkPhysicalDevice8BitStorageFeatures bytes =
        structure<VkPhysicalDevice8BitStorageFeatures>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES);

    explicit Features(VkPhysicalDevice device) {
        core.pNext = &words;
        words.pNext = &bytes;
        vkGetPhysicalDeviceFeatures2(device, &core);
    }
    bool enough() const {
        return core.features.shaderFloat64 && core.features.shaderInt64 && words.storageBuffer16BitAccess &&
               bytes.storageBuffer8BitAccess;
    }
    void only_needed() {
        core.features = {};
        core.features.shaderFloat64 = core.features.shaderInt64 = core.features.robustBufferAccess = VK_TRUE;
        words.uniformAndStorageBuffer16BitAccess = words.storagePushConstant16 = words.storageInputOutput16 = VK_FALSE;
        bytes.uniformAndStorageBuffer8BitAccess = bytes.storagePushConstant8 = VK_FALSE;
    }
};

}  // namespace

struct Gpu::Handles {
    VkInstance instance = VK_NULL_HANDLE;
    VkPhysicalDevice physical = VK_NULL_HANDLE;
    VkDevice device = VK_NULL_HANDLE;
    std::uint32_t family = 0;
    VkQueue queue = VK_NULL_HANDLE;
    VkBuffer buffer = VK_NULL_HANDLE;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    std::byte* bytes = nullptr;
    VkDeviceSize alignment = 256;
    VkDescriptorSetLayout set_layout = VK_NULL_HANDLE;
    VkPipelineLayout layout = VK_NULL_HANDLE;
    VkDescriptorPool descriptors = VK_NULL_HANDLE;
    VkDescriptorSet set = VK_NULL_HANDLE;
    VkCommandPool commands = VK_NULL_HANDLE;
    VkCommandBuffer command = VK_NULL_HANDLE;
    std::map<const std::uint32_t*, VkPipeline> pipelines;

    ~Handles() {
        if (device != VK_NULL_HANDLE) {
            for (const auto& [words, pipeline] : pipelines) vkDestroyPipeline(device, pipeline, nullptr);
            vkDestroyCommandPool(device, commands, nullptr);
            vkDestroyDescriptorPool(device, descriptors, nullptr);
            vkDestroyPipelineLayout(device, layout, nullptr);
            vkDestroyDescriptorSetLayout(device, set_layout, nullptr);
            vkDestroyBuffer(device, buffer, nullptr);
            vkFreeMemory(device, memory, nullptr);
            vkDestroyDevice(device, nullptr);
        }
        if (instance != VK_NULL_HANDLE) vkDestroyInstance(instance, nullptr);
    }

    bool find_device() {
        auto application = structure<VkApplicationInfo>(VK_STRUCTURE_TYPE_APPLICATION_INFO);
        application.apiVersion = VK_API_VERSION_1_2;
        auto info = structure<VkInstanceCreateInfo>(VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO);
        info.pApplicationInfo = &application;
        if (vkCreateInstance(&info, nullptr, &instance) != VK_SUCCESS) return false;
        std::uint32_t count = 0;
        vkEnumeratePhysicalDevices(instance, &count, nullptr);
        std::vector<VkPhysicalDevice> devices(count);
        vkEnumeratePhysicalDevices(instance, &count, devices.data());
        for (const VkPhysicalDevice candidate : devices) {
            if (!Features(candidate).enough() || !find_family(candidate)) continue;
            physical = candidate;
            return true;
        }
        return false;
    }

    bool find_family(VkPhysicalDevice candidate) {
        std::uint32_t count = 0;
        vkGetPhysicalDeviceQueueFamilyProperties(candidate, &count, nullptr);
        std::vector<VkQueueFamilyProperties> families(count);
        vkGetPhysicalDeviceQueueFamilyProperties(candidate, &count, families.data());
        for (family = 0; family < count; ++family) {
            if (families[family].queueFlags & VK_QUEUE_COMPUTE_BIT) return true;
        }
        return false;
    }

    void open() {
        const float priority = 1;
        auto queues = structure<VkDeviceQueueCreateInfo>(VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO);
        queues.queueFamilyIndex = family;
        queues.queueCount = 1;
        queues.pQueuePriorities = &priority;
        Features features(physical);
        features.only_needed();
        auto info = structure<VkDeviceCreateInfo>(VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO);
        info.pNext = &features.core;
        info.queueCreateInfoCount = 1;
        info.pQueueCreateInfos = &queues;
        check(vkCreateDevice(physical, &info, nullptr, &device), "vkCreateDevice");
        vkGetDeviceQueue(device, family, 0, &queue);
        make_memory();
        make_layout();
        make_command();
    }

    void make_memory() {
        auto info = structure<VkBufferCreateInfo>(VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO);
        info.size = memory_bytes;
        info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT;
        check(vkCreateBuffer(device, &info, nullptr, &buffer), "vkCreateBuffer");
        VkMemoryRequirements needs;
        vkGetBufferMemoryRequirements(device, buffer, &needs);
        VkPhysicalDeviceMemoryProperties properties;
        vkGetPhysicalDeviceMemoryProperties(physical, &properties);
        const VkMemoryPropertyFlags wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
        auto allocation = structure<VkMemoryAllocateInfo>(VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO);
        allocation.allocationSize = needs.size;
        for (std::uint32_t i = 0; i < properties.memoryTypeCount; ++i) {
            const bool fits = (properties.memoryTypes[i].propertyFlags & wanted) == wanted;
            if (fits && (needs.memoryTypeBits >> i & 1u)) allocation.memoryTypeIndex = i;
        }
        check(vkAllocateMemory(device, &allocation, nullptr, &memory), "vkAllocateMemory");
        check(vkBindBufferMemory(device, buffer, memory, 0), "vkBindBufferMemory");
        void* mapped = nullptr;
        check(vkMapMemory(device, memory, 0, VK_WHOLE_SIZE, 0, &mapped), "vkMapMemory");
        bytes = static_cast<std::byte*>(mapped);
    }

    void make_layout() {
        std::vector<VkDescriptorSetLayoutBinding> bindings(1 + MANIPLE_MAX_GPU_TENSORS);
        for (std::uint32_t i = 0; i < bindings.size(); ++i) {
            bindings[i] = {i, i == 0 ? VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                           VK_SHADER_STAGE_COMPUTE_BIT, nullptr};
        }
        auto sets = structure<VkDescriptorSetLayoutCreateInfo>(VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO);
        sets.bindingCount = static_cast<std::uint32_t>(bindings.size());
        sets.pBindings = bindings.data();
        check(vkCreateDescriptorSetLayout(device, &sets, nullptr, &set_layout), "vkCreateDescriptorSetLayout");
        auto info = structure<VkPipelineLayoutCreateInfo>(VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO);
        info.setLayoutCount = 1;
        info.pSetLayouts = &set_layout;
        check(vkCreatePipelineLayout(device, &info, nullptr, &layout), "vkCreatePipelineLayout");
        const VkDescriptorPoolSize sizes[] = {{VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, 1},
                                              {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, MANIPLE_MAX_GPU_TENSORS}};
        auto pool = structure<VkDescriptorPoolCreateInfo>(VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO);
        pool.maxSets = 1;
        pool.poolSizeCount = 2;
        pool.pPoolSizes = sizes;
        check(vkCreateDescriptorPool(device, &pool, nullptr, &descriptors), "vkCreateDescriptorPool");
        auto allocation = structure<VkDescriptorSetAllocateInfo>(VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO);
        allocation.descriptorPool = descriptors;
        allocation.descriptorSetCount = 1;
        allocation.pSetLayouts = &set_layout;
        check(vkAllocateDescriptorSets(device, &allocation, &set), "vkAllocateDescriptorSets");
    }

    void make_command() {
        auto pool = structure<VkCommandPoolCreateInfo>(VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO);
        pool.queueFamilyIndex = family;
        pool.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
        check(vkCreateCommandPool(device, &pool, nullptr, &commands), "vkCreateCommandPool");
        auto allocation = structure<VkCommandBufferAllocateInfo>(VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO);
        allocation.commandPool = commands;
        allocation.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
        allocation.commandBufferCount = 1;
        check(vkAllocateCommandBuffers(device, &allocation, &command), "vkAllocateCommandBuffers");
    }

    VkPipeline pipeline(const maniple_shader& shader) {
        VkPipeline& result = pipelines[shader.words];
        if (result != VK_NULL_HANDLE) return result;
        auto code = structure<VkShaderModuleCreateInfo>(VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO);
        code.codeSize = static_cast<std::size_t>(shader.count) * 4;
        code.pCode = shader.words;
        VkShaderModule module = VK_NULL_HANDLE;
        check(vkCreateShaderModule(device, &code, nullptr, &module), "vkCreateShaderModule");
        auto info = structure<VkComputePipelineCreateInfo>(VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO);
        info.stage = structure<VkPipelineShaderStageCreateInfo>(VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO);
        info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
        info.stage.module = module;
        info.stage.pName = "main";
        info.layout = layout;
        check(vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &info, nullptr, &result), "vkCreateComputePipelines");
        vkDestroyShaderModule(device, module, nullptr);
        return result;
    }

    /// Binds `sizes[i]` bytes to binding i, one behind the other; returns where each begins.
    std::vector<VkDeviceSize> bind(const std::vector<VkDeviceSize>& sizes) {
        std::vector<VkDeviceSize> places;
        std::vector<VkDescriptorBufferInfo> windows(sizes.size());
        std::vector<VkWriteDescriptorSet> writes;
        VkDeviceSize place = 0;
        for (std::uint32_t i = 0; i < sizes.size(); ++i) {
            places.push_back(place);
            windows[i] = {buffer, place, sizes[i]};
            auto write = structure<VkWriteDescriptorSet>(VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET);
            write.dstSet = set;
            write.dstBinding = i;
            write.descriptorCount = 1;
            write.descriptorType = i == 0 ? VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
            write.pBufferInfo = &windows[i];
            writes.push_back(write);
            place += (sizes[i] + alignment - 1) / alignment * alignment;
        }
        if (place > memory_bytes) throw std::runtime_error("the tensors of this test are too large");
        vkUpdateDescriptorSets(device, static_cast<std::uint32_t>(writes.size()), writes.data(), 0, nullptr);
        return places;
    }

    void dispatch(VkPipeline pipeline, std::uint32_t x, std::uint32_t y) {
        auto begin = structure<VkCommandBufferBeginInfo>(VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO);
        begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
        check(vkBeginCommandBuffer(command, &begin), "vkBeginCommandBuffer");
        vkCmdBindPipeline(command, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
        vkCmdBindDescriptorSets(command, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, nullptr);
        vkCmdDispatch(command, x, y, 1);
        auto barrier = structure<VkMemoryBarrier>(VK_STRUCTURE_TYPE_MEMORY_BARRIER);
        barrier.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT;
        barrier.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
        vkCmdPipelineBarrier(command, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier,
                             0, nullptr, 0, nullptr);
        check(vkEndCommandBuffer(command), "vkEndCommandBuffer");
        auto submit = structure<VkSubmitInfo>(VK_STRUCTURE_TYPE_SUBMIT_INFO);
        submit.commandBufferCount = 1;
        submit.pCommandBuffers = &command;
        check(vkQueueSubmit(queue, 1, &submit, VK_NULL_HANDLE), "vkQueueSubmit");
        check(vkQueueWaitIdle(queue), "vkQueueWaitIdle");
    }
};

Gpu::Gpu(std::unique_ptr<Handles> handles) : handles_(std::move(handles)) {}
Gpu::~Gpu() = default;

Gpu* Gpu::get() {
    static const std::unique_ptr<Gpu> gpu = []() -> std::unique_ptr<Gpu> {
        auto handles = std::make_unique<Handles>();
        if (!handles->find_device()) return nullptr;
        handles->open();
        return std::unique_ptr<Gpu>(new Gpu(std::move(handles)));
    }();
    return gpu.get();
}

std::string Gpu::name() const {
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(handles_->physical, &properties);
    return properties.deviceName;
}

void Gpu::run(const maniple_shader& shader, const maniple_gpu_call& call, std::uint32_t groups_x,
              const std::vector<std::span<std::byte>>& tensors) {
    if (call.points == 0) return;
    std::vector<VkDeviceSize> sizes = {sizeof call};
    for (const std::span<std::byte> tensor : tensors) sizes.push_back(tensor.size());
    const std::vector<VkDeviceSize> places = handles_->bind(sizes);
    std::memcpy(handles_->bytes, &call, sizeof call);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        std::memcpy(handles_->bytes + places[i + 1], tensors[i].data(), tensors[i].size());
    }
    const std::uint32_t groups = (call.points + 63) / 64;
    const std::uint32_t x = std::min(groups, groups_x);
    handles_->dispatch(handles_->pipeline(shader), x, (groups + x - 1) / x);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        std::memcpy(tensors[i].data(), handles_->bytes + places[i + 1], tensors[i].size());
    }
}

}  // namespace maniple::testing
