// lanes/file/sha256.hpp: SHA-256 of a file, for `sha256:` beside an input.
#pragma once

#include <string>

namespace maniple {

/// The digest of the file's bytes in 64 lower-case hexadecimal digits (FIPS 180-4).
/// Errors: std::system_error where the file cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace maniple
