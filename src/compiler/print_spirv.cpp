// The compiled shaders of a kernel as C++ that needs no file when it runs.
#include <cstdio>

#include "base/error.hpp"
#include "compiler/print_glsl.hpp"
#include "compiler/print_parts.hpp"

namespace maniple::compiler {

namespace {

std::string hex(std::uint64_t number, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%0*llx", digits, static_cast<unsigned long long>(number));
    return text;
}

void print_words(const ShaderText& shader, const SpirvWords& words, Lines& lines) {
    lines.add("const uint32_t " + shader.name + "[] = {");
    for (std::size_t begin = 0; begin < words.size(); begin += 10) {
        std::string line;
        for (std::size_t i = begin; i < words.size() && i < begin + 10; ++i) line += hex(words[i], 8) + ",";
        lines.add(line);
    }
    lines.add("};");
    lines.add("");
}

/// The features of one variant: those of all its shaders.
unsigned features(const ShaderVariant& variant, const std::vector<SpirvWords>& modules) {
    unsigned result = 0;
    for (const auto& [kind, number] : variant.shaders) result |= gpu_features(read_spirv(modules[number]));
    return result;
}

std::string shader(const ShaderVariant& variant, FunctionKind kind, const ShaderSet& set,
                   const std::vector<SpirvWords>& modules) {
    const auto found = variant.shaders.find(kind);
    if (found == variant.shaders.end()) return ", {nullptr, 0, 0}";
    const SpirvWords& words = modules[found->second];
    return ", {" + set.texts[found->second].name + ", " + std::to_string(words.size()) + ", " +
           hex(spirv_hash(words), 16) + "u}";
}

}  // namespace

std::string print_spirv(const TypedKernel& kernel, const ShaderSet& set, const std::vector<SpirvWords>& modules) {
    const std::string& name = kernel.file->name;
    Lines lines;
    lines.add("namespace {");
    lines.add("");
    for (std::size_t i = 0; i < modules.size(); ++i) {
        if (read_spirv(modules[i]).contractible > 0) {
            throw DataError(name + ", " + set.texts[i].name + ": arithmetic that a driver may contract");
        }
        print_words(set.texts[i], modules[i], lines);
    }
    lines.add("const maniple_gpu_variant variants[] = {");
    for (std::size_t i = 0; i < set.variants.size(); ++i) {
        const ShaderVariant& variant = set.variants[i];
        lines.add("// " + kernel.variants[i].combination.text() +
                  (variant.reason.empty() ? "" : ": not on a gpu, " + variant.reason));
        std::string line = "{" + std::to_string(features(variant, modules)) + ", " +
                           (variant.uses_coordinates ? "1, " : "0, ") + std::to_string(variant.real_bytes);
        for (const FunctionKind kind :
             {FunctionKind::compute, FunctionKind::accumulate, FunctionKind::merge, FunctionKind::finish}) {
            line += shader(variant, kind, set, modules);
        }
        lines.add(line + "},");
    }
    lines.add("};");
    lines.add("");
    lines.add("}  // namespace");
    lines.add("");
    lines.add("extern \"C\" const maniple_gpu_table maniple_kernel_" + name + "_gpu = {MANIPLE_ABI_VERSION, " +
              std::to_string(set.variants.size()) + ", variants};");
    return "// The shaders of " + name + ". Made by maniple-kernelc.\n" + std::string(abi_text) + lines.text();
}

}  // namespace maniple::compiler
