// cli/kernels_text.hpp: what `maniple kernels` prints.
#pragma once

#include <string>

#include "kernel/kernel.hpp"
#include "lanes/check/check_kernel.hpp"
#include "program/throughput.hpp"

namespace maniple {

/// One line for each kernel.
std::string list_text(const KernelRegistry& registry);

/// Everything that the description of `kernel` says.
std::string show_text(const Kernel& kernel);
std::string show_text(const CompositeText& composite);

/// A line for each of what earlier runs measured of a kernel, and what follows for other sizes.
std::string measured_text(const ThroughputHistory::Known& known);

/// "ok    heat_step  3 types, 4 lanes, 1,234 cases"; the failures below it.
std::string check_text(const KernelCheck& check);

/// The last line of a check.
std::string summary_text(const std::vector<KernelCheck>& checks);

}  // namespace maniple
