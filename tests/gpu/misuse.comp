#version 450
// Reads where its buffer is not, if `at` says so.
layout(local_size_x = 1) in;
layout(std430, binding = 0) buffer Data { uint data[]; };
layout(push_constant) uniform At { uint at; };
void main() { data[0] = data[at]; }
