#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "lanes/cpu/topology.hpp"
#include "lanes/vulkan/instance.hpp"

namespace maniple {

namespace {

using Json = nlohmann::ordered_json;

Json device_json(const DeviceDescription& device) {
    return {{"device", device.number},
            {"name", device.name},
            {"vendor", device.vendor},
            {"type", device.type},
            {"driver", device.driver},
            {"api_version", device.api_version},
            {"usable", device.usable},
            {"reason", device.usable ? Json(nullptr) : Json(device.reason)},
            {"memory_bytes", device.memory_bytes},
            {"available_bytes", device.available_bytes < 0 ? Json(nullptr) : Json(device.available_bytes)},
            {"unified", device.unified},
            {"features", features_text(device.features)},
            {"keeps_denormals", device.keeps_denormals},
            {"max_window_bytes", device.max_window_bytes}};
}

std::string device_text(const DeviceDescription& device) {
    std::string text = fmt::format("gpu {}  {} ({}, {})\n", device.number, device.name, device.type, device.vendor);
    text += fmt::format("       driver {}, Vulkan {}\n", device.driver, device.api_version);
    text += fmt::format("       memory {}{}, windows of {}\n", format_bytes(device.memory_bytes),
                        device.unified ? ", the host's own" : "", format_bytes(device.max_window_bytes));
    text += fmt::format("       computes with f32{}{}{}\n", device.features == 0 ? "" : ", ",
                        device.features == 0 ? "" : features_text(device.features),
                        device.keeps_denormals ? "" : "; flushes denormals");
    if (!device.usable) text += "       cannot be used: " + device.reason + "\n";
    return text;
}

}  // namespace

int devices_command(const std::vector<std::string>& arguments) {
    if (wants_help(arguments)) {
        std::fputs(devices_usage().c_str(), stdout);
        return 0;
    }
    const bool json = parse_devices_options(arguments).json;
    const Topology topology;
    const VulkanInstance instance(InstanceOptions::from_environment());
    if (json) {
        Json devices = Json::array();
        for (const DeviceDescription& device : instance.devices()) devices.push_back(device_json(device));
        const Json all = {{"host", host_name()},
                          {"cpu", {{"cores", topology.cores()}, {"memory_bytes", topology.memory_bytes()}}},
                          {"gpus", devices},
                          {"no_gpus", instance.devices().empty() ? Json(instance.reason()) : Json(nullptr)}};
        std::fputs((all.dump(2) + "\n").c_str(), stdout);
        return 0;
    }
    std::string text =
        fmt::format("cpu    {} {} of {}, memory {}\n", topology.cores(), topology.cores() == 1 ? "core" : "cores",
                    host_name(), format_bytes(topology.memory_bytes()));
    for (const DeviceDescription& device : instance.devices()) text += device_text(device);
    if (instance.devices().empty()) text += "no gpu: " + instance.reason() + "\n";
    std::fputs(text.c_str(), stdout);
    return 0;
}

}  // namespace maniple
