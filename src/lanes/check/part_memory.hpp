// lanes/check/part_memory.hpp: one part of an operation in memory of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lanes/check/cut.hpp"
#include "lanes/check/guarded_block.hpp"
#include "lanes/check/kernel_runner.hpp"
#include "lanes/check/sample.hpp"

namespace maniple {

/// Arguments of which only the declared read boxes hold their values. Borrows the sample and the cut.
class PartMemory {
public:
    PartMemory(const Sample& sample, const SampleCut& cut, bool dense, Random& random);

    /// `values` as the inputs, `around` wherever else a kernel might read, `before` in outputs and states.
    void fill(const std::vector<Field>& values, Pattern around, Pattern before);
    std::vector<KernelTask> tasks();
    /// The tensor of which bytes changed that are not declared as written, by name.
    std::optional<std::string> changed_outside() const;
    std::vector<Field> outputs() const { return collect(&GuardedBlock::now); }
    std::vector<Field> outputs_before() const { return collect(&GuardedBlock::before); }

private:
    /// The points of one call, and what it reads.
    struct Slab {
        Box points;
        std::vector<GuardedBlock> inputs;
        std::vector<std::vector<Box>> reads;  ///< by input: the boxes that the signature declares
    };

    void add_slab(const Box& points, bool dense, Random& random);
    void add_states(bool dense, Random& random);
    std::vector<Field> collect(const std::byte* (GuardedBlock::*element)(const Extents&) const) const;

    const Sample& sample_;
    const SampleCut& cut_;
    const KernelTypes& types_;
    std::uint64_t seed_;
    std::vector<Slab> slabs_;
    std::vector<GuardedBlock> states_;  ///< of each slab; behind them, where there are several, the merged one
    Box state_box_;
    std::vector<GuardedBlock> outputs_;
    std::vector<Box> written_;  ///< by output
};

}  // namespace maniple
