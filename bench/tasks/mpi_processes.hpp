// bench/tasks/mpi_processes.hpp: the MPI rival of a bench that is itself one process: ranks of their own behind a pipe.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>

#include "tasks/system.hpp"

namespace maniple::bench {

/// Runs this program again as `mpirun -n RANKS PROGRAM --mpi-ranks`. Between runs the ranks sleep: rank 0 in read(),
/// the others in polls 5 ms apart.
class MpiProcesses {
public:
    /// Errors: UnavailableError if there is no mpirun, or its ranks do not answer within 30 s.
    explicit MpiProcesses(int ranks);
    ~MpiProcesses();
    MpiProcesses(const MpiProcesses&) = delete;
    MpiProcesses& operator=(const MpiProcesses&) = delete;

    /// Its run_ns() is what rank 0 measured. The work lends its shape and its kernel alone.
    std::unique_ptr<System> make(Work& work);

private:
    friend class RemoteMpi;
    /// Sends a line and returns the answer.
    std::string ask(const std::string& line, int timeout_seconds);

    pid_t process_ = -1;
    int to_ranks_ = -1;
    int from_ranks_ = -1;
    std::string unread_;
    std::string loaded_;  ///< the graph that the ranks hold
};

/// What those ranks do until they are told to end. Collective over MPI_COMM_WORLD; MPI is initialised.
void serve_mpi_ranks();

}  // namespace maniple::bench
