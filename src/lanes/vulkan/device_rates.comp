// lanes/vulkan/device_rates.comp: work that a device is measured by. Compiled twice: with TRIAD for its memory, without for
// its arithmetic; RatesCall of device_rates.cpp is its push constants.
#version 450

layout(local_size_x = 64) in;

layout(push_constant) uniform Call {
    uint points;
    uint rounds;
}
call;

layout(set = 0, binding = 1, std430) buffer A { float a[]; };
#ifdef TRIAD
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
layout(set = 0, binding = 3, std430) readonly buffer C { float c[]; };

void main() {
    const uint groups = gl_NumWorkGroups.x * 64;
    for (uint n = gl_GlobalInvocationID.x; n < call.points; n += groups) a[n] = b[n] + 3.0 * c[n];
}
#else
// 32 chains of multiply-adds that do not wait for each other.
void main() {
    const uint n = gl_GlobalInvocationID.x;
    if (n >= call.points) return;
    const vec4 factor = vec4(0.999);
    vec4 x[8];
    for (int i = 0; i < 8; ++i) x[i] = vec4(a[n] + float(i));
    for (uint round = 0; round < call.rounds; ++round) {
        for (int i = 0; i < 8; ++i) x[i] = fma(x[i], factor, vec4(0.5));
    }
    vec4 sum = vec4(0.0);
    for (int i = 0; i < 8; ++i) sum += x[i];
    a[n] = sum.x + sum.y + sum.z + sum.w;
}
#endif
