// lanes/net/meeting.hpp: whether all ranks have come to a place, asked without waiting for them.
#pragma once

#include <mpi.h>

#include "lanes/net/world.hpp"

namespace maniple {

/// A barrier that is looked at now and then. Owns a duplicate of the world's communicator.
/// Threads: one, the same for the whole life of a meeting.
class Meeting {
public:
    explicit Meeting(const World& world);  ///< Collective.
    ~Meeting();
    Meeting(const Meeting&) = delete;
    Meeting& operator=(const Meeting&) = delete;

    /// The first call says that this rank has come; true once all have said so, and the next call begins another meeting.
    /// Never blocks. Errors: LinkError.
    bool all_have_come();

    /// Whether this rank has come and somebody has not, as far as is known.
    bool has_begun() const { return request_ != MPI_REQUEST_NULL; }

private:
    MPI_Comm communicator_ = MPI_COMM_NULL;
    MPI_Request request_ = MPI_REQUEST_NULL;
};

}  // namespace maniple
