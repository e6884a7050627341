#include "compiler/spirv.hpp"

#include <set>

#include "base/error.hpp"
#include "kernel/abi.hpp"

namespace maniple::compiler {

namespace {

// The SPIR-V specification, 1.5: 2.3 and 3.20, 3.31, 3.37.
constexpr std::uint32_t magic = 0x07230203;
constexpr std::size_t header_words = 5;
constexpr std::uint32_t op_capability = 17;
constexpr std::uint32_t op_decorate = 71;
constexpr std::uint32_t no_contraction = 42;

/// FNegate, FAdd, FSub, FMul, FDiv, FRem, FMod, and products of vectors and matrices up to Dot.
bool is_float_arithmetic(std::uint32_t operation) {
    return operation == 127 || operation == 129 || operation == 131 || operation == 133 || operation == 136 ||
           (operation >= 140 && operation <= 148);
}

}  // namespace

SpirvFacts read_spirv(std::span<const std::uint32_t> words) {
    if (words.size() < header_words || words[0] != magic) throw DataError("this is no SPIR-V module");
    SpirvFacts facts;
    std::set<std::uint32_t> decorated;
    for (std::size_t at = header_words; at < words.size();) {
        const std::uint32_t operation = words[at] & 0xffffu;
        const std::size_t count = words[at] >> 16;
        if (count == 0 || count > words.size() - at) throw DataError("a SPIR-V module is cut short");
        if (operation == op_capability && count > 1) facts.capabilities.push_back(words[at + 1]);
        if (operation == op_decorate && count > 2 && words[at + 2] == no_contraction) decorated.insert(words[at + 1]);
        if (is_float_arithmetic(operation) && count > 2) {
            ++facts.arithmetic;
            facts.contractible += decorated.contains(words[at + 2]) ? 0 : 1;  // decorations come before all functions
        }
        at += count;
    }
    return facts;
}

unsigned gpu_features(const SpirvFacts& facts) {
    unsigned features = 0;
    for (const std::uint32_t capability : facts.capabilities) {
        switch (capability) {
            case 1: break;  // Shader
            case 10: features |= MANIPLE_GPU_F64; break;
            case 11: features |= MANIPLE_GPU_I64; break;
            case 4433: features |= MANIPLE_GPU_STORAGE_16; break;  // StorageBuffer16BitAccess
            case 4448: features |= MANIPLE_GPU_STORAGE_8; break;   // StorageBuffer8BitAccess
            default: throw DataError("a shader needs the SPIR-V capability " + std::to_string(capability));
        }
    }
    return features;
}

std::uint64_t spirv_hash(std::span<const std::uint32_t> words) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const std::uint32_t word : words) {
        for (int shift = 0; shift < 32; shift += 8) hash = (hash ^ (word >> shift & 0xffu)) * 0x100000001b3u;
    }
    return hash;
}

}  // namespace maniple::compiler
