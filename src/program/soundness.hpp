// program/soundness.hpp: what every program promises, looked at from its instructions and chunks alone (`--check`).
#pragma once

#include <string>

#include "program/layout.hpp"

namespace maniple {

/// What is wrong with `program`, in one line; empty: nothing. Every instruction stands in one chunk, of its lane; every chunk
/// can start, and none waits for more than others will tell it; an operation's results have one writer in each step; and of
/// two instructions that touch the same bytes, one of which writes, the later one waits for the earlier one. Does not ask
/// how the program was made. Takes memory for one bit for each pair of chunks. Pure.
std::string fault_of(const Graph& graph, const Layout& layout, const Program& program);

}  // namespace maniple
