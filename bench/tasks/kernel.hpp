// bench/tasks/kernel.hpp: what a task does besides combining its predecessors' values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace maniple::bench {

/// Bits that look random: the finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
constexpr std::uint64_t scramble(std::uint64_t bits) {
    bits += 0x9e3779b97f4a7c15U;
    bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
    return bits ^ (bits >> 31U);
}

struct Kernel {
    enum class Kind {
        empty,    ///< nothing
        compute,  ///< `size` iterations of 16 independent multiply-adds in f64
        memory,   ///< reads `size` bytes somewhere in 64 MiB
    };
    Kind kind = Kind::empty;
    std::int64_t size = 0;
    /// Each task's size is drawn evenly from half to one and a half times `size`: the longest take three times as long
    /// as the shortest.
    bool imbalanced = false;
};

/// "empty", "compute:ITERATIONS", "memory:BYTES", the two with "*" behind if imbalanced; and back.
std::string text_of(const Kernel& kernel);
std::optional<Kernel> kernel_named(const std::string& text);

/// Makes what the memory kernel reads; not timed. Call it before the threads start.
void prepare(const Kernel& kernel);

/// The kernel of one task. What it returns depends on the size and on the task, and nothing else, to the bit.
/// Threads: any; it writes nothing that others see.
std::uint64_t run_kernel(const Kernel& kernel, std::uint32_t step, std::uint32_t column);

/// Iterations of the compute kernel that take about `ns` on one core; measures for some ms.
std::int64_t iterations_for(double ns);

}  // namespace maniple::bench
