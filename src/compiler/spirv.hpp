// compiler/spirv.hpp: what the build asks of a SPIR-V module: the features it needs, and whether it contracts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace maniple::compiler {

using SpirvWords = std::vector<std::uint32_t>;

/// What read_spirv() found in a module.
struct SpirvFacts {
    std::vector<std::uint32_t> capabilities;
    int arithmetic = 0;    ///< results of floating-point arithmetic
    int contractible = 0;  ///< those of them without NoContraction
};

/// Walks the instructions. Errors: DataError for words that are no module.
SpirvFacts read_spirv(std::span<const std::uint32_t> words);

/// The mask of MANIPLE_GPU_… that a module with these capabilities needs.
/// Errors: DataError for a capability that the ABI has no bit for.
unsigned gpu_features(const SpirvFacts& facts);

/// FNV-1a of the words' bytes.
std::uint64_t spirv_hash(std::span<const std::uint32_t> words);

}  // namespace maniple::compiler
