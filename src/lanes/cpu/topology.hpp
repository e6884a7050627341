// lanes/cpu/topology.hpp: the cores and the memory that the launcher gave this process, found with hwloc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace maniple {

/// The processing units in this process's affinity mask when it was made. Keeps nothing of hwloc's, so that whoever else
/// uses that in this process finds it as if nobody had.
class Topology {
public:
    Topology();
    ~Topology();
    Topology(const Topology&) = delete;
    Topology& operator=(const Topology&) = delete;

    int cores() const;                      ///< at least 1; hardware threads of one core count once
    std::int64_t memory_bytes() const;      ///< of this machine
    std::vector<int> core_numbers() const;  ///< of the cores in the mask, by their first processing unit; ascending
    /// Pins the calling thread to core number `core` of the mask, counted from 0. Requires: there is one.
    void pin_to(int core) const;

private:
    /// The processing units of one core.
    using Units = std::vector<unsigned>;
    std::vector<Units> cores_;
    std::int64_t memory_bytes_ = 0;
};

/// While this lives a topology is found without hwloc's plugins: the libraries that those load (graphics, X11) take longer
/// than all that is asked for here. Sets a variable of the environment, and takes it back: no other thread may ask for
/// variables meanwhile.
class WithoutHwlocPlugins {
public:
    WithoutHwlocPlugins();
    ~WithoutHwlocPlugins();
    WithoutHwlocPlugins(const WithoutHwlocPlugins&) = delete;
    WithoutHwlocPlugins& operator=(const WithoutHwlocPlugins&) = delete;

private:
    bool set_ = false;
};

/// The most memory that this process has had resident since it began; 0: not known. Blocks for a small file of the system's.
std::int64_t peak_resident_bytes();

/// This machine's name, without its domain.
std::string host_name();

}  // namespace maniple
