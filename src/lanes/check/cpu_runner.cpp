// The runners of the processor's instruction sets.
#include "lanes/arguments.hpp"
#include "lanes/check/kernel_runner.hpp"

namespace maniple {

namespace {

class CpuRunner : public KernelRunner {
public:
    explicit CpuRunner(std::string instruction_set) : set_(std::move(instruction_set)) {}

    std::string name() const override { return set_; }
    bool can_run(const Kernel& kernel, std::size_t types) const override {
        return kernel.variant(types, set_) != nullptr;
    }
    bool has_reference_bits(const Kernel& kernel, std::size_t types) const override {
        return !kernel.is_fold() || kernel.types[types].exact;
    }
    bool keeps_order() const override { return set_ != "checked"; }

    std::optional<std::string> run(const Operation& operation, std::span<const KernelTask> tasks) override {
        violation_ = 0;
        const maniple_variant code = functions(operation);
        for (const KernelTask& task : tasks) run_task(operation, code, task);
        if (violation_ == 0) return std::nullopt;
        return "an access outside of tensor " + std::to_string(violation_) + " of a call (outputs come first)";
    }

protected:
    virtual maniple_variant functions(const Operation& operation) const {
        return *operation.kernel->variant(operation.types, set_);
    }

private:
    void call(const Operation& operation, maniple_function function, const Box& points,
              std::span<const maniple_tensor> tensors) {
        maniple_call call = call_over(operation, points);
        call.tensors = tensors.data();
        call.parameters = operation.parameters.data();
        call.violation = &violation_;
        function(&call);
    }

    void run_task(const Operation& operation, const maniple_variant& code, const KernelTask& task) {
        using Kind = KernelTask::Kind;
        if (task.kind == Kind::merge) return merge(operation, code, task);
        std::vector<maniple_tensor> tensors;
        if (task.kind == Kind::accumulate) {
            tensors.push_back(state_view(operation, task.writes[0], 0));
            call(operation, code.init, state_points(operation, task.points), tensors);
        } else {
            for (std::size_t i = 0; i < task.writes.size(); ++i)
                tensors.push_back(output_view(operation, static_cast<int>(i), task.writes[i]));
        }
        if (task.kind == Kind::finish) {
            tensors.push_back(state_view(operation, task.reads[0], 0));
        } else {
            for (std::size_t i = 0; i < task.reads.size(); ++i)
                tensors.push_back(input_view(operation, static_cast<int>(i), task.reads[i]));
        }
        const maniple_function function = task.kind == Kind::compute      ? code.compute
                                          : task.kind == Kind::accumulate ? code.accumulate
                                                                          : code.finish;
        call(operation, function, task.points, tensors);
    }

    void merge(const Operation& operation, const maniple_variant& code, const KernelTask& task) {
        const maniple_tensor state = state_view(operation, task.writes[0], 0);
        call(operation, code.init, task.points, std::vector{state});
        for (const Block& other : task.reads)
            call(operation, code.merge, task.points, std::vector{state, state_view(operation, other, 0)});
    }

    static Box state_points(const Operation& operation, Box points) {
        for (int index = 0; index < points.rank(); ++index) {
            if (!operation.bound->indices[static_cast<std::size_t>(index)].contracted) continue;
            points.lo[index] = 0;
            points.hi[index] = 1;
        }
        return points;
    }

    std::string set_;
    std::int32_t violation_ = 0;
};

/// Hand-written code where there is some, as the cpu lane runs it: a fold in one part from its inputs to its results.
class FastRunner final : public CpuRunner {
public:
    using CpuRunner::CpuRunner;

    std::string name() const override { return "fast"; }
    bool can_run(const Kernel& kernel, std::size_t types) const override {
        return kernel.fast_variant(types) != nullptr && open_fast_code(kernel).empty();
    }
    bool has_reference_bits(const Kernel& kernel, std::size_t types) const override {
        return kernel.types[types].exact;
    }
    bool keeps_order() const override { return false; }

    std::optional<std::string> run(const Operation& operation, std::span<const KernelTask> tasks) override {
        const bool in_one_part = operation.kernel->is_fold() && tasks.size() == 2;
        if (!in_one_part || functions(operation).compute == nullptr) return CpuRunner::run(operation, tasks);
        const KernelTask whole{KernelTask::Kind::compute, tasks[0].points, tasks[1].writes, tasks[0].reads};
        return CpuRunner::run(operation, std::span(&whole, 1));
    }

protected:
    maniple_variant functions(const Operation& operation) const override {
        maniple_variant functions = CpuRunner::functions(operation);
        const maniple_fast_variant& fast = *operation.kernel->fast_variant(operation.types);
        if (fast.compute != nullptr) functions.compute = fast.compute;
        if (fast.accumulate != nullptr) functions.accumulate = fast.accumulate;
        return functions;
    }
};

}  // namespace

std::vector<std::unique_ptr<KernelRunner>> cpu_runners() {
    std::vector<std::unique_ptr<KernelRunner>> runners;
    for (const char* set : {"checked", "base", "v2", "v3", "v4"}) {
        if (processor_runs(set)) runners.push_back(std::make_unique<CpuRunner>(set));
    }
    runners.push_back(std::make_unique<FastRunner>("checked"));
    return runners;
}

}  // namespace maniple
