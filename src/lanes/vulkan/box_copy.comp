// lanes/vulkan/box_copy.comp: copies a box of units, or writes zeros to it. Compiled three times, for units of
// 1, 2 and 4 bytes; BoxCopyCall of recording.hpp is its push constants.
#version 450
#if UNIT_BYTES == 1
#extension GL_EXT_shader_8bit_storage : require
#define UNIT uint8_t
#elif UNIT_BYTES == 2
#extension GL_EXT_shader_16bit_storage : require
#define UNIT uint16_t
#else
#define UNIT uint
#endif

layout(local_size_x = 64) in;

layout(push_constant) uniform Call {
    uint points;
    uint rank;
    uint from_offset;
    uint to_offset;
    uint zero;
    uint extent[9];
    uint from_stride[9];
    uint to_stride[9];
} call;

layout(set = 0, binding = 1, std430) buffer To { UNIT to[]; };
layout(set = 0, binding = 2, std430) readonly buffer From { UNIT from[]; };

void main() {
    uint n = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * 64 + gl_LocalInvocationID.x;
    if (n >= call.points) return;
    uint target = call.to_offset;
    uint source = call.from_offset;
    for (uint axis = call.rank; axis-- > 0;) {
        const uint coordinate = n % call.extent[axis];
        n /= call.extent[axis];
        target += coordinate * call.to_stride[axis];
        source += coordinate * call.from_stride[axis];
    }
    to[target] = UNIT(call.zero != 0 ? 0u : uint(from[source]));
}
