// Which of the compiled instruction sets this processor can run.
#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"
#include "kernel/kernel.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace maniple {

namespace {

#if defined(__x86_64__)

/// The features of a level that __builtin_cpu_supports() does not know in every compiler we build with.
struct CpuidBits {
    bool cx16 = false, movbe = false, f16c = false, osxsave = false, lahf = false, lzcnt = false;

    CpuidBits() {
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (__get_cpuid(1, &a, &b, &c, &d)) {
            cx16 = c & (1u << 13);
            movbe = c & (1u << 22);
            osxsave = c & (1u << 27);
            f16c = c & (1u << 29);
        }
        if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
            lahf = c & (1u << 0);
            lzcnt = c & (1u << 5);
        }
    }
};

bool runs_v2(const CpuidBits& bits) {
    return bits.cx16 && bits.lahf && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("sse3") &&
           __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("sse4.2");
}

// __builtin_cpu_supports("avx") also asks whether the operating system keeps the wide registers.
bool runs_v3(const CpuidBits& bits) {
    return runs_v2(bits) && bits.movbe && bits.f16c && bits.osxsave && bits.lzcnt && __builtin_cpu_supports("avx") &&
           __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("fma");
}

bool runs_v4(const CpuidBits& bits) {
    return runs_v3(bits) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

bool processor_runs_level(std::string_view set) {
    __builtin_cpu_init();
    const CpuidBits bits;
    if (set == "v4") return runs_v4(bits);
    if (set == "v3") return runs_v3(bits);
    return set == "v2" && runs_v2(bits);
}

#else

bool processor_runs_level(std::string_view) { return false; }

#endif

constexpr std::string_view best_first[] = {"v4", "v3", "v2", "base"};

}  // namespace

bool processor_runs(std::string_view set) { return set == "checked" || set == "base" || processor_runs_level(set); }

std::string choose_instruction_set(std::span<const std::string> available) {
    const auto built = [&](std::string_view set) {
        return set != "checked" && std::find(available.begin(), available.end(), set) != available.end();
    };
    if (const char* wanted = std::getenv("MANIPLE_ISA"); wanted != nullptr && *wanted != '\0') {
        if (!built(wanted)) {
            throw UnavailableError("MANIPLE_ISA=" + std::string(wanted) +
                                   ": the kernels are not built for it; there is " + join(available, ", "));
        }
        if (!processor_runs(wanted)) {
            throw UnavailableError("MANIPLE_ISA=" + std::string(wanted) + ": this processor does not have it");
        }
        return wanted;
    }
    for (const std::string_view set : best_first) {
        if (built(set) && processor_runs(set)) return std::string(set);
    }
    throw UnavailableError("the kernels are built for " + join(available, ", ") + "; this processor runs none of them");
}

}  // namespace maniple
