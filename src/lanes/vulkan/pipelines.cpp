#include "lanes/vulkan/pipelines.hpp"

#include "lanes/vulkan/module.hpp"
#include "lanes/vulkan/own_shaders.hpp"

namespace maniple {

namespace {

/// "pipelines-10005-0-0011….bin": vendor, device and the driver's own name of its format.
std::string file_name(const vk::raii::PhysicalDevice& physical) {
    const vk::PhysicalDeviceProperties properties = physical.getProperties();
    std::string name =
        "pipelines-" + std::to_string(properties.vendorID) + "-" + std::to_string(properties.deviceID) + "-";
    constexpr const char* digits = "0123456789abcdef";
    for (const std::uint8_t byte : properties.pipelineCacheUUID) {
        name += digits[byte >> 4];
        name += digits[byte & 15];
    }
    return name + ".bin";
}

vk::raii::PipelineCache open_cache(const VulkanDevice& device, const std::vector<std::uint8_t>& bytes) {
    const vk::PipelineCacheCreateInfo info({}, bytes.size(), bytes.data());
    return with_translated_errors("pipeline cache", [&] { return vk::raii::PipelineCache(device.device(), info); });
}

}  // namespace

PipelineStore::PipelineStore(VulkanDevice& device)
    : device_(device), file_(cache_folder(), file_name(device.physical())), cache_(open_cache(device, file_.read())),
      saved_bytes_(cache_.getData().size()) {}

const PipelineStore::Layout& PipelineStore::layout(std::size_t tensors) {
    const auto known = layouts_.find(tensors);
    if (known != layouts_.end()) return known->second;
    std::vector<vk::DescriptorSetLayoutBinding> bindings;
    for (std::size_t i = 0; i <= tensors; ++i) {
        const auto type = i == 0 ? vk::DescriptorType::eUniformBuffer : vk::DescriptorType::eStorageBuffer;
        bindings.emplace_back(static_cast<std::uint32_t>(i), type, 1, vk::ShaderStageFlagBits::eCompute);
    }
    Layout made;
    made.set = vk::raii::DescriptorSetLayout(device_.device(), vk::DescriptorSetLayoutCreateInfo({}, bindings));
    const vk::PushConstantRange constants(vk::ShaderStageFlagBits::eCompute, 0, sizeof(BoxCopyCall));
    const vk::DescriptorSetLayout set = *made.set;
    made.pipeline = vk::raii::PipelineLayout(device_.device(), vk::PipelineLayoutCreateInfo({}, set, constants));
    return layouts_.emplace(tensors, std::move(made)).first->second;
}

PipelineRef PipelineStore::kernel(const maniple_shader& shader, std::size_t tensors, const std::string& kernel) {
    const Layout& where = layout(tensors);
    auto known = pipelines_.find(shader.words);
    if (known == pipelines_.end()) {
        const std::vector<std::uint32_t> words = prepare_module(shader, tensors, device_.description(), kernel);
        vk::ShaderModuleCreateInfo module_info;
        module_info.setCode(words);
        const vk::raii::ShaderModule module(device_.device(), module_info);
        const vk::PipelineShaderStageCreateInfo stage({}, vk::ShaderStageFlagBits::eCompute, *module, "main");
        const vk::ComputePipelineCreateInfo info({}, stage, *where.pipeline);
        known = pipelines_.emplace(shader.words, vk::raii::Pipeline(device_.device(), cache_, info)).first;
    }
    return {*known->second, *where.pipeline, *where.set};
}

PipelineRef PipelineStore::box_copy(int unit_bytes) { return kernel(box_copy_shader(unit_bytes), 2, "box_copy"); }

void PipelineStore::save() {
    if (made() == saved_made_) return;
    saved_made_ = made();
    const std::vector<std::uint8_t> bytes = cache_.getData();
    if (bytes.size() == saved_bytes_) return;
    saved_bytes_ = bytes.size();
    file_.write(bytes);
}

}  // namespace maniple
