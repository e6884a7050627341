// lanes/file/agreement.hpp: the ranks of a communicator succeed together or fail together.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <exception>
#include <vector>

namespace maniple {

/// Collective. `failure`: this rank's, or null. Returns where no rank failed; else every rank throws the failure of
/// the lowest rank that has one, as the same class of Error, with that rank's number if it is not rank 0.
/// Errors: that one; LinkError where MPI fails.
void agree(MPI_Comm communicator, const std::exception_ptr& failure);

/// Runs `work` and agrees on how it went. Collective; `work` must not communicate unless all ranks' does alike.
template <class Work>
void together(MPI_Comm communicator, Work&& work) {
    std::exception_ptr failure;
    try {
        work();
    } catch (...) { failure = std::current_exception(); }
    agree(communicator, failure);
}

/// Collective: every rank's numbers, in the order of ranks, on rank 0; empty elsewhere.
std::vector<std::int64_t> gather_numbers(MPI_Comm communicator, const std::vector<std::int64_t>& mine);

int rank_in(MPI_Comm communicator);  ///< 0 where it is MPI_COMM_NULL: of one process alone
int size_of(MPI_Comm communicator);  ///< 1 likewise

}  // namespace maniple
