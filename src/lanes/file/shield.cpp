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
#include <ctime>
#include <map>
#include <vector>

#include "lanes/file/agreement.hpp"
#include "lanes/file/failure_bytes.hpp"

namespace maniple {
namespace {

constexpr timespec patience = {1, 0};  // of processor time
constexpr int crash_signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU};

constexpr char succeeded = 'S', failed = 'F', end_mark = '.';

bool mpi_runs() {
    int started = 0, ended = 0;
    MPI_Initialized(&started);
    MPI_Finalized(&ended);
    return started != 0 && ended == 0;
}

/// Sends this thread SIGXCPU when it has computed for too long.
class LoopAlarm {
public:
    ~LoopAlarm() { stop(); }
    void start() {
        sigevent event = {};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = SIGXCPU;
        event._sigev_un._tid = gettid();
        armed_ = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) == 0;
        restart();
    }
    void restart() {
        const itimerspec once = {{}, patience};
        if (armed_) timer_settime(timer_, 0, &once, nullptr);
    }
    void stop() {
        if (armed_) timer_delete(timer_);
        armed_ = false;
    }

private:
    timer_t timer_ = {};
    bool armed_ = false;
};

/// A stack for signal handlers: the other one may be what has overflowed.
class SignalStack {
public:
    SignalStack() {
        stack_t old = {};
        if (sigaltstack(nullptr, &old) != 0 || (old.ss_flags & SS_DISABLE) == 0) return;
        bytes_.resize(std::size_t{64} << 10);
        stack_t mine = {};
        mine.ss_sp = bytes_.data();
        mine.ss_size = bytes_.size();
        sigaltstack(&mine, nullptr);
    }
    ~SignalStack() {
        stack_t none = {};
        none.ss_flags = SS_DISABLE;
        if (!bytes_.empty()) sigaltstack(&none, nullptr);
    }

private:
    std::vector<char> bytes_;
};

thread_local LoopAlarm loop_alarm;
thread_local const CrashNotice* innermost_notice = nullptr;
std::map<int, struct sigaction> previous_actions;  // written once, before the first handler can run
bool other_ranks_may_speak = false;                // this is not rank 0

extern "C" void on_crash(int signal) {
    if (innermost_notice == nullptr) {
        sigaction(signal, &previous_actions.at(signal), nullptr);
        raise(signal);  // held back until the handler returns; a faulty instruction comes again by itself
        return;
    }
    // Ranks that read the same bytes crash together: the launcher ends the others when the first is gone.
    const timespec moment = {0, 500'000'000};
    if (other_ranks_may_speak) nanosleep(&moment, nullptr);
    const std::string& text = innermost_notice->text();
    static_cast<void>(!write(STDERR_FILENO, text.data(), text.size()));
    _exit(static_cast<int>(ExitCode::data));
}

void take_signals_over() {
    for (const int signal : crash_signals) sigaction(signal, nullptr, &previous_actions[signal]);
    struct sigaction action = {};
    action.sa_handler = on_crash;
    action.sa_flags = SA_ONSTACK;
    for (const int signal : crash_signals) sigaction(signal, &action, nullptr);
    other_ranks_may_speak = mpi_runs() && rank_in(MPI_COMM_WORLD) != 0;
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
    for (const int signal : crash_signals) std::signal(signal, SIG_DFL);
    loop_alarm.start();
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
    if (!mpi_runs() || size_of(MPI_COMM_WORLD) == 1) message = outcome_from_child(path, place, work, status);
    if (message.empty()) {
        const CrashNotice notice(path, place, CrashNotice::Patience::bounded);
        message = outcome_of(path, place, work);
    }
    if (message.front() == end_mark) {
        throw DataError(place, fmt::format("'{}' is damaged: the HDF5 library failed on it ({})", path,
                                           WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no result"));
    }
    message.pop_back();
    if (message.front() == failed) throw_failure(message.substr(1));
    return message.substr(1);
}

void still_working() { loop_alarm.restart(); }

CrashNotice::CrashNotice(const std::string& path, const Place& place, Patience patience_wanted)
    : outer_(innermost_notice), bounded_(patience_wanted == Patience::bounded) {
    static const bool taken_over = (take_signals_over(), true);
    static_cast<void>(taken_over);
    static thread_local const SignalStack stack;
    static_cast<void>(stack);
    Diagnostic diagnostic;
    diagnostic.place = place;
    diagnostic.message = fmt::format("'{}' is damaged: the HDF5 library failed on it", path);
    text_ = render(diagnostic);
    innermost_notice = this;
    if (bounded_) loop_alarm.start();
}

CrashNotice::~CrashNotice() {
    if (bounded_) loop_alarm.stop();
    innermost_notice = outer_;
}

}  // namespace maniple
