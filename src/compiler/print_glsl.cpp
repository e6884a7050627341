#include "compiler/print_glsl.hpp"

#include <algorithm>

#include "compiler/glsl_body.hpp"
#include "compiler/glsl_main.hpp"
#include "compiler/glsl_prelude.hpp"
#include "compiler/glsl_words.hpp"
#include "compiler/print_parts.hpp"
#include "kernel/abi.hpp"

namespace maniple::compiler {

namespace {

/// maniple_gpu_call.
constexpr const char* block_text = R"(layout(local_size_x = 64) in;

struct Tensor {
    uvec4 head;  // offset, part_stride
    uvec4 stride[2];
    uvec4 extent[2];
};
layout(std140, set = 0, binding = 0) uniform Call {
    uint points, rank, contracted, segments, segments_first, fresh, unused_0, unused_1;
    uvec4 lo[2], lo_high[2], size[2], extent[2], extent_high[2], parameters[8];
    Tensor tensors[8];
} call;
)";

std::string buffers(const Function& function, const Variant& variant) {
    std::string text;
    const bool state = std::any_of(function.tensors.begin(), function.tensors.end(),
                                   [](const FunctionTensor& tensor) { return tensor.is_state; });
    if (state) {
        text += "struct State {\n";
        for (const TypedMember& member : variant.members)
            text += "    " + glsl_member_type(member.type) + " " + member_name(member.name) + ";\n";
        text += "};\n";
    }
    for (std::size_t i = 0; i < function.tensors.size(); ++i) {
        const FunctionTensor& tensor = function.tensors[i];
        const std::string number = std::to_string(i);
        const bool both = function.kind == FunctionKind::merge && tensor.written;
        text += "layout(std430, set = 0, binding = " + std::to_string(1 + i) + ") ";
        text += std::string(both ? "" : tensor.written ? "writeonly " : "readonly ") + "buffer Buffer" + number + " { ";
        text += (tensor.is_state ? "State" : glsl_element_type(tensor.type)) + " t" + number + "[]; };\n";
    }
    return text;
}

std::string shader_text(const Function& function, const Variant& variant, const KernelFile& file) {
    const std::string code = buffers(function, variant) + "\n" + main_text(function, variant, file);
    const std::string pieces = glsl_pieces(code);
    std::string text = "#version 460\n// " + file.name + ", " + function_word(function.kind) + ": " +
                       file.signature.text + "\n// Made by maniple-kernelc from " + file.name + ".kernel.yaml.\n";
    return text + glsl_extensions(pieces + code) + block_text + "\n" + pieces + (pieces.empty() ? "" : "\n") + code;
}

/// Why a variant has no shaders; empty if it can have them.
std::string refusal(const Variant& variant, const KernelFile& file) {
    if (file.parameters.size() > MANIPLE_MAX_GPU_PARAMETERS) return "too many parameters";
    for (const Subscript& subscript : file.signature.outputs.front().subscripts) {
        const std::vector<std::string>& whole = file.signature.whole;
        const bool looped = subscript.kind == Subscript::Kind::affine &&
                            std::find(whole.begin(), whole.end(), subscript.terms.front().index) != whole.end();
        if (looped && file.is_fold()) return "a fold that keeps a whole index";
    }
    for (const Function& function : variant.functions) {
        if (function.tensors.size() > MANIPLE_MAX_GPU_TENSORS) return "too many tensors";
        std::string reason = no_glsl_reason(function.body);
        if (!reason.empty()) return reason;
    }
    return "";
}

bool uses_coordinates(const Variant& variant, const KernelFile& file) {
    bool result = false;
    for (const Function& function : variant.functions) {
        LoweredFunction lowered = lower(function, file);
        result = result || lowered.uses_indices || lowered.uses_position;
        for_each_expression(lowered.function.body, [&](const Expression& expression) {
            result = result || (expression.kind == Expression::Kind::call && expression.name == "extent" &&
                                expression.role != Role::tensor);
        });
    }
    return result;
}

std::size_t add_text(ShaderSet& set, const std::string& name, const std::string& text) {
    for (std::size_t i = 0; i < set.texts.size(); ++i) {
        if (set.texts[i].text == text) return i;
    }
    set.texts.push_back({name, text});
    return set.texts.size() - 1;
}

}  // namespace

ShaderSet print_shaders(const TypedKernel& kernel) {
    const KernelFile& file = *kernel.file;
    ShaderSet set;
    for (std::size_t i = 0; i < kernel.variants.size(); ++i) {
        const Variant& variant = kernel.variants[i];
        ShaderVariant shaders;
        shaders.reason = refusal(variant, file);
        shaders.uses_coordinates = uses_coordinates(variant, file);
        shaders.real_bytes = variant.real == ValueType::f64 ? 8 : 4;
        for (const Function& function : variant.functions) {
            // A state begins in accumulate, or in merge where it is fresh.
            if (!shaders.reason.empty() || function.kind == FunctionKind::init) continue;
            shaders.shaders[function.kind] =
                add_text(set, function_name(function.kind, i), shader_text(function, variant, file));
        }
        set.variants.push_back(std::move(shaders));
    }
    return set;
}

}  // namespace maniple::compiler
