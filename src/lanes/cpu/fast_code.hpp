// lanes/cpu/fast_code.hpp: hand-written kernel code made ready before a run.
#pragma once

#include <string>
#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// Opens the libraries that hand-written code of the cpu's operations calls. One line for each that cannot be opened:
/// generated code then runs. Call before the threads of the run begin: a library may read the environment.
std::vector<std::string> open_fast_code(const Graph& graph, const Layout& layout);

}  // namespace maniple
