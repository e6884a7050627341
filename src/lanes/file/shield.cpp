#include "lanes/file/shield.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <mpi.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "lanes/file/agreement.hpp"
#include "lanes/file/failure_bytes.hpp"

namespace maniple {
namespace {

constexpr rlim_t patience_seconds = 5;  // of processor time
bool is_child = false;

constexpr char succeeded = 'S', failed = 'F', end_mark = '.';

bool is_one_of_several_ranks() {
    int started = 0, ended = 0;
    MPI_Initialized(&started);
    MPI_Finalized(&ended);
    return started != 0 && ended == 0 && size_of(MPI_COMM_WORLD) > 1;
}

/// The result of `work`, or its failure, as one message.
std::string outcome_of(const std::string& path, const Place& place, const std::function<std::string()>& work) {
    try {
        try {
            return succeeded + work() + end_mark;
        } catch (const Error&) { throw; } catch (const std::exception& error) {
            throw DataError(place, fmt::format("'{}' is damaged: {}", path, error.what()));
        }
    } catch (const Error&) { return failed + failure_to_bytes(std::current_exception()) + end_mark; }
}

/// A crash or an endless loop is expected here: no core file, and nobody's handler or message for it.
void expect_crash() {
    is_child = true;
    still_working();
    for (int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU}) std::signal(signal, SIG_DFL);
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
}

void send_all(int descriptor, const std::string& message) {
    std::size_t sent = 0;
    while (sent < message.size()) {
        const ssize_t count = write(descriptor, message.data() + sent, message.size() - sent);
        if (count < 0 && errno != EINTR) return;
        if (count > 0) sent += static_cast<std::size_t>(count);
    }
}

std::string receive_all(int descriptor) {
    std::string message;
    char part[4096];
    for (;;) {
        const ssize_t count = read(descriptor, part, sizeof part);
        if (count > 0) message.append(part, static_cast<std::size_t>(count));
        if (count == 0 || (count < 0 && errno != EINTR)) return message;
    }
}

/// The child's message; "" where no child could be made.
std::string outcome_from_child(const std::string& path, const Place& place, const std::function<std::string()>& work,
                               int& status) {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) return {};
    const pid_t child = fork();
    if (child == 0) {
        expect_crash();
        send_all(ends[1], outcome_of(path, place, work));
        _exit(0);
    }
    close(ends[1]);
    std::string message = child > 0 ? receive_all(ends[0]) : "";
    close(ends[0]);
    if (child < 0) return {};
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (message.size() < 2 || message.back() != end_mark) message = end_mark;
    return message;
}

}  // namespace

std::string shielded(const std::string& path, const Place& place, const std::function<std::string()>& work) {
    int status = 0;
    std::string message;
    if (!is_one_of_several_ranks()) message = outcome_from_child(path, place, work, status);
    if (message.empty()) message = outcome_of(path, place, work);
    if (message.front() == end_mark) {
        throw DataError(place, fmt::format("'{}' is damaged: the HDF5 library failed on it ({})", path,
                                           WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no result"));
    }
    message.pop_back();
    if (message.front() == failed) throw_failure(message.substr(1));
    return message.substr(1);
}

void still_working() {
    rusage used = {};
    rlimit limit = {};
    if (!is_child || getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0) return;
    const auto seconds = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
    limit.rlim_cur = std::min(limit.rlim_max, seconds + 1 + patience_seconds);
    setrlimit(RLIMIT_CPU, &limit);
}

}  // namespace maniple
