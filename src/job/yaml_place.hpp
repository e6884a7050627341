// job/yaml_place.hpp: where the characters of a scalar stand in the file. Used by the composer alone.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "job/yaml.hpp"

namespace maniple {

/// The stretches of the scalar with `value` that was written as bytes [start, end) of the file, quotes included.
/// Empty where the value stands there as it is.
std::vector<YamlNode::Stretch> stretches_of(const SourceText& source, std::size_t start, std::size_t end,
                                            std::string_view value);

}  // namespace maniple
