#include "lanes/vulkan/instance.hpp"

#include <cstdlib>
#include <sstream>

#include "base/error.hpp"
#include "kernel/abi.hpp"
#include "lanes/vulkan/handles.hpp"

namespace maniple {

namespace {

constexpr const char* validation_layer = "VK_LAYER_KHRONOS_validation";

VKAPI_ATTR VkBool32 VKAPI_CALL take_message(VkDebugUtilsMessageSeverityFlagBitsEXT, VkDebugUtilsMessageTypeFlagsEXT,
                                            const VkDebugUtilsMessengerCallbackDataEXT* data, void* user) {
    ValidationLog& log = *static_cast<ValidationLog*>(user);
    const std::lock_guard lock(log.mutex);
    log.messages.emplace_back(data->pMessage != nullptr ? data->pMessage : "");
    return VK_FALSE;
}

vk::DebugUtilsMessengerCreateInfoEXT messenger_info(ValidationLog& log) {
    using Severity = vk::DebugUtilsMessageSeverityFlagBitsEXT;
    using Type = vk::DebugUtilsMessageTypeFlagBitsEXT;
    return {{}, Severity::eError | Severity::eWarning, Type::eValidation, take_message, &log};
}

void require_layer(const vk::raii::Context& context) {
    for (const vk::LayerProperties& layer : context.enumerateInstanceLayerProperties()) {
        if (std::string_view(layer.layerName.data()) == validation_layer) return;
    }
    throw UnavailableError(std::string(validation_layer) + " was asked for and is not installed");
}

void open(VulkanInstance::Handles& handles, bool validation) {
    const vk::ApplicationInfo application("maniple", 1, "maniple", 1, VK_API_VERSION_1_2);
    vk::InstanceCreateInfo info({}, &application);
    const vk::DebugUtilsMessengerCreateInfoEXT messages = messenger_info(handles.log);
    const char* const debug_utils = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    if (validation) {
        require_layer(*handles.context);
        info.setPEnabledLayerNames(validation_layer).setPEnabledExtensionNames(debug_utils).setPNext(&messages);
    }
    handles.instance = std::make_unique<vk::raii::Instance>(*handles.context, info);
    if (validation) handles.messenger = std::make_unique<vk::raii::DebugUtilsMessengerEXT>(*handles.instance, messages);
    for (vk::raii::PhysicalDevice& device : vk::raii::PhysicalDevices(*handles.instance))
        handles.devices.push_back(std::move(device));
}

}  // namespace

Pretend Pretend::parse(const std::string& words) {
    Pretend pretend;
    std::istringstream stream(words);
    for (std::string word; std::getline(stream, word, ',');) {
        if (word == "not-unified") {
            pretend.not_unified = true;
        } else if (word == "not-coherent") {
            pretend.not_unified = pretend.not_coherent = true;
        } else if (word == "small-windows") {
            pretend.small_windows = true;
        } else if (word == "hangs") {
            pretend.hangs = true;
        } else if (word == "one-queue" || word == "two-queues" || word == "three-queues") {
            pretend.queues = word == "one-queue" ? 1 : word == "two-queues" ? 2 : 3;
        } else if (word == "copy-queues") {
            pretend.copy_queues = true;
        } else if (!word.empty()) {
            throw UsageError("MANIPLE_VULKAN_PRETEND: no such word: '" + word +
                             "' (there are: not-unified, not-coherent, small-windows, hangs, one-queue, two-queues, "
                             "three-queues, copy-queues)");
        }
    }
    return pretend;
}

InstanceOptions InstanceOptions::from_environment() {
    InstanceOptions options;
    if (const char* words = std::getenv("MANIPLE_VULKAN_PRETEND")) options.pretend = Pretend::parse(words);
    return options;
}

std::string features_text(std::uint32_t features) {
    std::string text;
    const auto add = [&](std::uint32_t bit, const char* name) {
        if ((features & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(name);
    };
    add(MANIPLE_GPU_F64, "f64");
    add(MANIPLE_GPU_I64, "i64");
    add(MANIPLE_GPU_STORAGE_8, "8-bit storage");
    add(MANIPLE_GPU_STORAGE_16, "16-bit storage");
    return text.empty() ? "none" : text;
}

GpuFacts facts_of(const DeviceDescription& description) {
    GpuFacts facts;
    facts.name = description.name;
    facts.device = description.number;
    facts.software = description.software;
    facts.unified = description.unified;
    facts.keeps_denormals = description.keeps_denormals;
    facts.features = description.features;
    return facts;
}

VulkanInstance::VulkanInstance(const InstanceOptions& options)
    : options_(options), handles_(std::make_unique<Handles>()) {
    if (options.software_threads > 0)
        ::setenv("LP_NUM_THREADS", std::to_string(options.software_threads).c_str(), /*overwrite=*/0);
    try {
        handles_->context = std::make_unique<vk::raii::Context>();
    } catch (const std::exception&) {
        if (options.validation) throw UnavailableError("validation was asked for and libvulkan.so.1 is not installed");
        reason_ = "no Vulkan loader (libvulkan.so.1) on this node";
        return;
    }
    try {
        open(*handles_, options.validation);
        describe_devices();
        if (devices_.empty() && reason_.empty()) reason_ = "the Vulkan loader finds no device on this node";
    } catch (const vk::SystemError& error) {
        devices_.clear();
        reason_ = "the Vulkan loader finds no driver on this node (" + std::string(error.what()) + ")";
    }
}

void VulkanInstance::describe_devices() {
    std::vector<vk::raii::PhysicalDevice> described;
    for (vk::raii::PhysicalDevice& device : handles_->devices) {
        try {
            devices_.push_back(describe(device, static_cast<int>(described.size()), options_.pretend));
            described.push_back(std::move(device));
        } catch (const vk::SystemError& error) {
            reason_ = "a device of this node cannot be asked for its properties (" + std::string(error.what()) + ")";
        }
    }
    handles_->devices = std::move(described);
}

VulkanInstance::~VulkanInstance() {
    if (handles_->hung) static_cast<void>(handles_.release());
}

std::vector<std::string> VulkanInstance::validation_messages() const {
    const std::lock_guard lock(handles_->log.mutex);
    return handles_->log.messages;
}

}  // namespace maniple
