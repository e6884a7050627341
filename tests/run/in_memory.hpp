// tests/run/in_memory.hpp: one rank's part of a job that reads no files, with results in memory.
#pragma once

#include <mpi.h>

#include <functional>
#include <optional>
#include <string>

#include "memory_files.hpp"
#include "program/blocks.hpp"
#include "random_run.hpp"

namespace maniple {

/// May be run again and again.
class InMemory {
public:
    explicit InMemory(const std::string& text, GpuSource* gpus = nullptr, bool through_mpi = false,
                      const PlanRequest& request = {})
        : world_(MPI_COMM_WORLD), registry_(standard_kernels()),
          graph_(build_graph(parse_job(text, "test.yaml"), {}, registry_)),
          plan_(make_plan(graph_, Machine::uniform(world_.size(), {}), request)),
          layout_(build_layout(graph_, plan_, world_.rank(),
                               gpus == nullptr ? cpus() : gpus->choose(graph_, 1, world_.rank()))) {
        if (gpus != nullptr) gpus->open(graph_, layout_);
        arena_.emplace(layout_, [=](BufferId id) { return gpus->mapped(id); });
        cpu_.emplace(graph_, *arena_, choose_instruction_set(registry_.all().front().instruction_sets), 2);
        net_.emplace(world_, *arena_, through_mpi ? nullptr : &mailboxes_);
        files_.emplace(graph_, *arena_, [](const Tensor&) { return TensorBytes(); });
        const std::vector<Lane*> lanes = gpus == nullptr ? std::vector<Lane*>{} : gpus->lanes(graph_, *arena_, 2);
        executor_.emplace(graph_, plan_, *arena_, *cpu_, *net_, *files_, lanes, 2);
    }

    RunTotals run(const std::function<void(std::int64_t)>& on_block = [](std::int64_t) {}) {
        return executor_->run(on_block);
    }
    std::int64_t builds() const { return executor_->builds(); }
    Executor& executor() { return *executor_; }
    const World& world() const { return world_; }
    const CpuLane& cpu() const { return *cpu_; }
    const Graph& graph() const { return graph_; }
    const Plan& plan() const { return plan_; }

private:
    static LaneChoice cpus() {
        LaneChoice lanes;
        lanes.cpus_alone = true;
        lanes.threads = 2;
        return lanes;
    }

    World world_;
    KernelRegistry registry_;
    Graph graph_;
    Plan plan_;
    Layout layout_;
    std::optional<Arena> arena_;
    std::optional<CpuLane> cpu_;
    Mailboxes mailboxes_{world_, true};
    std::optional<NetLane> net_;
    std::optional<MemoryFiles> files_;
    std::optional<Executor> executor_;
};

}  // namespace maniple
