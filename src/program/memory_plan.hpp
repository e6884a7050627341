// program/memory_plan.hpp: where a rank's tensors lie, for people.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// A line for each piece of the host's memory, the largest first, with what lies in it one after the other: "1 MiB  a, c, e".
/// What lies in a pool comes behind its line, by place, with the operations from which to which it is needed. At most
/// `most` lines, and one that says how much is left out. Pure.
std::vector<std::string> memory_plan_lines(const Layout& layout, std::size_t most);

}  // namespace maniple
