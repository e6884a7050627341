// cli/measure.hpp: what `maniple devices --measure` measures.
#pragma once

#include "cluster/rates.hpp"
#include "lanes/net/world.hpp"

namespace maniple {

/// Cores and memory, files in the current folder, and with several ranks the links between them; the rest are those of an
/// ordinary node. Collective where `world` is not null; blocks for some seconds. On rank 0, what was found.
/// Errors: FileError where the current folder cannot be written.
Rates measure_rates(const World* world, int threads);

}  // namespace maniple
