// embed/graph_run.hpp: a graph that an MPI program runs on ranks of its own, again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "embed/element.hpp"
#include "embed/graph_spec.hpp"
#include "kernel/kernel.hpp"
#include "lanes/net/world.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// What one rank has of a tensor.
template <class T>
struct TensorPart {
    Box box;                ///< its coordinates; may be empty
    std::span<T> elements;  ///< row-major, without gaps

    T& operator[](const Extents& at) const {
        return elements[static_cast<std::size_t>(BasicBlock<const std::byte>{nullptr, 1, box}.offset(at))];
    }
};

struct GraphRunOptions {
    int threads = 0;  ///< of this rank, the caller among them; 0: one for each core that it may run on
    /// Each thread on a core of its own, also the caller's, from the first execution on.
    bool pins_threads = false;
    /// So many steps of a loop overlap at most: a tile begins a step as soon as its neighbours have done the one before.
    /// 1: none begins before all have done the step before. The results are the same.
    int steps_together = 16;
};

/// Owns duplicates of the communicator, the storage and the programs of this rank. Several may exist at the same time.
///
/// Everything that is marked collective is called by all ranks of the communicator, in the same order. An error there
/// is the same `Error` on all of them, of the base class with the code of those named below. After one from execute()
/// on several ranks messages may be left in flight: the program has to end through MPI_Abort. On one rank the run is of
/// no further use, and the program may go on.
///
/// Threads: one at a time, and the same one for execute(), whose second call during a first is refused. The compute
/// threads are OpenMP's.
class GraphRun {
public:
    /// Plans, allocates and prepares what does not depend on the inputs' elements. Borrows `registry`
    /// (standard_kernels(), or kernels of one's own). Collective. Requires: the same `spec` on all ranks.
    /// Errors: UsageError for options and extents that mean nothing; UnavailableError where MPI is not initialised with
    /// MPI_THREAD_MULTIPLE, and for what does not fit the memory; JobError for what is wrong in the graph, at its place in
    /// GraphSpec::text().
    GraphRun(const GraphSpec& spec, MPI_Comm communicator, const KernelRegistry& registry,
             const GraphRunOptions& options = {});
    ~GraphRun();  ///< Collective. Before MPI_Finalize.
    GraphRun(const GraphRun&) = delete;
    GraphRun& operator=(const GraphRun&) = delete;

    /// This rank's part of an input, to be written by the program before an execution. What is there holds for all
    /// later executions until it is written again. Where the input is not carried and its storage has no halo between
    /// its rows, this is the storage itself, else a copy of it is made in each execution. Parts of several ranks may
    /// overlap: each writes its own.
    /// Errors: UsageError for a name that is no input of this type, or that no output needs.
    template <Element T>
    TensorPart<T> input(const std::string& name) {
        const Part part = input_part(name, dtype_of<T>);
        return {part.box, {reinterpret_cast<T*>(part.elements), part.count()}};
    }
    /// The same from memory of the program, which is borrowed and read in each execution until another one is given.
    /// Requires: `elements` has as many as input_box(). Errors: UsageError.
    template <Element T>
    void give(const std::string& name, std::span<const T> elements) {
        give(name, dtype_of<T>, reinterpret_cast<const std::byte*>(elements.data()), elements.size());
    }
    Box input_box(const std::string& name) const;

    /// All steps. Blocks. Returns how many were performed. The first one builds the programs; later ones build and
    /// allocate nothing. Collective. Errors: UsageError if an input has not been given; KernelError; LinkError. UsageError
    /// also while it is being executed: on this rank alone, at once and before any message, so that the others know
    /// nothing of it; that execution goes on undisturbed.
    std::int64_t execute();

    /// This rank's part of an output after an execution, valid until the next one; of a series with the leading axis.
    /// Where its storage has a halo between its rows the elements are copied now, else they are that storage.
    /// Errors: UsageError for a name that is no output of this type, or before an execution.
    template <Element T>
    TensorPart<const T> output(const std::string& name) {
        const Part part = output_part(name, dtype_of<T>);
        return {part.box, {reinterpret_cast<const T*>(part.elements), part.count()}};
    }
    /// A whole output on rank 0, empty on the others; for results of up to 2 GiB, as all ranks see all parts on the
    /// way. Collective.
    template <Element T>
    requires(!std::same_as<T, bool>)  // std::vector packs those
        std::vector<T> whole_output(const std::string& name) {
        const Part part = output_part(name, dtype_of<T>);
        std::vector<T> all(whole_count(name));
        gather(name, part, reinterpret_cast<std::byte*>(all.data()));
        return all;
    }
    Shape output_shape(const std::string& name) const;

    /// What messages took of the last execution on this rank, in seconds.
    struct MessageTime {
        double in_flight = 0;  ///< while at least one was: from when it could be sent or received until it had been
        double hidden = 0;     ///< of that, while the threads computed, on average over them
    };
    MessageTime message_time() const;

    int threads() const;
    /// Programs built so far: by the first execution, and by later ones only where `until` stops at a step that asks for
    /// another one.
    std::int64_t builds() const;
    /// Where everything is computed (print_plan).
    std::string plan_text() const;

private:
    struct Part {
        Box box;
        std::byte* elements;
        std::size_t count() const { return static_cast<std::size_t>(box.volume()); }
    };
    Part input_part(const std::string& name, DType type);
    void give(const std::string& name, DType type, const std::byte* elements, std::size_t count);
    Part output_part(const std::string& name, DType type);
    std::size_t whole_count(const std::string& name) const;  ///< on rank 0, else 0
    void gather(const std::string& name, const Part& part, std::byte* all);

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace maniple
