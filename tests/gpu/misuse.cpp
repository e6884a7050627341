// misuse core|threads|shader|none: uses Vulkan wrongly in one way, for a validation layer to report; or rightly.
#include <vulkan/vulkan_raii.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::uint32_t shader_words[] = {
#include "misuse.inc"
};

struct Vulkan {
    vk::raii::Context context;
    vk::raii::Instance instance;
    vk::raii::PhysicalDevice physical;
    vk::raii::Device device;
    vk::raii::Queue queue;
    vk::raii::CommandPool pool;

    Vulkan()
        : instance(make_instance(context)), physical(vk::raii::PhysicalDevices(instance).front()),
          device(make_device(physical)), queue(device, 0, 0), pool(device, vk::CommandPoolCreateInfo({}, 0)) {}

    static vk::raii::Instance make_instance(vk::raii::Context& context) {
        const vk::ApplicationInfo application("misuse", 1, nullptr, 0, VK_API_VERSION_1_2);
        return {context, vk::InstanceCreateInfo({}, &application)};
    }
    static vk::raii::Device make_device(const vk::raii::PhysicalDevice& physical) {
        const float priority = 1;
        const vk::DeviceQueueCreateInfo queues({}, 0, 1, &priority);
        vk::PhysicalDeviceFeatures features;
        features.fragmentStoresAndAtomics = features.vertexPipelineStoresAndAtomics = true;  // as the layer asks for
        return {physical, vk::DeviceCreateInfo({}, queues, {}, {}, &features)};
    }

    vk::raii::CommandBuffer begin() {
        vk::raii::CommandBuffers buffers(device, {*pool, vk::CommandBufferLevel::ePrimary, 1});
        buffers[0].begin(vk::CommandBufferBeginInfo{});
        return std::move(buffers[0]);
    }
    void run(const vk::raii::CommandBuffer& commands) {
        commands.end();
        const vk::CommandBuffer handle = *commands;
        queue.submit(vk::SubmitInfo({}, {}, handle));
        queue.waitIdle();
    }
};

struct Storage {
    vk::raii::Buffer buffer;
    vk::raii::DeviceMemory memory;

    Storage(const Vulkan& vulkan, std::uint64_t bytes)
        : buffer(vulkan.device,
                 vk::BufferCreateInfo({}, bytes,
                                      vk::BufferUsageFlagBits::eStorageBuffer | vk::BufferUsageFlagBits::eTransferSrc |
                                          vk::BufferUsageFlagBits::eTransferDst)),
          memory(vulkan.device, vk::MemoryAllocateInfo(buffer.getMemoryRequirements().size, 0)) {
        buffer.bindMemory(*memory, 0);
    }
};

/// A copy that leaves its buffer.
void copy(Vulkan& vulkan, std::uint64_t offset) {
    const Storage from(vulkan, 1024), to(vulkan, 1024);
    const vk::raii::CommandBuffer commands = vulkan.begin();
    commands.copyBuffer(*from.buffer, *to.buffer, vk::BufferCopy(offset, 0, 512));
    if (offset + 512 <= 1024) vulkan.run(commands);  // the driver need not survive the other
}

/// Threads that share a queue, each with its turn or all at once.
void submit_from_two_threads(Vulkan& vulkan) {
    const auto work = [&] {
        for (int i = 0; i < 20000; ++i) vulkan.queue.submit(vk::SubmitInfo{});
    };
    std::thread other(work);
    work();
    other.join();
    vulkan.queue.waitIdle();
}

/// A shader that reads element `at` of 16.
void dispatch(Vulkan& vulkan, std::uint32_t at) {
    const vk::raii::Device& device = vulkan.device;
    const Storage data(vulkan, 64);
    const vk::DescriptorSetLayoutBinding binding(0, vk::DescriptorType::eStorageBuffer, 1,
                                                 vk::ShaderStageFlagBits::eCompute);
    const vk::raii::DescriptorSetLayout set_layout(device, vk::DescriptorSetLayoutCreateInfo({}, binding));
    const vk::PushConstantRange range(vk::ShaderStageFlagBits::eCompute, 0, 4);
    const vk::raii::PipelineLayout layout(device, vk::PipelineLayoutCreateInfo({}, *set_layout, range));
    const vk::raii::ShaderModule module(device, vk::ShaderModuleCreateInfo({}, sizeof shader_words, shader_words));
    const vk::PipelineShaderStageCreateInfo stage({}, vk::ShaderStageFlagBits::eCompute, *module, "main");
    const vk::raii::Pipeline pipeline(device, nullptr, vk::ComputePipelineCreateInfo({}, stage, *layout));
    const vk::DescriptorPoolSize size(vk::DescriptorType::eStorageBuffer, 1);
    const vk::raii::DescriptorPool pool(
        device, vk::DescriptorPoolCreateInfo(vk::DescriptorPoolCreateFlagBits::eFreeDescriptorSet, 1, size));
    const vk::raii::DescriptorSets sets(device, vk::DescriptorSetAllocateInfo(*pool, *set_layout));
    const vk::DescriptorBufferInfo window(*data.buffer, 0, 64);
    device.updateDescriptorSets(vk::WriteDescriptorSet(*sets[0], 0, 0, vk::DescriptorType::eStorageBuffer, {}, window),
                                {});
    const vk::raii::CommandBuffer commands = vulkan.begin();
    commands.bindPipeline(vk::PipelineBindPoint::eCompute, *pipeline);
    commands.bindDescriptorSets(vk::PipelineBindPoint::eCompute, *layout, 0, *sets[0], {});
    commands.pushConstants<std::uint32_t>(*layout, vk::ShaderStageFlagBits::eCompute, 0, at);
    commands.dispatch(1, 1, 1);
    vulkan.run(commands);
}

}  // namespace

int main(int count, char** words) {
    try {
        const std::string kind = count > 1 ? words[1] : "none";
        Vulkan vulkan;
        copy(vulkan, kind == "core" ? 4096 : 256);
        dispatch(vulkan, kind == "shader" ? 100 : 3);
        if (kind == "threads") submit_from_two_threads(vulkan);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "misuse: %s\n", error.what());
        return 1;
    }
    return 0;
}
