#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/launch.hpp"
#include "cli/measure.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/rates_file.hpp"
#include "lanes/cpu/topology.hpp"
#include "lanes/vulkan/cache_file.hpp"
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
            {"queues", device.queues},
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
    if (!device.queues.empty()) text += "       queues for copies: " + device.queues + "\n";
    if (!device.usable) text += "       cannot be used: " + device.reason + "\n";
    return text;
}

}  // namespace

namespace {

std::string rates_text(const MeasuredMachine& machine, bool kept) {
    const Rates& rates = machine.rates;
    std::string text = fmt::format(
        "measured: a core {:.3g} GFLOP/s (f32) and {:.3g} GB/s, all cores together {:.3g} GB/s\n"
        "          files in this folder {:.3g} GB/s, {:.3g} us for each write\n"
        "          messages within a node {:.3g} us and {:.3g} GB/s, between nodes {:.3g} us and {:.3g} GB/s\n",
        rates.core.flops, rates.core.bytes, rates.node_bytes, rates.files.bytes, rates.files.latency_ns / 1000,
        rates.within.latency_ns / 1000, rates.within.bytes, rates.between.latency_ns / 1000, rates.between.bytes);
    for (const MeasuredGpu& gpu : machine.gpus) {
        text += fmt::format(
            "          gpu {} {:.3g} GFLOP/s (f32) and {:.3g} GB/s, copies to it {:.3g} GB/s, {:.3g} us for each chunk\n",
            gpu.device, gpu.measured.lane.flops, gpu.measured.lane.bytes, gpu.measured.copy_bytes,
            gpu.measured.chunk_ns / 1000);
    }
    for (const std::string& note : machine.notes) text += "          " + note + "\n";
    text += "          (what no two ranks could measure, and gpus that are not here, are those of an ordinary node)\n";
    return text +
           (kept ? "          kept in " + rates_path(cache_folder()) + "\n" : "          not kept: no cache folder\n");
}

Json rates_json(const MeasuredMachine& machine, bool kept) {
    const Rates& rates = machine.rates;
    const auto lane = [](const LaneRates& one) { return Json{{"gflops", one.flops}, {"gb_per_s", one.bytes}}; };
    const auto link = [](const LinkRates& one) {
        return Json{{"alpha_us", one.latency_ns / 1000}, {"beta_gb_per_s", one.bytes}};
    };
    Json gpus = Json::array();
    for (const MeasuredGpu& gpu : machine.gpus) {
        Json one = lane(gpu.measured.lane);
        one["device"] = gpu.device;
        one["name"] = gpu.name;
        one["copy_gb_per_s"] = gpu.measured.copy_bytes;
        one["chunk_us"] = gpu.measured.chunk_ns / 1000;
        gpus.push_back(std::move(one));
    }
    return {{"core", lane(rates.core)},
            {"memory_gb_per_s", rates.node_bytes},
            {"gpus", std::move(gpus)},
            {"within", link(rates.within)},
            {"between", link(rates.between)},
            {"files", link(rates.files)},
            {"kept", kept ? Json(rates_path(cache_folder())) : Json(nullptr)}};
}

/// Prints what was measured, and keeps it: on rank 0 of the ranks that were launched.
int measure(int* argc, char*** argv, bool json) {
    const auto show = [&](const MeasuredMachine& machine) {
        const bool kept = write_rates(cache_folder(), machine.rates);
        std::fputs((json ? rates_json(machine, kept).dump(2) + "\n" : rates_text(machine, kept)).c_str(), stdout);
    };
    const int threads = Topology().cores();
    if (launched_ranks() == 1) {
        show(measure_machine(nullptr, threads));
        return 0;
    }
    const std::unique_ptr<const MpiSession> session = start_mpi(argc, argv);
    const World world(MPI_COMM_WORLD);
    try {
        const MeasuredMachine machine = measure_machine(&world, threads);
        if (world.is_root()) show(machine);
        return 0;
    } catch (const Error& error) {
        if (world.is_root()) print_messages(error.diagnostics());
        return static_cast<int>(error.code());
    }
}

}  // namespace

int devices_command(int* argc, char*** argv, const std::vector<std::string>& arguments) {
    if (wants_help(arguments)) {
        std::fputs(devices_usage().c_str(), stdout);
        return 0;
    }
    const DevicesOptions options = parse_devices_options(arguments);
    if (options.measure) return measure(argc, argv, options.json);
    const bool json = options.json;
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
