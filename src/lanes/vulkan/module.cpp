#include "lanes/vulkan/module.hpp"

#include <spirv-tools/libspirv.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "base/error.hpp"

namespace maniple {

namespace {

// Numbers of the SPIR-V specification.
constexpr std::size_t header_words = 5;
constexpr std::uint32_t version_1_4 = 0x00010400;
constexpr std::uint32_t op_extension = 10;
constexpr std::uint32_t op_entry_point = 15;
constexpr std::uint32_t op_execution_mode = 16;
constexpr std::uint32_t op_capability = 17;
constexpr std::uint32_t op_variable = 59;
constexpr std::uint32_t op_decorate = 71;
constexpr std::uint32_t decoration_binding = 33;
constexpr std::uint32_t decoration_set = 34;
constexpr std::uint32_t class_uniform = 2;
constexpr std::uint32_t class_storage_buffer = 12;
constexpr std::uint32_t capability_float64 = 10;
constexpr std::uint32_t capability_denorm_preserve = 4464;
constexpr std::uint32_t mode_denorm_preserve = 4459;

std::uint32_t opcode_of(std::uint32_t word) { return word & 0xffff; }
std::uint32_t length_of(std::uint32_t word) { return word >> 16; }
std::uint32_t first_word(std::uint32_t opcode, std::size_t length) {
    return static_cast<std::uint32_t>(length) << 16 | opcode;
}

/// Calls visit(index of the first word) for each instruction; stops at one that does not fit.
template <class Visit>
void for_each_instruction(const std::vector<std::uint32_t>& words, Visit&& visit) {
    for (std::size_t at = header_words; at < words.size();) {
        const std::uint32_t length = length_of(words[at]);
        if (length == 0 || length > words.size() - at) return;
        visit(at);
        at += length;
    }
}

bool has_capability(const std::vector<std::uint32_t>& words, std::uint32_t capability) {
    bool found = false;
    for_each_instruction(words, [&](std::size_t at) {
        found = found ||
                (opcode_of(words[at]) == op_capability && length_of(words[at]) == 2 && words[at + 1] == capability);
    });
    return found;
}

/// `OpExtension "SPV_KHR_float_controls"`: a part of the language from 1.4 on.
std::vector<std::uint32_t> float_controls_extension() {
    const std::string name = "SPV_KHR_float_controls";
    std::vector<std::uint32_t> words(1 + name.size() / 4 + 1, 0);
    words[0] = first_word(op_extension, words.size());
    std::memcpy(words.data() + 1, name.data(), name.size());
    return words;
}

/// Which denormals `words` should keep on `device`.
std::vector<std::uint32_t> widths_to_keep(const std::vector<std::uint32_t>& words, const DeviceDescription& device) {
    const bool uses_f64 = has_capability(words, capability_float64);
    const bool all_or_none = uses_f64 && !device.separate_denormals;
    if (all_or_none && device.keeps_denormals != device.keeps_denormals_f64) return {};
    std::vector<std::uint32_t> widths;
    if (device.keeps_denormals) widths.push_back(32);
    if (device.keeps_denormals_f64 && uses_f64) widths.push_back(64);
    return widths;
}

}  // namespace

std::uint64_t hash_of(const std::uint32_t* words, std::int64_t count) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (std::int64_t i = 0; i < count; ++i) {
        unsigned char bytes[4];
        std::memcpy(bytes, words + i, sizeof bytes);
        for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
    }
    return hash;
}

std::vector<std::uint32_t> with_denormals(const std::vector<std::uint32_t>& words,
                                          const std::vector<std::uint32_t>& widths) {
    if (widths.empty()) return words;
    std::size_t behind_capabilities = header_words;
    std::size_t behind_entry_points = 0;
    std::uint32_t entry = 0;
    for_each_instruction(words, [&](std::size_t at) {
        if (opcode_of(words[at]) == op_capability) behind_capabilities = at + length_of(words[at]);
        if (opcode_of(words[at]) != op_entry_point || length_of(words[at]) < 4) return;
        behind_entry_points = at + length_of(words[at]);
        entry = words[at + 2];
    });
    if (behind_entry_points == 0) return words;
    const auto from = [&](std::size_t at) { return words.begin() + static_cast<std::ptrdiff_t>(at); };
    std::vector<std::uint32_t> result(words.begin(), from(behind_capabilities));
    result.insert(result.end(), {first_word(op_capability, 2), capability_denorm_preserve});
    if (words[1] < version_1_4) {
        const std::vector<std::uint32_t> extension = float_controls_extension();
        result.insert(result.end(), extension.begin(), extension.end());
    }
    result.insert(result.end(), from(behind_capabilities), from(behind_entry_points));
    for (const std::uint32_t width : widths)
        result.insert(result.end(), {first_word(op_execution_mode, 4), entry, mode_denorm_preserve, width});
    result.insert(result.end(), from(behind_entry_points), words.end());
    return result;
}

std::string validate_module(const std::vector<std::uint32_t>& words) {
    const std::unique_ptr<spv_context_t, decltype(&spvContextDestroy)> context(spvContextCreate(SPV_ENV_VULKAN_1_2),
                                                                               &spvContextDestroy);
    spv_diagnostic diagnostic = nullptr;
    const spv_result_t result = spvValidateBinary(context.get(), words.data(), words.size(), &diagnostic);
    std::string message;
    if (result != SPV_SUCCESS)
        message = diagnostic != nullptr && diagnostic->error != nullptr ? diagnostic->error : "not a SPIR-V module";
    spvDiagnosticDestroy(diagnostic);
    return message;
}

std::string check_bindings(const std::vector<std::uint32_t>& words, std::size_t tensors) {
    std::map<std::uint32_t, std::uint32_t> sets;
    std::map<std::uint32_t, std::uint32_t> bindings;
    std::string problem;
    for_each_instruction(words, [&](std::size_t at) {
        // Decorations stand before all variables.
        if (opcode_of(words[at]) == op_decorate && length_of(words[at]) == 4) {
            if (words[at + 2] == decoration_set) sets[words[at + 1]] = words[at + 3];
            if (words[at + 2] == decoration_binding) bindings[words[at + 1]] = words[at + 3];
        }
        if (opcode_of(words[at]) != op_variable || length_of(words[at]) < 4) return;
        const std::uint32_t storage_class = words[at + 3];
        if (storage_class != class_uniform && storage_class != class_storage_buffer) return;
        const std::uint32_t binding = bindings[words[at + 2]];
        const bool in_place = storage_class == class_uniform ? binding == 0 : binding >= 1 && binding <= tensors;
        if (sets[words[at + 2]] != 0 || !in_place) {
            problem = "a variable is at set " + std::to_string(sets[words[at + 2]]) + ", binding " +
                      std::to_string(binding) + ", where its kind does not stand";
        }
    });
    return problem;
}

std::vector<std::uint32_t> prepare_module(const maniple_shader& shader, std::size_t tensors,
                                          const DeviceDescription& device, const std::string& name) {
    const std::string subject = "the gpu code of " + name;
    if (shader.words == nullptr || shader.count <= static_cast<std::int64_t>(header_words))
        throw KernelError(subject + " is missing");
    if (hash_of(shader.words, shader.count) != shader.hash) throw KernelError(subject + " is damaged");
    const std::vector<std::uint32_t> words(shader.words, shader.words + shader.count);
    std::string message = validate_module(words);
    if (message.empty()) message = check_bindings(words, tensors);
    if (!message.empty()) throw KernelError(subject + " is not valid: " + message);
    std::vector<std::uint32_t> prepared = with_denormals(words, widths_to_keep(words, device));
    message = validate_module(prepared);
    if (!message.empty()) throw KernelError(subject + ", told to keep denormals, is not valid: " + message);
    return prepared;
}

}  // namespace maniple
