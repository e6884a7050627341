// lanes/cpu/topology.hpp: the cores and the memory that the launcher gave this process, found with hwloc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace maniple {

/// The processing units in this process's affinity mask when it was made.
class Topology {
public:
    Topology();
    ~Topology();
    Topology(const Topology&) = delete;
    Topology& operator=(const Topology&) = delete;

    int cores() const;                  ///< at least 1; hardware threads of one core count once
    std::int64_t memory_bytes() const;  ///< of this machine
    /// Pins the calling thread to core `worker` of the mask, if there are at least `workers`; else leaves it alone.
    void pin_worker(int worker, int workers) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// This machine's name, without its domain.
std::string host_name();

}  // namespace maniple
