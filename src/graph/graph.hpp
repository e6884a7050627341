// graph/graph.hpp: operations over tensors: what is to be computed, with shapes, types and index maps resolved.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/shared.hpp"
#include "base/short_vector.hpp"
#include "job/catalogue.hpp"
#include "job/job.hpp"
#include "kernel/kernel.hpp"
#include "tensor/box.hpp"
#include "tensor/dtype.hpp"

namespace maniple {

/// One rule for each axis of a tensor; rank 0 entries mean "none anywhere".
using BoundaryRule = ShortVector<Boundary, max_rank>;

/// How one axis of a tensor follows from the loop indices: coordinates [Σ c·i + lo, Σ c·i + hi], or all of them.
struct AxisMap {
    struct Term {
        int index = 0;
        std::int64_t coefficient = 1;

        bool operator==(const Term&) const = default;
    };
    ShortVector<Term, 1> terms;  ///< none: the axis is broadcast, coordinate 0 only
    std::int64_t lo = 0;
    std::int64_t hi = 0;
    bool whole = false;
    bool leaves = false;      ///< coordinates may lie outside of the tensor: the boundary rule holds along this axis
    std::int64_t extent = 0;  ///< of an axis that is read whole: its length

    bool operator==(const AxisMap&) const = default;
};

/// One access of a bound signature.
struct BoundAccess {
    int argument = 0;  ///< number among the operation's inputs (for reads) or outputs (for writes)
    std::vector<AxisMap> axes;
    int leading = 0;  ///< of these, the first ones stand under the ellipsis, to the right of it
    std::int64_t first_row = std::numeric_limits<std::int64_t>::min();  ///< of what is touched along the first axis,
    std::int64_t end_row = std::numeric_limits<std::int64_t>::max();    ///< only these: of a join (microbatches.hpp)

    bool operator==(const BoundAccess&) const = default;
};

/// A signature with the shapes and parameters of one operation filled in.
struct BoundSignature {
    struct Index {
        std::string name;
        std::int64_t extent = 0;
        bool contracted = false;
        bool whole = false;                   ///< may not be split
        std::int64_t from = 0;                ///< only the points [from, to) are computed: of an operation that
        std::optional<std::int64_t> to = {};  ///< does a part of a batch (microbatches.hpp); none: to the end

        std::int64_t end() const { return to.value_or(extent); }
        std::int64_t points() const { return end() - from; }
        bool operator==(const Index&) const = default;
    };
    std::vector<Index> indices;  ///< in the ABI's order
    std::vector<BoundAccess> reads;
    std::vector<BoundAccess> writes;  ///< one for each output, in order
    bool ellipsis = false;            ///< the signature has one: how arguments are seen, kernel/abi.hpp
    int ellipsis_axes = 0;            ///< so many loop indices, the first ones, are its axes; those behind have names

    Box index_space() const;
    ShortVector<int, max_rank> kept() const;  ///< the indices that are not contracted, in order
    bool operator==(const BoundSignature&) const = default;
};

/// The coordinates of a tensor of `shape` that `access` touches for the points of `index_box`; may leave the tensor
/// by the halo. Empty if the index box is.
Box touched_box(const BoundAccess& access, const Box& index_box, const Shape& shape);

/// The axis of an input data set that an axis of a tensor still stands for, so that scales can be carried over.
struct AxisOrigin {
    int input = -1;  ///< number in the catalogue; -1: none
    int axis = 0;    ///< axis of the input as the graph sees it (after slicing)

    bool operator==(const AxisOrigin&) const = default;
};

/// A tensor of the graph.
struct Tensor {
    enum class Kind {
        input,     ///< read from a file
        fill,      ///< generated
        constant,  ///< a number in an expression, 0-d
        computed,
    };
    std::string name;
    Kind kind = Kind::computed;
    Shape shape;
    DType dtype = DType::f32;
    int input = -1;        ///< for an input: its number in the catalogue
    Fill fill;             ///< for a fill
    Number value;          ///< for a constant
    OperationId producer;  ///< for a computed one
    std::vector<AxisOrigin> axes;
    int attributes_from = -1;  ///< input whose attributes describe this tensor too
    std::vector<OperationId> readers;
    bool in_loop = false;  ///< its value differs from step to step
    bool again = false;    ///< what was there before and has not been kept (again.hpp)
    int microbatch = -1;   ///< of a piece of a batch (microbatches.hpp): its number; only its rows are ever there
    int alive = 0;         ///< of such a piece: of how many microbatches there is one at a time; 0: of all
    TensorId
        follows;  ///< of such a piece: the one that has been read by all before it is made, `alive` earlier, or none
    Place place;

    std::int64_t bytes() const { return element_count(shape) * static_cast<std::int64_t>(size_of(dtype)); }
};

/// The integers that the elements of one input may be; anything else ends the run.
struct ElementDomain {
    int argument = 0;
    std::int64_t from = 0;
    std::int64_t to = 0;  ///< not itself
};

/// The lane that `place:` names for an operation.
struct LanePin {
    enum class Lane { none, cpu, gpu };
    Lane lane = Lane::none;
    std::optional<int> device;  ///< which gpu lane of the rank; else any of them
    Place place;
};

/// One call of a kernel.
struct Operation {
    std::string name;
    const Kernel* kernel = nullptr;  ///< borrowed from the registry
    std::size_t types = 0;           ///< number in Kernel::types
    Shared<BoundSignature> bound;    ///< graphs of many operations have few different ones
    std::vector<TensorId> inputs;
    std::vector<TensorId> outputs;
    std::vector<maniple_parameter> parameters;  ///< those that the kernel's code sees, in order
    BoundaryRule boundary;                      ///< one for each axis of the inputs that it leaves; else empty
    std::vector<ElementDomain> domains;         ///< of the inputs that its kernel declares one for
    bool in_loop = false;                       ///< to be computed in every step, else once
    std::vector<OperationId> after;             ///< to be computed on a rank after its part of these (`after:`)
    LanePin pin;
    bool joins = false;   ///< copies each row of its output from the one of its inputs that has it; has no code
    OperationId twin_of;  ///< the one that this repeats on another lane, for the results to be compared
    bool again = false;   ///< repeats another one, whose result has not been kept meanwhile (again.hpp)
    /// Of one without code that keeps its input in a file of the rank, or brings back what another one has kept there.
    enum class Keeping { none, store, restore };
    Keeping keeping = Keeping::none;
    Place place;

    /// Whether its kernel is called; else programs copy.
    bool has_code() const { return !joins && keeping == Keeping::none; }
    /// Floating-point operations of one execution, from the signature.
    double flops() const;
};

/// A data set to be written.
struct GraphOutput {
    TensorId tensor;         ///< its value in the step that is written
    TensorId after_carry;    ///< written instead where the last step's carry was performed: the value carried into it
    std::size_t spec = 0;    ///< number in Job::outputs
    std::int64_t every = 0;  ///< steps; 0: once, after the last
};

/// `input` is `value` one step later.
struct Carry {
    TensorId input;
    TensorId value;
};

/// Operations in an order in which each comes after what it reads. Only what an output or a carry needs.
struct Graph {
    std::string name;
    std::vector<Tensor> tensors;
    std::vector<Operation> operations;
    std::vector<GraphOutput> outputs;
    std::vector<Carry> carries;
    std::int64_t steps = 1;  ///< at most
    bool loop = false;
    TensorId until;                    ///< a 0-d bool that ends the loop before the carry; invalid: none
    std::int64_t check = 1;            ///< `until` is looked at after every so many steps
    std::vector<Diagnostic> warnings;  ///< what is declared and never used

    const Tensor& operator[](TensorId id) const { return tensors[id.index()]; }
    const Operation& operator[](OperationId id) const { return operations[id.index()]; }
    /// The carry that gives `input` its next value, or null.
    const Carry* carry_of(TensorId input) const;
};

/// Resolves names, shapes, types and boundary rules, orders and prunes. Pure.
/// Borrows `registry`, which must outlive the graph.
/// Errors: JobError (all independent ones at once); UnavailableError for what the format knows and this version
/// does not carry out, with its place.
Graph build_graph(const Job& job, const Catalogue& catalogue, const KernelRegistry& registry);

/// What else is wrong with a job that has errors already, as far as that can be told: what uses a broken name is
/// passed over. Pure.
std::vector<Diagnostic> find_graph_errors(const JobReading& reading, const Catalogue& catalogue,
                                          const KernelRegistry& registry);

/// The graph as text: tensors and operations, one a line.
std::string print_graph(const Graph& graph);

}  // namespace maniple
