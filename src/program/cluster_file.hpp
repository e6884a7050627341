// program/cluster_file.hpp: a machine that one does not have, from a YAML file (slurm/README.md says what it holds).
#pragma once

#include <cstdint>
#include <string>

#include "cluster/machine.hpp"

namespace maniple {

/// Equal nodes with equal ranks on each.
struct Cluster {
    std::string name;
    std::int64_t nodes = 1;
    int ranks_per_node = 1;
    int cores = 1;                  ///< of a node, shared by its ranks
    std::int64_t memory_bytes = 0;  ///< of a node
    int gpus = 0;                   ///< of a node
    std::string gpu_name;
    Rates rates;
};

/// Strict as a job file is. Errors: JobError at the value concerned; all independent ones at once.
Cluster parse_cluster(const std::string& text, const std::string& file);

/// Its first `ranks` ranks, node by node. Errors: UnavailableError if it has fewer.
Machine machine_of(const Cluster& cluster, int ranks);

}  // namespace maniple
