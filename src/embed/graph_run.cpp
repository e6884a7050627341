#include "embed/graph_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/text.hpp"
#include "embed/span_lane.hpp"
#include "graph/graph.hpp"
#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/cpu/fast_code.hpp"
#include "lanes/cpu/topology.hpp"
#include "lanes/net/net_lane.hpp"
#include "program/proof.hpp"
#include "run/executor.hpp"
#include "run/single_execution.hpp"
#include "run/stealing.hpp"

namespace maniple {

namespace {

/// `box` with a leading axis [0, rows).
Box with_rows(const Box& box, std::int64_t rows) {
    Box result(Extents{0}, Extents{rows});
    for (int axis = 0; axis < box.rank(); ++axis) {
        result.lo.push_back(box.lo[axis]);
        result.hi.push_back(box.hi[axis]);
    }
    result.absent = box.absent;
    return result;
}

MPI_Comm checked(MPI_Comm communicator) {
    require_threaded_mpi();
    return communicator;
}

/// What a job file cannot say.
void check_use(const GraphSpec& spec, const GraphRunOptions& options) {
    for (const InputFacts& input : spec.given().inputs) {
        if (std::any_of(input.shape.begin(), input.shape.end(), [](std::int64_t extent) { return extent < 0; }))
            throw UsageError(
                fmt::format("input '{}' {}: expected extents of at least 0", input.name, to_string(input.shape)));
    }
    if (options.threads < 0)
        throw UsageError(fmt::format("threads: expected 0, for all cores, or more, found {}", options.threads));
    if (options.steps_together < 1)
        throw UsageError(fmt::format("steps_together: expected at least 1, found {}", options.steps_together));
}

}  // namespace

/// The stages of `maniple run` between the job file and the report, without files and gpus.
struct GraphRun::State {
    State(const GraphSpec& spec, MPI_Comm communicator, const KernelRegistry& registry, const GraphRunOptions& options)
        : world(checked(communicator)), pins(options.pins_threads) {
        world.require_equal(spec.text() + serialize(spec.given()), "the graph");
        together(world, [&] {
            check_use(spec, options);
            job = parse_job(spec.text(), "graph '" + spec.name() + "'");
            graph = build_graph(job, spec.given(), registry);
            threads = options.threads > 0 ? options.threads : topology.cores();
        });
        make_plan_and_layout(options);
        mailboxes.emplace(world, has_shared_memory(std::getenv(mpi_ways_variable)));
        together(world, [&] { make_lanes(registry); });
        if (!claim_memory) return;
        const auto lanes_of = [this](Rank rank) {
            return choose_lanes(graph, machine.ranks[rank.index()], LaneUse::cpu);
        };
        const std::string set = choose_instruction_set(registry.all().front().instruction_sets);
        stealing.emplace(world, ClaimContext{graph, plan, lanes_of, set, threads}, *claim_memory, *arena);
        executor->claim_with(*stealing);
    }

    void make_plan_and_layout(const GraphRunOptions& options) {
        const RankFacts facts{host_name(), threads, topology.memory_bytes(), topology.core_numbers(), {}};
        for (const std::string& bytes : world.gather(serialize(facts)))
            machine.ranks.push_back(deserialize_rank_facts(bytes));
        PlannedGraph planned = plan_graph(std::move(graph), machine, plan_request(job.plan, world.size()));
        graph = std::move(planned.graph);
        plan = std::move(planned.plan);
        plan.moves_borders = false;  // who embeds it has spans of the boxes that the ranks began with
        plan_text = print_plan(graph, plan);
        world.require_equal(plan_identity(graph, plan), "the plan");
        together(world, [&] {
            LaneChoice lanes = choose_lanes(graph, facts, LaneUse::cpu);
            lanes.cpus_alone = true;
            layout = build_layout(graph, plan, world.rank(), lanes);
            layout.versions.block_steps = options.steps_together;
            require_memory(layout, memory_limit(job, topology.memory_bytes(), machine.ranks_on_node_of(world.rank())));
        });
    }

    void make_lanes(const KernelRegistry& registry) {
        open_fast_code(graph, layout);  // what cannot be opened is slower, not wrong
        if (plan.claiming_ranks > 1) {
            claim_memory.emplace(layout);
            arena.emplace(layout, claim_memory->storage());
        } else {
            arena.emplace(layout);
        }
        cpu.emplace(graph, *arena, choose_instruction_set(registry.all().front().instruction_sets), threads);
        net.emplace(world, *arena, &*mailboxes);
        spans.emplace(graph, plan, *arena);
        const std::optional<int> first_core = pins ? machine.first_core(world.rank()) : std::nullopt;
        std::function<void(int)> begin_worker;
        if (first_core) begin_worker = [this, core = *first_core](int worker) { topology.pin_to(core + worker); };
        executor.emplace(graph, plan, *arena, *cpu, *net, *spans, std::vector<Lane*>{}, threads,
                         std::move(begin_worker));
    }

    SpanLane::Input& input_named(const std::string& name) {
        for (SpanLane::Input& input : spans->inputs()) {
            if (input.tensor.valid() && graph[input.tensor].name == name) return input;
        }
        std::vector<std::string> names;
        for (const SpanLane::Input& input : spans->inputs()) {
            if (input.tensor.valid()) names.push_back(graph[input.tensor].name);
        }
        throw UsageError("'" + name + "' is no input that an output needs" + near(name, names));
    }

    std::size_t output_named(const std::string& name) const {
        for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
            if (job.outputs[graph.outputs[i].spec].name == name) return i;
        }
        std::vector<std::string> names;
        for (const OutputSpec& output : job.outputs) names.push_back(output.name);
        throw UsageError("'" + name + "' is no output" + near(name, names));
    }

    static std::string near(const std::string& name, const std::vector<std::string>& names) {
        const std::string word = nearest_word(name, names);
        return word.empty() ? word : ": did you mean '" + word + "'?";
    }

    void require_type(const std::string& name, TensorId tensor, DType type) const {
        if (graph[tensor].dtype == type) return;
        throw UsageError("'" + name + "' is " + std::string(name_of(graph[tensor].dtype)) + ", not " +
                         std::string(name_of(type)));
    }

    /// The leading axis of a series: its rows so far.
    std::int64_t rows_of(std::size_t output) const {
        return graph.outputs[output].every == 0 ? 0 : totals.steps / graph.outputs[output].every;
    }

    Box box_of(std::size_t output, Rank rank) const {
        const Box box = rank == world.rank() ? spans->box_of(output) : written_box(graph, plan, output, rank);
        return graph.outputs[output].every == 0 ? box : with_rows(box, rows_of(output));
    }

    void require_inputs() const {
        for (const SpanLane::Input& input : spans->inputs()) {
            if (!input.tensor.valid() || input.given || input.box.empty()) continue;
            throw UsageError("input '" + graph[input.tensor].name + "' has not been given");
        }
    }

    std::int64_t execute() {
        const SingleExecution::Scope scope(executing, "the graph");
        std::exception_ptr error;
        bool started = world.size() > 1;  // the others start, whatever this rank does
        try {
            if (broken) throw UsageError("an execution of this graph has failed before");
            require_inputs();
            started = true;
            totals = executor->run([](std::int64_t) {});
            executed = true;
        } catch (...) {
            error = std::current_exception();
            if (world.size() > 1) net->announce_failure();  // the others are not to wait for this rank's messages
            broken = broken || started;
        }
        world.agree(error);
        return totals.steps;
    }

    World world;
    bool pins;
    Topology topology;
    Job job;
    Graph graph;
    int threads = 1;
    Machine machine;
    Plan plan;
    std::string plan_text;
    Layout layout;
    std::optional<ClaimMemory> claim_memory;  ///< where ranks claim work from each other
    std::optional<Arena> arena;
    std::optional<CpuLane> cpu;
    std::optional<Mailboxes> mailboxes;
    std::optional<NetLane> net;
    std::optional<SpanLane> spans;
    std::optional<Stealing> stealing;
    std::optional<Executor> executor;
    SingleExecution executing;
    RunTotals totals;  ///< of the last execution
    bool executed = false;
    bool broken = false;
};

GraphRun::GraphRun(const GraphSpec& spec, MPI_Comm communicator, const KernelRegistry& registry,
                   const GraphRunOptions& options)
    : state_(std::make_unique<State>(spec, communicator, registry, options)) {}

GraphRun::~GraphRun() = default;

std::int64_t GraphRun::execute() { return state_->execute(); }

GraphRun::MessageTime GraphRun::message_time() const {
    return {static_cast<double>(state_->totals.in_flight_ns) / 1e9,
            static_cast<double>(state_->totals.hidden_ns) / 1e9};
}

int GraphRun::threads() const { return state_->threads; }

std::int64_t GraphRun::builds() const { return state_->executor->builds(); }

std::string GraphRun::plan_text() const { return state_->plan_text; }

Box GraphRun::input_box(const std::string& name) const { return state_->input_named(name).box; }

GraphRun::Part GraphRun::input_part(const std::string& name, DType type) {
    SpanLane::Input& input = state_->input_named(name);
    state_->require_type(name, input.tensor, type);
    input.given = true;
    return {input.box, state_->spans->writable(input)};
}

void GraphRun::give(const std::string& name, DType type, const std::byte* elements, std::size_t count) {
    SpanLane::Input& input = state_->input_named(name);
    state_->require_type(name, input.tensor, type);
    if (static_cast<std::int64_t>(count) != input.box.volume()) {
        throw UsageError("'" + name + "' has " + std::to_string(input.box.volume()) +
                         " elements on this rank, given are " + std::to_string(count));
    }
    input.given = true;
    input.source = elements;
}

GraphRun::Part GraphRun::output_part(const std::string& name, DType type) {
    const std::size_t output = state_->output_named(name);
    state_->require_type(name, state_->graph.outputs[output].tensor, type);
    if (!state_->executed) throw UsageError("'" + name + "' has not been computed: execute() comes first");
    // Handed out as elements that cannot be changed.
    return {state_->box_of(output, state_->world.rank()), const_cast<std::byte*>(state_->spans->elements_of(output))};
}

Shape GraphRun::output_shape(const std::string& name) const {
    const std::size_t output = state_->output_named(name);
    const Box whole = Box::whole(state_->graph[state_->graph.outputs[output].tensor].shape);
    return state_->graph.outputs[output].every == 0 ? whole.shape() : with_rows(whole, state_->rows_of(output)).shape();
}

std::size_t GraphRun::whole_count(const std::string& name) const {
    return state_->world.is_root() ? static_cast<std::size_t>(element_count(output_shape(name))) : 0;
}

void GraphRun::gather(const std::string& name, const Part& part, std::byte* all) {
    const std::size_t output = state_->output_named(name);
    const std::size_t element = size_of(state_->graph[state_->graph.outputs[output].tensor].dtype);
    const auto* bytes = reinterpret_cast<const char*>(part.elements);
    const std::vector<std::string> parts =
        state_->world.gather(bytes == nullptr ? std::string() : std::string(bytes, part.count() * element));
    if (!state_->world.is_root()) return;
    const Block whole{all, element, Box::whole(output_shape(name))};
    for (std::size_t rank = 0; rank < parts.size(); ++rank) {
        const Box box = state_->box_of(output, Rank(rank));
        if (!box.empty())
            copy_box({reinterpret_cast<const std::byte*>(parts[rank].data()), element, box}, box, whole, box);
    }
}

}  // namespace maniple
