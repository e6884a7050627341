// compiler/fields.hpp: fields of a description's mappings, with errors at their places.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/spot.hpp"
#include "job/yaml.hpp"

namespace maniple::compiler {

/// Refuses a node that is no mapping, and keys that are not in `known`.
void check_keys(const YamlNode& node, const std::vector<std::string>& known, const std::string& what);

/// The value of `key`, which must be there.
const YamlNode& required_field(const YamlNode& mapping, std::string_view key, const std::string& what);

/// The text of a scalar.
const std::string& scalar(const YamlNode& node, const std::string& what);

/// The number in a plain scalar.
double real_number(const YamlNode& node, const std::string& what);
std::int64_t integer_number(const YamlNode& node, const std::string& what);
bool boolean_word(const YamlNode& node, const std::string& what);

/// Refuses what is no name: [A-Za-z_][A-Za-z0-9_]*.
void check_name(const YamlNode& node, const std::string& what);

}  // namespace maniple::compiler
