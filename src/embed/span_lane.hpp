// embed/span_lane.hpp: what stands where a run of a job file has its files: inputs and outputs in the caller's memory.
#pragma once

#include <atomic>
#include <deque>

#include "lanes/arena.hpp"
#include "lanes/lane.hpp"
#include "plan/plan.hpp"

namespace maniple {

/// Reads and writes on the thread that submits them. Borrows all that it is given.
/// Threads: those of the run while one is under way; else one at a time.
class SpanLane final : public Lane {
public:
    SpanLane(const Graph& graph, const Plan& plan, Arena& arena);

    std::unique_ptr<LaneProgram> prepare(const Program& program) override;
    Activity activity() const override { return {}; }

    /// This rank's part of an input of the graph, by its number in the catalogue.
    struct Input {
        TensorId tensor;  ///< invalid: no output needs it
        Box box;
        std::byte* in_place = nullptr;  ///< the part itself, where nothing else overwrites it and no halo lies between
        const std::byte* source = nullptr;  ///< copied from in each execution; null: nothing to copy
        HostBytes own;                      ///< the source, unless the caller has one
        bool given = false;
    };
    std::deque<Input>& inputs() { return inputs_; }
    const std::deque<Input>& inputs() const { return inputs_; }
    /// Where the caller may put the part's elements: in_place, else `own`.
    std::byte* writable(Input& input) const;

    /// This rank's part of output number `output`, row-major; valid until the next execution. Allocates the first time
    /// where a halo lies between its elements.
    const std::byte* elements_of(std::size_t output);
    const Box& box_of(std::size_t output) const { return outputs_[output].box; }

private:
    friend class SpanProgram;
    struct Output {
        Box box;
        std::int64_t row_bytes = 0;
        HostBytes rows;                        ///< of a series
        HostBytes packed;                      ///< without the halo that its storage has
        std::atomic<std::int32_t> buffer{-1};  ///< relaxed: written alike by all of an execution, read after it
    };
    void carry_out(const Instruction& instruction, const Execution& execution);

    const Graph& graph_;
    Arena& arena_;
    std::deque<Input> inputs_;
    std::deque<Output> outputs_;
};

}  // namespace maniple
