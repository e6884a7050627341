// lanes/check/kernel_runner.hpp: what carries out kernels, as the property test sees it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// One step of an operation, as one instruction of a program: on blocks, over a box of loop indices.
struct KernelTask {
    enum class Kind {
        compute,     ///< writes: outputs, reads: inputs
        accumulate,  ///< writes: one block of states, which it inits first; reads: inputs
        merge,       ///< writes: one block of states, inits it; reads: blocks of states, in the order of the fold
        finish,      ///< writes: outputs; reads: one block of states
    };
    Kind kind = Kind::compute;
    Box points;  ///< of merge and finish: contracted indices at [0, 1)
    std::vector<Block> writes;
    std::vector<Block> reads;
};

/// Runs the kernels of one lane or instruction set. A block of states has the coordinates [1, kept…] and elements of
/// KernelTypes::state_bytes, whose contents are the runner's own; an input's block holds every axis that is read whole
/// just so. Blocks may have any strides and any element's alignment.
/// Threads: one at a time.
class KernelRunner {
public:
    virtual ~KernelRunner() = default;

    virtual std::string name() const = 0;  ///< "v3", as it is printed
    virtual bool can_run(const Kernel& kernel, std::size_t types) const = 0;

    /// Whether its results have the bits of the `checked` variant; else they lie within the tolerance of the kernel.
    /// A cpu owes this for all but the folds that are not exact, a gpu for what is exact and it preserves subnormals.
    virtual bool has_reference_bits(const Kernel& kernel, std::size_t types) const = 0;

    /// Whether it accumulates in the order that kernel/abi.hpp promises: then two such runners, and boxes that cut kept
    /// indices alone, agree bit for bit, in folds that are not exact too.
    virtual bool keeps_order() const = 0;

    /// Whether it computes with subnormal reals; else it may take them for zeros and give zeros for them.
    virtual bool keeps_subnormals() const { return true; }

    /// Carries out `tasks` one after the other; all that they write is in the blocks when it returns. Else what failed.
    virtual std::optional<std::string> run(const Operation& operation, std::span<const KernelTask> tasks) = 0;
};

/// One for each instruction set that this processor runs, "checked" first, and "fast" for hand-written code.
std::vector<std::unique_ptr<KernelRunner>> cpu_runners();

}  // namespace maniple
