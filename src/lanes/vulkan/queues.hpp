// lanes/vulkan/queues.hpp: which of a device's queues does what.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "lanes/vulkan/handles.hpp"

namespace maniple {

/// One queue of a device.
struct QueuePlace {
    std::uint32_t family = 0;
    std::uint32_t number = 0;  ///< in the family
    bool computes = true;      ///< runs shaders

    bool operator==(const QueuePlace&) const = default;
};

/// What copies between host and device have no queue for goes with the kernels.
struct QueueChoice {
    QueuePlace kernels;
    std::optional<QueuePlace> uploads;
    std::optional<QueuePlace> downloads;
};

/// For copies the queues of families that do nothing but copy, then further ones of family `kernels`, then those of
/// others that compute. Uploads come first. Pure.
QueueChoice choose_queues(std::span<const vk::QueueFamilyProperties> families, std::uint32_t kernels,
                          const Pretend& pretend);

/// "one for all", or "uploads on queue 0 of family 1, which copies only; downloads with the kernels".
std::string queues_text(const QueueChoice& choice);

}  // namespace maniple
