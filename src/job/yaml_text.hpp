// job/yaml_text.hpp: the parts of the composer that look at text alone: characters, properties, messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "job/yaml.hpp"

namespace maniple {

inline constexpr std::string_view quoting_rule =
    "in flow style ({...}, [...]) an expression or slice with a comma, '[' or ': ' must be quoted";

/// Checks the size and every character of `text`: UTF-8 without control characters.
/// Errors: JobError at the first one that is wrong.
void check_yaml_text(std::string_view text, const std::string& file);

/// Where the content of a scalar starts whose anchor and tag start at `start`.
std::size_t skip_properties(std::string_view text, std::size_t start, std::size_t end);

/// What libyaml's `problem` (and `context`, which may be null) means for the writer of the file. `found` is the
/// byte at the place, `in_flow` whether it stands between {…} or […].
std::string explain_yaml_problem(const char* problem, const char* context, char found, bool in_flow);

/// What libyaml's `context` means as a note at the place where that context began.
std::string explain_yaml_context(std::string_view context);

/// Removes all entries of `node`, and below it, whose key was there before.
void drop_duplicates(YamlNode& node);

}  // namespace maniple
