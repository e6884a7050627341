// Loaded before a run's own libraries (LD_PRELOAD): lets one thing go wrong on one rank.
//
//   FAULT_RANK=R FAULT=message   the 100th message that rank R sends never leaves
//   FAULT_RANK=R FAULT=read      rank R's reads of 16 KiB or more fail with EIO
#include <dlfcn.h>
#include <mpi.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace {

bool wanted(const char* fault) {
    const char* name = std::getenv("FAULT");
    const char* victim = std::getenv("FAULT_RANK");
    const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
    return name && victim && rank && std::strcmp(name, fault) == 0 && std::strcmp(victim, rank) == 0;
}

using Read = ssize_t (*)(int, void*, size_t, off64_t);

ssize_t read_or_fail(const char* function, int file, void* to, size_t bytes, off64_t offset) {
    static const bool fails = wanted("read");
    if (fails && bytes >= 16384) {
        errno = EIO;
        return -1;
    }
    return reinterpret_cast<Read>(dlsym(RTLD_NEXT, function))(file, to, bytes, offset);
}

}  // namespace

extern "C" {

int MPI_Isend(const void* bytes, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request* request) {
    static const bool loses = wanted("message");
    static std::atomic<int> started{0};
    if (!loses || started.fetch_add(1) != 100) return PMPI_Isend(bytes, count, type, to, tag, comm, request);
    *request = MPI_REQUEST_NULL;  // as if it had left
    return MPI_SUCCESS;
}

ssize_t pread(int file, void* to, size_t bytes, off_t offset) { return read_or_fail("pread", file, to, bytes, offset); }
ssize_t pread64(int file, void* to, size_t bytes, off64_t offset) {
    return read_or_fail("pread64", file, to, bytes, offset);
}
}
