#include "lanes/vulkan/queues.hpp"

#include <algorithm>
#include <vector>

namespace maniple {

namespace {

using Flag = vk::QueueFlagBits;

/// A copy engine; families that code video copy too, but not for us.
bool copies_only(const vk::QueueFamilyProperties& family) {
    const vk::QueueFlags meant = family.queueFlags & ~vk::QueueFlags(Flag::eSparseBinding | Flag::eProtected);
    return meant == vk::QueueFlags(Flag::eTransfer);
}

bool computes(const vk::QueueFamilyProperties& family) { return static_cast<bool>(family.queueFlags & Flag::eCompute); }

std::vector<QueuePlace> places_for_copies(std::span<const vk::QueueFamilyProperties> families, std::uint32_t kernels) {
    std::vector<QueuePlace> places;
    const auto add = [&](std::uint32_t family, std::uint32_t first) {
        for (std::uint32_t i = first; i < families[family].queueCount; ++i)
            places.push_back({family, i, computes(families[family])});
    };
    const auto count = static_cast<std::uint32_t>(families.size());
    for (std::uint32_t i = 0; i < count; ++i) {
        if (copies_only(families[i])) add(i, 0);
    }
    add(kernels, 1);
    for (std::uint32_t i = 0; i < count; ++i) {
        if (i != kernels && computes(families[i])) add(i, 0);
    }
    return places;
}

std::string place_text(const std::optional<QueuePlace>& place) {
    if (!place) return "with the kernels";
    return "on queue " + std::to_string(place->number) + " of family " + std::to_string(place->family) +
           (place->computes ? "" : ", which copies only");
}

}  // namespace

QueueChoice choose_queues(std::span<const vk::QueueFamilyProperties> families, std::uint32_t kernels,
                          const Pretend& pretend) {
    QueueChoice choice;
    choice.kernels.family = kernels;
    std::vector<QueuePlace> places = places_for_copies(families, kernels);
    if (pretend.queues > 0) places.resize(static_cast<std::size_t>(pretend.queues) - 1, choice.kernels);
    for (QueuePlace& place : places) place.computes &= !pretend.copy_queues;
    if (!places.empty()) choice.uploads = places[0];
    if (places.size() > 1) choice.downloads = places[1];
    return choice;
}

std::string queues_text(const QueueChoice& choice) {
    if (!choice.uploads) return "one for all";
    return "uploads " + place_text(choice.uploads) + "; downloads " + place_text(choice.downloads);
}

}  // namespace maniple
