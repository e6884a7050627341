// lanes/vulkan/box_copy.hpp: our own shader, box_copy.comp, as the build compiled it.
#pragma once

#include "kernel/abi.hpp"

namespace maniple {

/// For units of 1, 2 or 4 bytes.
const maniple_shader& box_copy_shader(int unit_bytes);

}  // namespace maniple
