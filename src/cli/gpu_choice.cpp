#include "cli/gpu_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/text.hpp"

namespace maniple {

namespace {

/// Whether the system shows a gpu at all. Opening the loader for a software device alone costs up to a quarter of a
/// second, and nobody would use it.
bool shows_a_gpu() {
    std::error_code ignored;
    for (const char* path : {"/dev/dri", "/dev/nvidiactl", "/dev/dxg", "/dev/kgsl-3d0", "/dev/mali0"}) {
        if (std::filesystem::exists(path, ignored)) return true;
    }
    return false;
}

bool is_list(const GpuRequest& request) { return request.gpus != "all" && request.gpus != "none"; }

bool needs_a_gpu(const GpuRequest& request) {
    return request.use == LaneUse::gpu || request.use == LaneUse::both || request.pinned.has_value() ||
           request.validate;
}

const DeviceDescription& usable_device(const VulkanInstance& instance, int number) {
    const auto count = static_cast<int>(instance.devices().size());
    if (number >= count) {
        const std::string has = count == 0   ? "none (" + instance.reason() + ")"
                                : count == 1 ? "device 0 alone"
                                             : fmt::format("devices 0 to {}", count - 1);
        throw UnavailableError(fmt::format("--gpus {}: this node has {}", number, has));
    }
    const DeviceDescription& device = instance.devices()[static_cast<std::size_t>(number)];
    if (!device.usable)
        throw UnavailableError(fmt::format("--gpus {}: {} cannot be used: {}", number, device.name, device.reason));
    return device;
}

void take_share(const GpuRequest& request, GpuChoice& choice) {
    const std::vector<int> usable = usable_devices(choice.instance->devices());
    if (usable.empty()) {
        choice.note =
            choice.instance->devices().empty() ? choice.instance->reason() : choice.instance->devices().front().reason;
        return;
    }
    const bool software = choice.instance->devices()[static_cast<std::size_t>(usable[0])].software;
    if (software && !needs_a_gpu(request)) {
        choice.note = "the only Vulkan devices are software";
        return;
    }
    choice.devices = share_of(usable, request.local_rank, request.local_ranks);
    if (request.local_ranks > static_cast<int>(usable.size())) {
        choice.note = fmt::format("{} ranks of a node share {} {}", request.local_ranks, usable.size(),
                                  usable.size() == 1 ? "device" : "devices");
    }
}

}  // namespace

std::vector<int> usable_devices(const std::vector<DeviceDescription>& devices) {
    std::vector<int> real, software;
    for (const DeviceDescription& device : devices) {
        if (device.usable) (device.software ? software : real).push_back(device.number);
    }
    return real.empty() ? software : real;
}

std::vector<GpuFacts> GpuChoice::facts() const {
    std::vector<GpuFacts> facts;
    for (const int device : devices) facts.push_back(facts_of(instance->devices()[static_cast<std::size_t>(device)]));
    return facts;
}

std::vector<int> parse_gpu_list(const std::string& list, const std::string& written) {
    std::vector<int> numbers;
    for (std::size_t at = 0; at <= list.size();) {
        const std::size_t comma = std::min(list.find(',', at), list.size());
        const std::optional<std::int64_t> number = parse_count(list.substr(at, comma - at));
        if (!number || *number > 1'000'000)
            throw UsageError(written + " takes all, none or a list of numbers, found '" + list + "'");
        numbers.push_back(static_cast<int>(*number));
        at = comma + 1;
    }
    return numbers;
}

std::vector<int> share_of(const std::vector<int>& usable, int local_rank, int local_ranks) {
    const std::size_t count = usable.size(), ranks = static_cast<std::size_t>(local_ranks);
    const auto rank = static_cast<std::size_t>(local_rank);
    const std::size_t first = rank * count / ranks;
    const std::size_t end = std::max(first + 1, (rank + 1) * count / ranks);
    return {usable.begin() + static_cast<std::ptrdiff_t>(first), usable.begin() + static_cast<std::ptrdiff_t>(end)};
}

GpuChoice choose_gpus(const GpuRequest& request) {
    GpuChoice choice;
    const bool wanted = request.gpus != "none" && (request.use != LaneUse::cpu || needs_a_gpu(request));
    if (!is_list(request) && (!wanted || (!needs_a_gpu(request) && !shows_a_gpu()))) {
        choice.note = wanted ? "this node shows no hardware (a software device is used where it is asked for)" : "";
    } else {
        InstanceOptions options = InstanceOptions::from_environment();
        options.software_threads = request.threads;
        choice.instance = std::make_unique<VulkanInstance>(options);
        if (is_list(request)) {
            for (const int number : parse_gpu_list(request.gpus, "--gpus"))
                choice.devices.push_back(usable_device(*choice.instance, number).number);
            const std::vector<GpuFacts> facts = choice.facts();
            const bool idle = request.use == LaneUse::automatic && !needs_a_gpu(request) &&
                              std::all_of(facts.begin(), facts.end(), [](const GpuFacts& gpu) { return gpu.software; });
            if (idle) choice.note = "a software device computes with --lanes gpu or both only: it has nothing to do";
        } else {
            take_share(request, choice);
        }
    }
    if (needs_a_gpu(request) && choice.devices.empty()) {
        const std::string why = request.gpus == "none" ? ": --gpus none"
                                : choice.note.empty()  ? ""
                                                       : ": " + choice.note;
        const std::string none = " needs a gpu, and there is none" + why;
        if (request.use == LaneUse::gpu) throw UnavailableError("lanes: gpu" + none);
        if (request.use == LaneUse::both) throw UnavailableError("lanes: both" + none);
        if (request.pinned) throw UnavailableError(*request.pinned, "place: gpu" + none);
        throw UnavailableError("--validate" + none);
    }
    return choice;
}

}  // namespace maniple
