// lanes/file/failure_bytes.hpp: an error on its way to another process.
#pragma once

#include <exception>
#include <string>

namespace maniple {

/// Any exception as bytes; what is not an Error becomes a KernelError.
std::string failure_to_bytes(const std::exception_ptr& failure);

/// Throws what failure_to_bytes was given, as the same class of Error, with `suffix` after its first message.
[[noreturn]] void throw_failure(const std::string& bytes, const std::string& suffix = {});

}  // namespace maniple
