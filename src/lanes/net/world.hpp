// lanes/net/world.hpp: the ranks of a run: their number, agreement among them, and values sent to all.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/ids.hpp"

namespace maniple {

/// Throws LinkError if `code` is not MPI_SUCCESS. `call` names the function.
void check_mpi(int code, const char* call);

/// Initialises MPI for this process and finalises it. One at a time, on the main thread.
class MpiSession {
public:
    /// Errors: UnavailableError if MPI_THREAD_MULTIPLE is not provided.
    MpiSession(int* argc, char*** argv);
    ~MpiSession();
    MpiSession(const MpiSession&) = delete;
    MpiSession& operator=(const MpiSession&) = delete;
};

/// For those whose program initialises MPI itself. Errors: UnavailableError if it is not initialised, already
/// finalised, or does not provide MPI_THREAD_MULTIPLE.
void require_threaded_mpi();

/// Owns one duplicate of a communicator for each user, so that their messages never meet: the net lane, the file
/// lane, this class's own collectives, and the watch over lost ranks. Errors are returned, not fatal. One rank alone
/// has nobody to talk to: then there are no duplicates, and MPI is not called.
/// Threads: collectives on the main thread only.
class World {
public:
    /// This process alone. MPI need not be initialised.
    World() = default;
    /// Collective.
    explicit World(MPI_Comm communicator);
    ~World();  ///< Collective.
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    Rank rank() const { return Rank(std::int32_t{rank_}); }
    int size() const { return size_; }
    bool is_root() const { return rank_ == 0; }
    MPI_Comm data() const { return data_; }  ///< MPI_COMM_NULL of one rank, like the others
    MPI_Comm files() const { return files_; }
    MPI_Comm watch() const { return watch_; }

    /// Collective; blocks. Rank 0's bytes on every rank.
    std::string broadcast(const std::string& bytes) const;
    /// Collective; blocks. Every rank's bytes, by rank, on every rank.
    std::vector<std::string> gather(const std::string& bytes) const;
    std::int64_t sum(std::int64_t value) const;  ///< Collective; blocks.

    struct NodePlace {
        int rank = 0;   ///< among the ranks of this node
        int ranks = 1;  ///< of this node
    };
    NodePlace place_on_node() const;  ///< Collective; blocks.

    /// Collective; blocks. Throws the same error on every rank if any rank has one: that of the lowest rank, and of
    /// those not `secondary` (caused by another rank's failure) first. The message names the rank if it is not rank 0.
    void agree(const std::exception_ptr& error) const;

    /// Collective; blocks. Errors: LinkError on all ranks if `bytes` is not the same everywhere: `what` differs.
    void require_equal(const std::string& bytes, const std::string& what) const;

    /// Ends all ranks at once, whatever they do. Any thread.
    [[noreturn]] void abort(ExitCode code) const;

private:
    MPI_Comm own_ = MPI_COMM_NULL;
    MPI_Comm data_ = MPI_COMM_NULL;
    MPI_Comm files_ = MPI_COMM_NULL;
    MPI_Comm watch_ = MPI_COMM_NULL;
    int rank_ = 0;
    int size_ = 1;
};

/// Runs `stage` on this rank; then all ranks agree that it went well, or throw the same error. Collective; blocks.
template <class Stage>
void together(const World& world, Stage&& stage) {
    std::exception_ptr error;
    try {
        stage();
    } catch (...) { error = std::current_exception(); }
    world.agree(error);
}

/// A failure on another rank, learnt from its notice; agree() prefers the failure itself.
class RemoteFailure : public LinkError {
public:
    using LinkError::LinkError;
};

/// "Open MPI v4.1.4".
std::string mpi_version();

}  // namespace maniple
