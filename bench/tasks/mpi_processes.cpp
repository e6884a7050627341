#include "tasks/mpi_processes.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <thread>

#include "base/error.hpp"
#include "harness.hpp"
#include "pin.hpp"

namespace maniple::bench {
namespace {

/// One line to the ranks: a graph to hold, or a kernel to run it with.
using Line = std::array<char, 128>;

/// Never returns.
[[noreturn]] void become_mpirun(int ranks, const std::string& program, int standard_in, int standard_out) {
    unpin_this_thread();  // mpirun binds each rank to a core
    dup2(standard_in, STDIN_FILENO);
    dup2(standard_out, STDOUT_FILENO);
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
    const std::string count = std::to_string(ranks);
    const char* const share = ranks > available_cores() ? "--oversubscribe" : "--quiet";
    execlp("mpirun", "mpirun", "--quiet", share, "-n", count.c_str(), program.c_str(), "--mpi-ranks",
           static_cast<char*>(nullptr));
    _exit(127);
}

bool readable(int file, int milliseconds) {
    pollfd waited{file, POLLIN, 0};
    return poll(&waited, 1, milliseconds) == 1;
}

/// The root's next line on every rank; false at the end of its input.
bool next_line(const Ranks& ranks, Line& line) {
    line.fill('\0');
    if (ranks.is_root()) {
        std::string text;
        if (!std::getline(std::cin, text)) text = "quit";
        text.copy(line.data(), line.size() - 1);
    }
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibcast(line.data(), static_cast<int>(line.size()), MPI_CHAR, 0, ranks.communicator(), &request);
    for (int done = 0;;) {
        MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (done != 0) break;
        // A blocking broadcast would take a core from whatever is being timed.
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return std::string(line.data()) != "quit";
}

}  // namespace

/// A system whose tasks run in other processes.
class RemoteMpi final : public System {
public:
    RemoteMpi(Work& work, MpiProcesses& processes) : System(work), processes_(processes) {
        const TaskGraph& graph = work.graph();
        graph_ = "graph " + std::string(name_of(graph.pattern())) + " " + std::to_string(graph.width()) + " " +
                 std::to_string(graph.steps());
    }

    double run_ns() override {
        if (processes_.loaded_ != graph_) {
            processes_.ask(graph_, 60);
            processes_.loaded_ = graph_;
        }
        wait_for_other_teams();
        std::istringstream answer(processes_.ask("run " + text_of(work().kernel()), 60));
        double ns = 0;
        if (!(answer >> ns >> checksum_)) throw UnavailableError("the MPI ranks gave no figure");
        return ns;
    }
    std::uint64_t checksum() override { return checksum_; }

protected:
    std::string_view team() const override { return "ranks"; }
    void execute() override {}

private:
    MpiProcesses& processes_;
    std::string graph_;
    std::uint64_t checksum_ = 0;
};

MpiProcesses::MpiProcesses(int ranks) {
    const std::string program = std::filesystem::read_symlink("/proc/self/exe");
    std::array<int, 2> to{};
    std::array<int, 2> from{};
    if (pipe2(to.data(), O_CLOEXEC) != 0 || pipe2(from.data(), O_CLOEXEC) != 0) throw UnavailableError("no pipe");
    signal(SIGPIPE, SIG_IGN);
    process_ = fork();
    if (process_ == 0) become_mpirun(ranks, program, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    to_ranks_ = to[1];
    from_ranks_ = from[0];
    if (process_ < 0) throw UnavailableError("no process for mpirun");
    ask("hello", 30);
}

MpiProcesses::~MpiProcesses() {
    close(to_ranks_);  // the end of their input ends them
    close(from_ranks_);
    waitpid(process_, nullptr, 0);
}

std::unique_ptr<System> MpiProcesses::make(Work& work) { return std::make_unique<RemoteMpi>(work, *this); }

std::string MpiProcesses::ask(const std::string& line, int timeout_seconds) {
    const std::string sent = line + "\n";
    if (write(to_ranks_, sent.data(), sent.size()) != static_cast<ssize_t>(sent.size())) {
        throw UnavailableError("mpirun has ended");
    }
    while (unread_.find('\n') == std::string::npos) {
        std::array<char, 256> buffer{};
        const ssize_t got = readable(from_ranks_, timeout_seconds * 1000)
                                ? read(from_ranks_, buffer.data(), buffer.size())
                                : ssize_t{0};
        if (got <= 0) throw UnavailableError("mpirun or its ranks do not answer");
        unread_.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const auto end = unread_.find('\n');
    std::string answer = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    return answer;
}

void serve_mpi_ranks() {
    const Ranks ranks(MPI_COMM_WORLD);
    std::unique_ptr<Work> work;
    std::unique_ptr<System> system;
    for (Line line{}; next_line(ranks, line);) {
        std::istringstream words(line.data());
        std::string verb;
        std::string name;
        words >> verb >> name;
        std::ostringstream answer;
        answer << verb;
        if (verb == "graph") {
            int width = 0;
            int steps = 0;
            words >> width >> steps;
            work = std::make_unique<Work>(pattern_named(name).value(), width, steps, ranks);
            system = make_mpi(*work);
        } else if (verb == "run") {
            work->set_kernel(kernel_named(name).value());
            const double ns = system->run_ns();
            answer.str("");
            answer << ns << ' ' << system->checksum();
        }
        if (ranks.is_root()) std::cout << answer.str() << std::endl;
    }
}

}  // namespace maniple::bench
