#include <array>

#include "openmp_team.hpp"
#include "tasks/system.hpp"

namespace maniple::bench {
namespace {

/// What the `depend` clauses of a task name: made once, before the clock starts.
struct Task {
    std::uint32_t packed = 0;
    std::uint32_t count = 0;
    std::uint64_t* out = nullptr;
    std::array<std::uint64_t*, most_predecessors> in{};
};

/// A list of dependences of each length is cheaper in libgomp than an iterator over it.
void submit(Work& work, const Task& task) {
    Work* const mine = &work;
    const std::uint32_t packed = task.packed;
    std::uint64_t* const out = task.out;
    const auto& in = task.in;
    switch (task.count) {
        case 0: {
#pragma omp task firstprivate(mine, packed) depend(out : *out)
            mine->run(packed);
            break;
        }
        case 1: {
#pragma omp task firstprivate(mine, packed) depend(out : *out) depend(in : *in[0])
            mine->run(packed);
            break;
        }
        case 2: {
#pragma omp task firstprivate(mine, packed) depend(out : *out) depend(in : *in[0], *in[1])
            mine->run(packed);
            break;
        }
        case 3: {
#pragma omp task firstprivate(mine, packed) depend(out : *out) depend(in : *in[0], *in[1], *in[2])
            mine->run(packed);
            break;
        }
        case 4: {
#pragma omp task firstprivate(mine, packed) depend(out : *out) depend(in : *in[0], *in[1], *in[2], *in[3])
            mine->run(packed);
            break;
        }
        default: {
#pragma omp task firstprivate(mine, packed) depend(out : *out) depend(in : *in[0], *in[1], *in[2], *in[3], *in[4])
            mine->run(packed);
            break;
        }
    }
}

class OpenmpDepend final : public System {
public:
    OpenmpDepend(Work& work, int threads) : System(work), threads_(threads) {
        const TaskGraph& graph = work.graph();
        tasks_.reserve(static_cast<std::size_t>(graph.tasks()));
        for (std::uint32_t step = 0; step < static_cast<std::uint32_t>(graph.steps()); ++step) {
            const auto width = static_cast<std::uint32_t>(graph.width_at(static_cast<int>(step)));
            for (std::uint32_t column = 0; column < width; ++column) {
                Task task{pack(step, column), 0, &work.value(step, column), {}};
                for (const auto before : graph.predecessors(step, column)) {
                    task.in[task.count++] = &work.value(step - 1, before);
                }
                tasks_.push_back(task);
            }
        }
    }

protected:
    std::string_view team() const override { return "openmp"; }
    void wake() override { wake_openmp_team(threads_); }
    void execute() override {
#pragma omp parallel num_threads(threads_)
#pragma omp single
        for (const Task& task : tasks_) submit(work(), task);
    }

private:
    int threads_;
    std::vector<Task> tasks_;
};

}  // namespace

std::unique_ptr<System> make_openmp_depend(Work& work, int threads) {
    return std::make_unique<OpenmpDepend>(work, threads);
}

}  // namespace maniple::bench
