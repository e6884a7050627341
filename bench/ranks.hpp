// bench/ranks.hpp: the ranks that a bench runs on, for what it does between its timings.
#pragma once

#include <mpi.h>

#include <cstdint>

namespace maniple::bench {

/// One process on its own, for which MPI need not run, or those of MPI_COMM_WORLD.
/// Threads: the main thread.
class Ranks {
public:
    Ranks() = default;
    /// Requires: MPI is initialised, and not finalised while this is used.
    explicit Ranks(MPI_Comm communicator);

    int rank() const { return rank_; }
    int size() const { return size_; }
    bool is_root() const { return rank_ == 0; }
    MPI_Comm communicator() const { return communicator_; }

    // Collective; they block.
    void barrier() const;
    double greatest(double value) const;
    std::uint64_t sum(std::uint64_t value) const;  ///< modulo 2^64
    /// The root's value on every rank.
    std::int64_t from_root(std::int64_t value) const;
    int on_this_node() const;  ///< of them

private:
    MPI_Comm communicator_ = MPI_COMM_NULL;
    int rank_ = 0;
    int size_ = 1;
};

/// Whether a launcher (mpirun, srun) started this process as one of several, from its environment: before MPI_Init.
bool launched_as_ranks();

}  // namespace maniple::bench
