#include "lanes/net/meeting.hpp"

namespace maniple {

Meeting::Meeting(const World& world) {
    check_mpi(MPI_Comm_dup(world.data(), &communicator_), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN);
}

Meeting::~Meeting() {
    // After a failure not all come; the job is ended then, and what is in flight with it.
    if (request_ == MPI_REQUEST_NULL) MPI_Comm_free(&communicator_);
}

bool Meeting::all_have_come() {
    if (request_ == MPI_REQUEST_NULL) check_mpi(MPI_Ibarrier(communicator_, &request_), "MPI_Ibarrier");
    int all = 0;
    check_mpi(MPI_Test(&request_, &all, MPI_STATUS_IGNORE), "MPI_Test");  // sets the request to null when it is over
    return all != 0;
}

}  // namespace maniple
