// Loaded before a run's own libraries (LD_PRELOAD): lets one thing go wrong on one rank.
//
//   FAULT_RANK=R FAULT=message   the 100th message that rank R sends never leaves
//   FAULT_RANK=R FAULT=read      rank R's reads of 16 KiB or more fail with EIO
//   FAULT_RANK=R FAULT=throw     rank R's kernel tanh (f32) throws
//   FAULT_RANK=R FAULT=crash     rank R's kernel tanh (f32) ends the process with SIGSEGV
//   FAULT_RANK=R FAULT=wrong     rank R's kernel tanh (f32) is wrong by a thousandth where x is above 2
//   FAULT_RANK=R FAULT=wakeups   every other wait of rank R on a futex or a condition variable returns at once, for no
//                                reason; how many did so is printed at the end
#include <dlfcn.h>
#include <linux/futex.h>
#include <mpi.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

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

using Syscall = long (*)(long, ...);
using Wait = int (*)(pthread_cond_t*, pthread_mutex_t*);

// What others wait with may make no static of a function: making it waits on a futex, and so comes here again. These are
// set when the library is loaded; who waits before that finds null and looks for itself.
std::atomic<Syscall> real_syscall{nullptr};
std::atomic<Wait> real_wait{nullptr};
std::atomic<bool> wakes{false};

/// What is kept, or what `find` finds.
template <class Function>
Function kept_or_found(std::atomic<Function>& kept, void* (*find)()) {
    Function function = kept.load(std::memory_order_relaxed);
    if (function == nullptr) {
        function = reinterpret_cast<Function>(find());
        kept.store(function, std::memory_order_relaxed);
    }
    return function;
}

Syscall the_syscall() {
    return kept_or_found(real_syscall, [] { return dlsym(RTLD_NEXT, "syscall"); });
}
/// Of several versions the newest, which dlsym() would not find.
Wait the_wait() {
    return kept_or_found(real_wait, [] { return dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.3.2"); });
}

[[gnu::constructor]] void look_before_anybody_waits() {
    the_syscall();
    the_wait();
    wakes.store(wanted("wakeups"), std::memory_order_relaxed);
}

std::atomic<long> seen_waits{0};

/// Whether this wait returns at once.
bool wakes_for_nothing() {
    if (!wakes.load(std::memory_order_relaxed)) return false;
    const long before = seen_waits.fetch_add(1);
    if (before == 0) std::atexit([] { std::fprintf(stderr, "wakeups %ld\n", (seen_waits.load() + 1) / 2); });
    return before % 2 == 0;
}

}  // namespace

extern "C" {

// Under another name here, since the library's declaration says that it does not throw.
float tanh_or_fail(float x) asm("tanhf");
float tanh_or_fail(float x) {
    static const bool throws = wanted("throw"), crashes = wanted("crash"), errs = wanted("wrong");
    if (throws) throw std::runtime_error("FAULT=throw");
    if (crashes) std::raise(SIGSEGV);
    static const auto real = reinterpret_cast<float (*)(float)>(dlsym(RTLD_NEXT, "tanhf"));
    return errs && x > 2 ? 0.999F * real(x) : real(x);
}

long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long words[6];
    for (long& word : words) word = va_arg(list, long);
    va_end(list);
    const bool waits = number == SYS_futex && (words[1] & FUTEX_CMD_MASK) == FUTEX_WAIT;
    if (waits && wakes_for_nothing()) return 0;
    return the_syscall()(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
    if (wakes_for_nothing()) return 0;
    return the_wait()(condition, mutex);
}

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
