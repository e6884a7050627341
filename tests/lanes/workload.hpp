// tests/lanes/workload.hpp: programs of one lane alone, with what they must leave in memory.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "lanes/arena.hpp"
#include "lanes/lane.hpp"
#include "lanes/net/world.hpp"

namespace maniple::test {

/// What a workload has; a test runs on those that have what it is about.
enum class Capability {
    chunks,        ///< a lane that carries out chunks; without it: results alone
    asynchronous,  ///< another thread reports a chunk than the one that submitted it
    cancelled,     ///< cancel() gives up what is in flight
};

/// One lane with a program of its own. All ranks make the same.
class Workload {
public:
    virtual ~Workload() = default;
    /// Null for what is no lane: the reference.
    virtual Lane* lane() = 0;
    virtual const Program& program() const = 0;
    /// Puts the inputs of execution `seed` into memory, and spoils what the program writes.
    virtual void set(int seed) = 0;
    /// What is wrong with the results of execution `seed`; empty: nothing.
    virtual std::string fault(int seed) = 0;
};

/// Makes a workload; null with a reason where its lane is not to be had.
struct WorkloadMaker {
    std::string name;
    std::set<Capability> capabilities;
    std::function<std::unique_ptr<Workload>(const World& world, std::string& reason)> make;
};

const std::vector<WorkloadMaker>& all_workloads();

}  // namespace maniple::test
