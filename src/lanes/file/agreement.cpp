#include "lanes/file/agreement.hpp"

#include <fmt/format.h>

#include <limits>
#include <numeric>
#include <string>

#include "base/error.hpp"
#include "base/patience.hpp"
#include "base/text.hpp"
#include "lanes/file/failure_bytes.hpp"

namespace maniple {
namespace {

void check_mpi(int code, const char* call) {
    if (code != MPI_SUCCESS) throw LinkError(fmt::format("{} failed with code {}", call, code));
}

/// Collective. What MPI waits for in its own calls keeps a core busy, and a rank may have much to do before it comes.
void meet(MPI_Comm communicator) {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibarrier(communicator, &request), "MPI_Ibarrier");
    Patience().until([&] {
        int all_came = 0;
        check_mpi(MPI_Test(&request, &all_came, MPI_STATUS_IGNORE), "MPI_Test");
        return all_came != 0;
    });
}

void broadcast(MPI_Comm communicator, int root, std::string& bytes) {
    std::int64_t length = std::ssize(bytes);
    check_mpi(MPI_Bcast(&length, 1, MPI_INT64_T, root, communicator), "MPI_Bcast");
    bytes.resize(static_cast<std::size_t>(length));
    check_mpi(MPI_Bcast(bytes.data(), checked_cast<int>(length), MPI_BYTE, root, communicator), "MPI_Bcast");
}

}  // namespace

void agree(MPI_Comm communicator, const std::exception_ptr& failure) {
    const int ranks = size_of(communicator);
    const int mine = failure ? rank_in(communicator) : ranks;
    int first_failed = mine;
    if (ranks > 1) {
        meet(communicator);
        check_mpi(MPI_Allreduce(&mine, &first_failed, 1, MPI_INT, MPI_MIN, communicator), "MPI_Allreduce");
    }
    if (first_failed == ranks) return;

    std::string bytes;
    if (mine == first_failed) bytes = failure_to_bytes(failure);
    if (ranks > 1) broadcast(communicator, first_failed, bytes);
    throw_failure(bytes, first_failed > 0 ? fmt::format(" (on rank {})", first_failed) : "");
}

std::vector<std::int64_t> gather_numbers(MPI_Comm communicator, const std::vector<std::int64_t>& mine) {
    const auto ranks = static_cast<std::size_t>(size_of(communicator));
    const std::int64_t my_count = std::ssize(mine);
    std::vector<std::int64_t> counts(ranks);
    meet(communicator);
    check_mpi(MPI_Allgather(&my_count, 1, MPI_INT64_T, counts.data(), 1, MPI_INT64_T, communicator), "MPI_Allgather");
    const std::int64_t total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
    if (total > std::numeric_limits<int>::max()) {  // the same on every rank
        throw UnavailableError(fmt::format("{} numbers of checksums are more than one message holds", total));
    }
    std::vector<int> lengths, offsets;
    int offset = 0;
    for (std::int64_t count : counts) {
        offsets.push_back(offset);
        lengths.push_back(static_cast<int>(count));
        offset += lengths.back();
    }
    std::vector<std::int64_t> all(rank_in(communicator) == 0 ? static_cast<std::size_t>(total) : 0);
    check_mpi(MPI_Gatherv(mine.data(), static_cast<int>(my_count), MPI_INT64_T, all.data(), lengths.data(),
                          offsets.data(), MPI_INT64_T, 0, communicator),
              "MPI_Gatherv");
    return all;
}

int rank_in(MPI_Comm communicator) {
    int rank = 0;
    if (communicator == MPI_COMM_NULL) return rank;
    check_mpi(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank");
    return rank;
}

int size_of(MPI_Comm communicator) {
    int size = 1;
    if (communicator == MPI_COMM_NULL) return size;
    check_mpi(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
    return size;
}

}  // namespace maniple
