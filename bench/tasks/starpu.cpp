#include <starpu.h>

#include <cstdlib>
#include <stdexcept>

#include "pin.hpp"
#include "tasks/system.hpp"

namespace maniple::bench {
namespace {

struct Argument {
    Work* work = nullptr;
    std::uint32_t packed = 0;
};

void run_task(void** /*buffers*/, void* argument) {
    const auto* const mine = static_cast<const Argument*>(argument);
    mine->work->run(mine->packed);
}

starpu_codelet& codelet() {
    static starpu_codelet made = [] {
        starpu_codelet codelet;
        starpu_codelet_init(&codelet);
        codelet.cpu_funcs[0] = run_task;
        codelet.nbuffers = 0;
        codelet.name = "task";
        return codelet;
    }();
    return made;
}

bool& started() {
    static bool is = false;
    return is;
}

/// StarPU runs once in a process: with so many workers, and no calibration of buses to devices that are not used.
void start(int threads) {
    if (started()) return;
    setenv("STARPU_SILENT", "1", 0);
    starpu_conf conf;
    starpu_conf_init(&conf);
    conf.ncpus = threads;
    conf.ncuda = 0;
    conf.nopencl = 0;
    unpin_this_thread();  // StarPU binds its workers itself, among the cores that it sees from here
    const int result = starpu_init(&conf);
    pin_this_thread(0);
    if (result != 0) throw std::runtime_error("starpu_init failed");
    started() = true;
    starpu_pause();
}

class Starpu final : public System {
public:
    Starpu(Work& work, int threads) : System(work) {
        start(threads);
        build();
    }
    ~Starpu() override {
        starpu_resume();
        for (starpu_task* const task : tasks_) starpu_task_destroy(task);
        starpu_pause();
    }

protected:
    std::string_view team() const override { return "starpu"; }
    void wake() override {
        unpin_this_thread();  // this thread submits beside the workers, on whichever core
        starpu_resume();
    }
    void execute() override {
        for (starpu_task* const task : tasks_) {
            if (starpu_task_submit(task) != 0) throw std::runtime_error("starpu_task_submit failed");
        }
        starpu_task_wait_for_all();
    }
    void rest() override {
        starpu_pause();
        pin_this_thread(0);
    }

private:
    void build() {
        const TaskGraph& graph = work().graph();
        arguments_.reserve(static_cast<std::size_t>(graph.tasks()));  // tasks point into it
        std::size_t above = 0;
        for (std::uint32_t step = 0; step < static_cast<std::uint32_t>(graph.steps()); ++step) {
            const std::size_t row = tasks_.size();
            const auto width = static_cast<std::uint32_t>(graph.width_at(static_cast<int>(step)));
            for (std::uint32_t column = 0; column < width; ++column) {
                std::vector<starpu_task*> before;
                for (const auto other : graph.predecessors(step, column)) before.push_back(tasks_[above + other]);
                add(pack(step, column), before);
            }
            above = row;
        }
    }

    void add(std::uint32_t packed, std::vector<starpu_task*>& before) {
        arguments_.push_back({&work(), packed});
        starpu_task* const task = starpu_task_create();
        task->cl = &codelet();
        task->cl_arg = &arguments_.back();
        task->cl_arg_size = sizeof(Argument);
        task->destroy = 0;  // it is submitted again
        if (!before.empty()) starpu_task_declare_deps_array(task, static_cast<unsigned>(before.size()), before.data());
        tasks_.push_back(task);
    }

    std::vector<Argument> arguments_;
    std::vector<starpu_task*> tasks_;
};

}  // namespace

std::unique_ptr<System> make_starpu(Work& work, int threads) { return std::make_unique<Starpu>(work, threads); }

void stop_starpu() {
    if (!started()) return;
    starpu_resume();
    starpu_shutdown();
    started() = false;
}

}  // namespace maniple::bench
