#include <fmt/format.h>

#include "cli/commands.hpp"
#include "kernel/kernel.hpp"
#include "lanes/file/files.hpp"
#include "lanes/net/world.hpp"
#include "lanes/vulkan/instance.hpp"
#include "run/team.hpp"

namespace maniple {

namespace {

/// The libraries that hand-written kernel code opens at run time.
std::string libraries_of_kernels() {
    std::string blas = "  BLAS            no kernel uses it\n";
    std::string fft;
    for (const Kernel& kernel : KernelRegistry(standard_kernels()).all()) {
        if (kernel.name == "fft_pass" && kernel.fast_code != nullptr && open_fast_code(kernel).empty())
            fft = "  FFT             " + std::string(kernel.fast_code->describe()) + "\n";
        if (kernel.fast_code == nullptr || kernel.fast_code->library != std::string_view("OpenBLAS")) continue;
        const std::string why = open_fast_code(kernel);
        blas = "  BLAS            " + (why.empty() ? std::string(kernel.fast_code->describe()) : "none: " + why) + "\n";
    }
    return blas + fft;
}

}  // namespace

std::string version_number() { return MANIPLE_VERSION; }

std::string version_text() {
#if defined(__clang__)
    const std::string compiler = fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
    const std::string compiler = fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
    return fmt::format(
        "maniple {}\n  compiler        {} ({})\n  team            {}\n  MPI             {}\n  HDF5            {}\n"
        "  Vulkan headers  {}\n{}",
        version_number(), compiler, MANIPLE_BUILD_TYPE, team_kind(), mpi_version(), hdf5_version(),
        vulkan_headers_version(), libraries_of_kernels());
}

}  // namespace maniple
