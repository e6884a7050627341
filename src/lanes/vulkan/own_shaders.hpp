// lanes/vulkan/own_shaders.hpp: our own shaders, as the build compiled them.
#pragma once

#include "kernel/abi.hpp"

namespace maniple {

/// box_copy.comp for units of 1, 2 or 4 bytes.
const maniple_shader& box_copy_shader(int unit_bytes);

/// device_rates.comp for a device's memory, and for its arithmetic.
const maniple_shader& triad_shader();
const maniple_shader& multiply_add_shader();

}  // namespace maniple
