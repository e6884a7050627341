// lanes/vulkan/kernel_call.hpp: one call of a shader over a box: its arguments, its windows, and maniple_gpu_call.
#pragma once

#include <string>
#include <vector>

#include "lanes/vulkan/recording.hpp"
#include "lanes/vulkan/windows.hpp"

namespace maniple {

/// A tensor argument of a shader.
struct KernelArgument {
    enum class Role { input, output, state };
    Role role = Role::input;
    int number = 0;  ///< among the inputs or outputs
    StorageId storage;
    Box box;  ///< of the storage
    std::int64_t element_bytes = 0;
    std::int64_t part = 0;   ///< of a state: the first
    std::int64_t parts = 1;  ///< of a state: so many are seen
};

/// Axes beyond those of the operation, for kernels with an ellipsis: `groups` states of one box in one call, where
/// each is merged from parts of its own.
struct GroupAxis {
    std::int64_t groups = 1;
    std::int64_t parts_each = 1;
};

/// A shader of an operation with all that a call of it needs but the box.
struct KernelCall {
    const Operation* operation = nullptr;
    const maniple_gpu_variant* variant = nullptr;
    const maniple_shader* shader = nullptr;
    std::vector<KernelArgument> arguments;  ///< in the order of the ABI
    std::size_t inputs_from = 1;
    std::int64_t segments = 1;
    bool accumulates = false;
    bool fresh = true;
    GroupAxis group_axis;
};

/// Points of `box` that invocations are numbered by, contracted ones counted too.
std::int64_t numbered_points(const Operation& operation, const Box& box);

/// How large the part over `piece` is.
PieceSize size_of(const KernelCall& call, const Box& piece, const DeviceLimits& limits);

/// The part over `piece`, which fits.
Dispatch dispatch_over(const KernelCall& call, const Box& piece, const DeviceLimits& limits);

/// Whether axes of an ellipsis may be dropped and joined, and one added.
bool has_free_axes(const KernelCall& call);

}  // namespace maniple
