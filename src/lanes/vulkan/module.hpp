// lanes/vulkan/module.hpp: shaders before a driver sees them: whole, valid, and told to keep denormals.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/abi.hpp"
#include "lanes/vulkan/instance.hpp"

namespace maniple {

/// FNV-1a of the bytes of `words`, 64 bits.
std::uint64_t hash_of(const std::uint32_t* words, std::int64_t count);

/// The words of `shader` for a device: the hash is checked, what the device can do is asked for, and the result is
/// validated for Vulkan 1.2 and for the bindings of a shader that sees `tensors` tensors. `name` is the kernel's, for
/// messages.
/// Errors: KernelError for a damaged or invalid module.
std::vector<std::uint32_t> prepare_module(const maniple_shader& shader, std::size_t tensors,
                                          const DeviceDescription& device, const std::string& name);

/// `words` with the execution mode DenormPreserve for `widths` (32, 64), and what it needs.
/// Requires: a module with an entry point.
std::vector<std::uint32_t> with_denormals(const std::vector<std::uint32_t>& words,
                                          const std::vector<std::uint32_t>& widths);

/// Nothing, or why a Vulkan 1.2 driver may not see `words`.
std::string validate_module(const std::vector<std::uint32_t>& words);

/// Nothing, or which variable of `words` is not where kernel/abi.hpp has it: set 0, the call at binding 0, tensors from 1
/// on. A validator knows no pipeline layout, and drivers crash on a binding that theirs does not have.
/// Requires: validate_module() found nothing.
std::string check_bindings(const std::vector<std::uint32_t>& words, std::size_t tensors);

}  // namespace maniple
