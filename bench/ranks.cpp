#include "ranks.hpp"

#include <cstdlib>
#include <initializer_list>

namespace maniple::bench {

Ranks::Ranks(MPI_Comm communicator) : communicator_(communicator) {
    MPI_Comm_rank(communicator, &rank_);
    MPI_Comm_size(communicator, &size_);
}

void Ranks::barrier() const {
    if (size_ > 1) MPI_Barrier(communicator_);
}

double Ranks::greatest(double value) const {
    if (size_ > 1) MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_MAX, communicator_);
    return value;
}

std::uint64_t Ranks::sum(std::uint64_t value) const {
    if (size_ > 1) MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_UINT64_T, MPI_SUM, communicator_);
    return value;
}

std::int64_t Ranks::from_root(std::int64_t value) const {
    if (size_ > 1) MPI_Bcast(&value, 1, MPI_INT64_T, 0, communicator_);
    return value;
}

int Ranks::on_this_node() const {
    if (size_ == 1) return 1;
    MPI_Comm node = MPI_COMM_NULL;
    MPI_Comm_split_type(communicator_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    int count = 1;
    MPI_Comm_size(node, &count);
    MPI_Comm_free(&node);
    return count;
}

bool launched_as_ranks() {
    for (const char* const name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"}) {
        const char* const text = std::getenv(name);
        if (text != nullptr && std::atoi(text) > 1) return true;
    }
    return false;
}

}  // namespace maniple::bench
