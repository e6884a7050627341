#include "lanes/vulkan/device_rates.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "base/error.hpp"
#include "lanes/vulkan/own_shaders.hpp"
#include "lanes/vulkan/pipelines.hpp"
#include "trace/activity.hpp"

namespace maniple {

namespace {

constexpr std::uint32_t group_size = 64;
/// Of the triad: each invocation takes many elements, so that a software device does not count its invocations.
constexpr std::uint32_t triad_groups = 4096;
constexpr std::int64_t most_array_bytes = std::int64_t{128} << 20;  // beyond the caches of this decade
constexpr std::uint32_t chains = 32;                                // of device_rates.comp
constexpr std::uint32_t flops_points = 1 << 16;
constexpr int rounds = 5;
/// A measurement takes so long at least, so that what a submission costs does not matter.
constexpr double long_enough_ns = 2e7;
constexpr std::uint64_t patience_ns = 10'000'000'000;

/// The push constants of device_rates.comp.
struct RatesCall {
    std::uint32_t points = 0;
    std::uint32_t rounds = 0;
};

/// A device and three arrays in its memory.
class Meter {
public:
    Meter(VulkanInstance& instance, int number)
        : device_(instance, number), pipelines_(device_),
          bytes_(std::min(most_array_bytes, device_.limits().max_window_bytes) / 256 * 256),
          host_(device_.memory().allocate(bytes_, BufferUse::staging, "host memory to measure with")),
          pool_(device_.device(), vk::CommandPoolCreateInfo({}, device_.family())),
          fence_(device_.device(), vk::FenceCreateInfo()) {
        for (DeviceBuffer& array : arrays_)
            array = device_.memory().allocate(bytes_, BufferUse::device, "an array to measure with");
        const vk::DescriptorPoolSize tensors(vk::DescriptorType::eStorageBuffer, 4);
        const vk::DescriptorPoolSize calls(vk::DescriptorType::eUniformBuffer, 2);
        const std::array sizes = {tensors, calls};
        sets_ = vk::raii::DescriptorPool(
            device_.device(),
            vk::DescriptorPoolCreateInfo(vk::DescriptorPoolCreateFlagBits::eFreeDescriptorSet, 2, sizes));
        // What memory holds at first may be anything, also numbers that are slow to compute with.
        run([&](const vk::raii::CommandBuffer& commands) {
            for (const DeviceBuffer& array : arrays_) commands.fillBuffer(array.buffer(), 0, VK_WHOLE_SIZE, 0);
        });
    }

    MeasuredDevice measure() {
        MeasuredDevice measured;
        measured.lane = {flops(), triad()};
        measured.copy_bytes = copies();
        measured.chunk_ns = submissions();
        return measured;
    }

private:
    using Record = std::function<void(const vk::raii::CommandBuffer&)>;

    /// From the submission until the host knows of the end.
    double run(const Record& record) {
        const vk::raii::CommandBuffers buffers(device_.device(), {*pool_, vk::CommandBufferLevel::ePrimary, 1});
        buffers[0].begin({vk::CommandBufferUsageFlagBits::eOneTimeSubmit});
        record(buffers[0]);
        buffers[0].end();
        const vk::CommandBuffer commands = *buffers[0];
        vk::SubmitInfo info;
        info.setCommandBuffers(commands);
        const std::int64_t begin = now_ns();
        device_.queue().submit(info, *fence_);
        if (device_.device().waitForFences(*fence_, VK_TRUE, patience_ns) != vk::Result::eSuccess)
            throw DeviceError(device_.description().name + " does not end its work");
        const auto spent_ns = static_cast<double>(now_ns() - begin);
        device_.device().resetFences(*fence_);
        return spent_ns;
    }

    double best(const Record& record) {
        double least = run(record);
        for (int round = 1; round < rounds; ++round) least = std::min(least, run(record));
        return least;
    }

    void dispatch(const vk::raii::CommandBuffer& commands, const PipelineRef& pipeline, vk::DescriptorSet set,
                  const RatesCall& call, std::uint32_t groups) {
        commands.bindPipeline(vk::PipelineBindPoint::eCompute, pipeline.pipeline);
        commands.bindDescriptorSets(vk::PipelineBindPoint::eCompute, pipeline.layout, 0, set, {});
        commands.pushConstants<RatesCall>(pipeline.layout, vk::ShaderStageFlagBits::eCompute, 0, call);
        commands.dispatch(groups, 1, 1);
    }

    /// Binding 0, a kernel's call, is not used by these shaders.
    vk::raii::DescriptorSet bind(const PipelineRef& pipeline, std::size_t tensors) {
        vk::DescriptorSetAllocateInfo wanted(*sets_, pipeline.set_layout);
        vk::raii::DescriptorSet set = std::move(vk::raii::DescriptorSets(device_.device(), wanted)[0]);
        for (std::size_t i = 0; i < tensors; ++i) {
            const vk::DescriptorBufferInfo array(arrays_[i].buffer(), 0, static_cast<vk::DeviceSize>(bytes_));
            const vk::WriteDescriptorSet write(*set, static_cast<std::uint32_t>(i + 1), 0,
                                               vk::DescriptorType::eStorageBuffer, {}, array);
            device_.device().updateDescriptorSets(write, {});
        }
        return set;
    }

    double flops() {
        const PipelineRef pipeline = pipelines_.kernel(multiply_add_shader(), 1, "device_rates");
        const vk::raii::DescriptorSet set = bind(pipeline, 1);
        RatesCall call{flops_points, 16};
        const Record work = [&](const vk::raii::CommandBuffer& commands) {
            dispatch(commands, pipeline, *set, call, flops_points / group_size);
        };
        run(work);  // the driver may compile only now
        while (call.rounds < (1U << 24) && run(work) < long_enough_ns) call.rounds *= 2;
        return 2.0 * chains * call.rounds * flops_points / best(work);
    }

    double triad() {
        const PipelineRef pipeline = pipelines_.kernel(triad_shader(), 3, "device_rates");
        const vk::raii::DescriptorSet set = bind(pipeline, 3);
        const RatesCall call{static_cast<std::uint32_t>(bytes_ / 4), 0};
        int passes = 1;
        const Record work = [&](const vk::raii::CommandBuffer& commands) {
            for (int pass = 0; pass < passes; ++pass) {
                dispatch(commands, pipeline, *set, call, triad_groups);
                const vk::MemoryBarrier barrier(vk::AccessFlagBits::eShaderWrite, vk::AccessFlagBits::eShaderWrite);
                commands.pipelineBarrier(vk::PipelineStageFlagBits::eComputeShader,
                                         vk::PipelineStageFlagBits::eComputeShader, {}, barrier, {}, {});
            }
        };
        run(work);
        while (passes < 1024 && run(work) < long_enough_ns) passes *= 2;
        return 3.0 * static_cast<double>(bytes_) * passes / best(work);
    }

    double copies() {
        const vk::BufferCopy all(0, 0, static_cast<vk::DeviceSize>(bytes_));
        return static_cast<double>(bytes_) / best([&](const vk::raii::CommandBuffer& commands) {
                   commands.copyBuffer(host_.buffer(), arrays_[0].buffer(), all);
               });
    }

    double submissions() {
        std::vector<double> times;
        for (int i = 0; i < 51; ++i) times.push_back(run([](const vk::raii::CommandBuffer&) {}));
        std::nth_element(times.begin(), times.begin() + 25, times.end());
        return times[25];
    }

    VulkanDevice device_;
    PipelineStore pipelines_;
    std::int64_t bytes_;  ///< of each array
    DeviceBuffer host_;
    std::array<DeviceBuffer, 3> arrays_;
    vk::raii::CommandPool pool_;
    vk::raii::Fence fence_;
    vk::raii::DescriptorPool sets_{nullptr};
};

}  // namespace

MeasuredDevice measure_device(VulkanInstance& instance, int device) {
    return with_translated_errors("device " + std::to_string(device),
                                  [&] { return Meter(instance, device).measure(); });
}

}  // namespace maniple
