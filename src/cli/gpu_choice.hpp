// cli/gpu_choice.hpp: which of the node's devices a rank opens.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lanes/vulkan/instance.hpp"
#include "program/lane_choice.hpp"

namespace maniple {

/// What `--gpus` and `--lanes` ask for, and where the rank stands on its node.
struct GpuRequest {
    std::string gpus = "all";  ///< all, none or a list of numbers
    LaneUse use = LaneUse::automatic;
    std::optional<Place> pinned;  ///< where `place:` names a gpu
    bool validate = false;
    int local_rank = 0;  ///< among the ranks of the node
    int local_ranks = 1;
    int threads = 1;  ///< compute threads of the rank
};

/// The devices of one rank. Owns the Vulkan instance, which the gpu lanes borrow.
struct GpuChoice {
    std::unique_ptr<VulkanInstance> instance;  ///< null where nobody asked for a gpu
    std::vector<int> devices;                  ///< numbers in the node's enumeration, one for each gpu lane
    std::string note;                          ///< why there is none, or that ranks share one; may be empty

    std::vector<GpuFacts> facts() const;
};

/// The numbers of the real devices that can be used, or of the software ones where there is no other.
std::vector<int> usable_devices(const std::vector<DeviceDescription>& devices);

/// The numbers of a list "0,0,2". Errors: UsageError naming `written`.
std::vector<int> parse_gpu_list(const std::string& list, const std::string& written);

/// The part of `usable` (device numbers) that is the rank's: as many as the others', or one that it shares.
std::vector<int> share_of(const std::vector<int>& usable, int local_rank, int local_ranks);

/// Opens the Vulkan loader if that can serve the request.
/// Errors: UnavailableError for a device that is not there, or no device where the request needs one.
GpuChoice choose_gpus(const GpuRequest& request);

}  // namespace maniple
