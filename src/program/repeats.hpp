// program/repeats.hpp: what an operation is emitted as, emitted again for others like it.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "program/emitter.hpp"
#include "program/kernel_instructions.hpp"
#include "program/movement.hpp"

namespace maniple {

/// Most operations of a graph, and all of a loop's later steps, are of the kind of one before them: the same kernel over the
/// same tiles. Their instructions differ in buffers and in what they follow alone, so they are copied, and on a rank that
/// is alone so is what is brought to them. Only where the rank has one memory. Borrows all it is given.
class Repeats {
public:
    Repeats(const Graph& graph, const Plan& plan, const Layout& layout, Emitter& emitter, Movement& movement,
            KernelInstructions& kernels);

    /// Emits an operation (where it ends a chain, the chain), inputs gathered and outputs made; false, and nothing is done, where
    /// it is none that is emitted as copies, messages and calls of its kernel alone.
    bool run(OperationId operation);

private:
    using Key = ShortVector<std::int32_t, 24>;
    /// What is brought to an operation's inputs.
    struct Gathering {
        Key key;
        Stretch stretch;
        ShortVector<std::int32_t, 4> valid;  ///< by buffer: Movement::number_of_valid() after
    };
    /// An argument as all operations of a kind read it.
    struct Input {
        BoundaryRule rule;
        std::vector<Box> needs;
        /// By Movement::number_of_valid(), a bit each: what is valid has been looked at, and holds all that is needed.
        std::uint64_t looked_at = 0, enough = 0;
    };
    /// Operations that differ in their tensors alone.
    struct Kind {
        OperationId first;  ///< of them
        bool repeats = false;
        double flops = 0;
        int computed = 0;  ///< so many have been emitted one by one
        bool has_stretch = false;
        Stretch stretch;  ///< their tiles; the subjects' buffers are the outputs', then the inputs'
        std::vector<Input> inputs;
        std::vector<int> made;  ///< by output: the number of what is valid of a new version; empty: not known yet
        std::vector<std::int32_t> outputs;  ///< by output: place in made_boxes_; empty: not known yet
        std::vector<Gathering> gatherings;
    };
    struct Asked {
        bool has_key = false;
        Subjects subjects;
        Key key;
    };

    std::int32_t kind_of(OperationId id);
    Kind& kind(OperationId id) { return kinds_[static_cast<std::size_t>(kind_of(id))]; }
    bool is_alike(OperationId a, OperationId b) const;
    bool may_repeat(OperationId id) const;
    Kind make_kind(OperationId id);

    void gather(OperationId id);
    bool has_inputs(OperationId id);
    bool is_brought_now(TensorId id) const;
    bool has_enough(Input& input, BufferId buffer);
    Asked ask(OperationId id);
    std::int32_t number_of(TensorId id);
    void number_outputs(Kind& producer);
    void learn(OperationId id, const Asked& asked, std::size_t first);

    void compute(OperationId id);
    bool compute_again(std::span<const OperationId> operations);
    bool make_stretch(Kind& kind);
    bool find_subjects(OperationId id, Subjects& subjects);
    void made(OperationId id);

    const Graph& graph_;
    const Plan& plan_;
    const Layout& layout_;
    Emitter& emitter_;
    Movement& movement_;
    KernelInstructions& kernels_;
    bool works_;
    std::vector<std::int32_t> kind_of_;         ///< by OperationId; -1: not looked at yet
    std::deque<Kind> kinds_;                    ///< stays where it is
    std::vector<std::int32_t> newest_;          ///< of the kinds, those that came last, the last one first
    std::vector<std::vector<Box>> made_boxes_;  ///< of tensors: the whole, what the rank owns and what each tile makes
    std::size_t instructions_ = 0;              ///< in all stretches
    std::vector<Repeated> stretches_;           ///< of a chain; kept for its memory
};

}  // namespace maniple
