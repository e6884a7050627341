// compiler/spot.hpp: places in a kernel description, and errors there.
#pragma once

#include <cstddef>
#include <string>

#include "base/error.hpp"
#include "job/yaml.hpp"

namespace maniple::compiler {

/// A few characters of a value in a kernel description. Borrows the node, which the KernelFile owns.
struct Spot {
    const YamlNode* node = nullptr;
    std::size_t offset = 0;
    int length = 1;

    Place place() const;
};

/// Throws a JobError with one diagnostic at `spot`.
[[noreturn]] void fail(const Spot& spot, const std::string& message, const std::string& suggestion = {});

}  // namespace maniple::compiler
