// cli/measure.hpp: what `maniple devices --measure` measures.
#pragma once

#include <string>
#include <vector>

#include "cluster/rates.hpp"
#include "lanes/net/world.hpp"
#include "lanes/vulkan/device_rates.hpp"

namespace maniple {

struct MeasuredGpu {
    int device = 0;
    std::string name;
    MeasuredDevice measured;
};

struct MeasuredMachine {
    /// The devices' are those of the first of their kind: of a gpu, of a processor that imitates one.
    Rates rates;
    std::vector<MeasuredGpu> gpus;   ///< of the node of rank 0
    std::vector<std::string> notes;  ///< what could not be measured
};

/// Cores and memory, gpus, files in the current folder, and with several ranks the links between them; the rest are those of an
/// ordinary node. Collective where `world` is not null; blocks for some seconds. On rank 0, what was found.
/// Errors: FileError where the current folder cannot be written.
MeasuredMachine measure_machine(const World* world, int threads);

}  // namespace maniple
