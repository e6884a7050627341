// lanes/net/watch.hpp: notices lost ranks and runs that make no progress, and ends the job instead of letting it wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "lanes/net/world.hpp"

namespace maniple {

/// What a rank tells of itself, asked for on the watch's thread.
struct WatchSource {
    std::function<std::int64_t()> progress;  ///< grows with every finished chunk
    std::function<bool()> in_file_system;    ///< a call that may be long without being stuck
    std::function<std::string()> in_flight;  ///< for the diagnosis
};

/// One thread a rank. Every half second it sends what its rank has done to rank 0, which answers. If no rank has made
/// progress for the stall limit, or a rank (or rank 0) has not been heard of for so long, rank 0 (or the rank that
/// misses it) prints a table and ends the job with code 76 through MPI_Abort: the one way to end ranks that wait.
/// There is no other detector: Open MPI 4 notices neither a cut link nor, under srun, a dead peer.
class Watch {
public:
    /// Borrows the world. Not collective, but every rank must have one.
    Watch(const World& world, double stall_seconds);
    ~Watch();  ///< Stops the thread. Other ranks may still watch: they are told.
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// From now on, until the next call, the run is described by `source`. Null members: no run is under way.
    void observe(WatchSource source);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace maniple
