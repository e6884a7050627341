#include "random_run.hpp"

#include <gtest/gtest.h>
#include <mpi.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>

#include "../plan/random_grids.hpp"
#include "all_kernels_job.hpp"
#include "memory_files.hpp"
#include "program/proof.hpp"
#include "random_job.hpp"
#include "run/stealing.hpp"
#include "tensor/half.hpp"

namespace maniple {

std::uint32_t setting(const char* name, std::uint32_t usual) {
    const char* text = std::getenv(name);
    return text == nullptr ? usual : static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

std::uint32_t first_seed(const World& world) {
    return setting("MANIPLE_TEST_FIRST_SEED", static_cast<std::uint32_t>(world.size()) * 100000);
}

/// Small positive numbers, the same for the same tensor everywhere.
TensorBytes input_bytes(const Tensor& tensor, std::uint32_t seed) {
    const std::int64_t count = element_count(tensor.shape);
    TensorBytes bytes(static_cast<std::size_t>(tensor.bytes()));
    std::mt19937 random(seed * 977u + static_cast<std::uint32_t>(tensor.input));
    for (std::int64_t i = 0; i < count; ++i) {
        const auto draw = static_cast<std::uint32_t>(random());
        std::byte* at = bytes.data() + static_cast<std::size_t>(i) * size_of(tensor.dtype);
        const double real = 0.5 + draw / 4294967296.0;
        const float narrow = static_cast<float>(real);
        const std::int64_t integer = draw % 1000;
        const auto small = static_cast<std::int32_t>(integer);
        if (tensor.dtype == DType::f32) std::memcpy(at, &narrow, sizeof narrow);
        if (tensor.dtype == DType::f64) std::memcpy(at, &real, sizeof real);
        if (tensor.dtype == DType::u8) *at = std::byte(draw % 2);
        if (tensor.dtype == DType::i32) std::memcpy(at, &small, sizeof small);
        if (tensor.dtype == DType::i64) std::memcpy(at, &integer, sizeof integer);
    }
    return bytes;
}

namespace {

struct Half {
    std::uint16_t bits;
};

template <class T>
constexpr bool is_real = std::is_floating_point_v<T> || std::is_same_v<T, Half>;

/// All ranks' outputs on rank 0, each byte from the one rank that wrote it; of series as many rows as there are in `steps`.
std::vector<TensorBytes> collect(const Graph& graph, std::int64_t steps, MemoryFiles& files, int rank) {
    std::vector<TensorBytes> result;
    for (std::size_t i = 0; i < files.outputs().size(); ++i) {
        TensorBytes& mine = files.outputs()[i];
        const int size = static_cast<int>(mine.size());
        TensorBytes all(mine.size());
        std::vector<unsigned char> writers(mine.size());
        MPI_Reduce(mine.data(), all.data(), size, MPI_BYTE, MPI_BOR, 0, MPI_COMM_WORLD);
        MPI_Reduce(files.written()[i].data(), writers.data(), size, MPI_UNSIGNED_CHAR, MPI_SUM, 0, MPI_COMM_WORLD);
        if (rank != 0) continue;
        const GraphOutput& output = graph.outputs[i];
        const std::int64_t rows = output.every > 0 ? steps / output.every : 1;
        all.resize(static_cast<std::size_t>(rows * graph[output.tensor].bytes()));
        const auto end = writers.begin() + static_cast<std::ptrdiff_t>(all.size());
        EXPECT_EQ(std::count(writers.begin(), end, 1), end - writers.begin()) << "output " << i;
        EXPECT_EQ(std::count(end, writers.end(), 0), writers.end() - end) << "output " << i << ", rows after the end";
        result.push_back(std::move(all));
    }
    return result;
}

template <class T>
double value_of(const std::byte* at) {
    T value{};
    std::memcpy(&value, at, sizeof value);
    return static_cast<double>(value);
}

template <>
double value_of<Half>(const std::byte* at) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, at, sizeof bits);
    return float_of_half(bits);
}

/// How far two values may be apart.
struct Allowed {
    double relative = 0;  ///< to the largest of the tensor
    double absolute = 0;
};

template <class T>
::testing::AssertionResult agree(const TensorBytes& got, const TensorBytes& want, const Allowed& allowed) {
    double largest = 0;
    for (std::size_t at = 0; at < want.size(); at += sizeof(T)) {
        const double b = value_of<T>(want.data() + at);
        if (std::isfinite(b)) largest = std::max(largest, std::abs(b));
    }
    for (std::size_t at = 0; at < want.size(); at += sizeof(T)) {
        if (std::memcmp(got.data() + at, want.data() + at, sizeof(T)) == 0) continue;
        const double a = value_of<T>(got.data() + at), b = value_of<T>(want.data() + at);
        if (is_real<T> && (a == b || (std::isnan(a) && std::isnan(b)))) continue;
        if (std::isfinite(a) && std::abs(a - b) <= allowed.relative * largest + allowed.absolute) continue;
        return ::testing::AssertionFailure() << "element " << at / sizeof(T) << ": got " << a << ", want " << b << ", "
                                             << allowed.absolute << " and " << allowed.relative << " allowed";
    }
    return ::testing::AssertionSuccess();
}

::testing::AssertionResult agree(DType type, const TensorBytes& got, const TensorBytes& want, const Allowed& allowed) {
    if (got.size() != want.size()) return ::testing::AssertionFailure() << got.size() << " bytes, want " << want.size();
    switch (type) {
        case DType::f32: return agree<float>(got, want, allowed);
        case DType::f64: return agree<double>(got, want, allowed);
        case DType::f16: return agree<Half>(got, want, allowed);
        case DType::i32: return agree<std::int32_t>(got, want, {});
        case DType::u32: return agree<std::uint32_t>(got, want, {});
        case DType::i64: return agree<std::int64_t>(got, want, {});
        default: return agree<std::uint8_t>(got, want, {});
    }
}

bool is_summed(const Graph& graph, TensorId id) {
    const Tensor& tensor = graph[id];
    if (tensor.kind != Tensor::Kind::computed || !graph[tensor.producer].kernel->is_fold()) return false;
    const std::string& name = graph[tensor.producer].kernel->name;
    return name == "sum" || name == "spread" || name == "matrix_product" || name == "pull";
}

/// What nothing has written yet must not matter.
void spoil(const Layout& layout, Arena& arena) {
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
        const Block block = arena.block(BufferId(i));
        if (block.data == nullptr) continue;  // on a device
        std::memset(block.data, 0x7b, static_cast<std::size_t>(block.bytes()));
    }
}

/// What follows from a kernel that may differ between lanes in the last bits, also by way of the carry. On cpus alone
/// that is a fold, whose elements may be taken in another order.
std::vector<bool> inexact_tensors(const Graph& graph, bool folds_alone) {
    std::vector<bool> inexact(graph.tensors.size(), false);
    for (std::size_t round = 0; round <= graph.carries.size(); ++round) {
        for (const Operation& operation : graph.operations) {
            // Folds and hand-written code may add up in an order of their own, on the cpu too.
            const bool ordered =
                !operation.kernel->is_fold() && operation.kernel->fast_variant(operation.types) == nullptr;
            bool any = !operation.kernel->types[operation.types].exact && !(folds_alone && ordered);
            for (const TensorId input : operation.inputs) any = any || inexact[input.index()];
            for (const TensorId output : operation.outputs) inexact[output.index()] = inexact[output.index()] || any;
        }
        for (const Carry& carry : graph.carries)
            inexact[carry.input.index()] = inexact[carry.input.index()] || inexact[carry.value.index()];
    }
    return inexact;
}

/// Into how many parts the points can be cut at most.
std::int64_t parts_of(const Operation& operation, const Box& points) {
    std::int64_t parts = points.empty() ? 0 : 1;
    for (int index = 0; index < points.rank() && parts > 0; ++index) {
        if (!operation.bound->indices[static_cast<std::size_t>(index)].whole)
            parts *= points.hi[index] - points.lo[index];
    }
    return parts;
}

/// Every gpu lane has computed something, if the graph has anything for all lanes to share.
void expect_busy(const Graph& graph, const Plan& plan, const Layout& layout, const RunTotals& totals) {
    // What is never written, or looked at: what it alone needs is not computed.
    if (graph.until.valid() && graph.check > totals.steps) return;
    for (const GraphOutput& output : graph.outputs) {
        if (output.every > totals.steps) return;
    }
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const std::vector<int> lanes = layout.lanes.of(OperationId(i));
        const Box points = points_of(graph, plan, OperationId(i), layout.rank);
        if (parts_of(graph.operations[i], points) < static_cast<std::int64_t>(lanes.size())) continue;
        for (const int lane : lanes) {
            if (lane != LaneChoice::cpu_lane) {
                EXPECT_GT(totals.gpu_operations[static_cast<std::size_t>(lane)], 0)
                    << "gpu lane " << lane << " for " << graph.operations[i].name << " over " << to_string(points);
            }
        }
    }
}

/// Shares from alike to next to nothing.
std::vector<std::vector<double>> random_weights(const Graph& graph, const LaneChoice& choice, std::uint32_t seed) {
    std::mt19937 random(seed * 31 + 7);
    std::uniform_real_distribution<double> exponent(-4, 4);
    std::vector<std::vector<double>> weights(graph.operations.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
        for (std::size_t lane = 0; lane < choice.of(OperationId(i)).size(); ++lane)
            weights[i].push_back(std::exp2(exponent(random)));
    }
    return weights;
}

/// The shares of lanes as for random speeds, before most blocks.
Executor::ImposedShares other_shares(const Graph& graph, const Layout& layout, std::uint32_t seed) {
    return [&, seed](std::int64_t first) -> std::optional<std::vector<std::vector<double>>> {
        const auto at = static_cast<std::uint32_t>(first);
        if ((seed + at) % 4 == 0) return std::nullopt;
        return random_weights(graph, layout.lanes, seed * 37 + at);
    };
}

/// What points cost a thread, from next to nothing to a tenth of a second.
std::vector<double> random_costs(const Graph& graph, std::uint32_t seed) {
    std::mt19937 random(seed * 41 + 5);
    std::uniform_real_distribution<double> exponent(-3, 8);
    std::vector<double> costs;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) costs.push_back(std::pow(10.0, exponent(random)));
    return costs;
}

/// Other costs, before most blocks.
Executor::ImposedCosts other_costs(const Graph& graph, std::uint32_t seed) {
    return [&, seed](std::int64_t first) -> std::optional<std::vector<double>> {
        const auto at = static_cast<std::uint32_t>(first);
        if ((seed + at) % 4 == 1) return std::nullopt;
        return random_costs(graph, seed * 43 + at);
    };
}

/// The borders as for ranks of random speeds, before most blocks.
std::optional<Plan> elsewhere(const Graph& graph, const Plan& plan, std::uint32_t seed, std::int64_t first) {
    std::mt19937 random(seed * 131 + static_cast<std::uint32_t>(first));
    std::uniform_real_distribution<double> seconds(0.1, 1);
    std::vector<double> busy;
    for (int rank = 0; rank < plan.ranks; ++rank) busy.push_back(seconds(random));
    std::optional<MovedBorders> moved = random() % 4 == 0 ? std::nullopt : move_borders(graph, plan, busy);
    if (!moved) return std::nullopt;
    return std::move(moved->plan);
}

int threads_of(std::uint32_t seed) { return 1 + static_cast<int>(seed % 3); }

std::int64_t claims_made = 0;

void count_claims(const Stealing& stealing) {
    for (const ClaimCount& count : stealing.counts()) claims_made += count.boxes;
}

/// By rank.
std::vector<LaneChoice> lanes_of_all(const Graph& graph, std::uint32_t seed, int ranks, GpuSource* gpus) {
    std::vector<LaneChoice> all;
    for (int rank = 0; rank < ranks; ++rank) {
        all.push_back(gpus == nullptr ? LaneChoice{} : gpus->choose(graph, seed, Rank(std::int32_t{rank})));
        if (seed % 3 != 0) all.back().weights = random_weights(graph, all.back(), seed);
        if (seed % 4 != 0) all.back().point_ns = random_costs(graph, seed);
        all.back().threads = threads_of(seed);
        all.back().cpus_alone = gpus == nullptr && seed % 4 != 1;
    }
    return all;
}

/// For half of the seeds two ranks a node, whose cards are slow: parts go around rings.
Machine machine_of(std::uint32_t seed, int ranks) {
    Machine machine = Machine::uniform(ranks, {});
    if (seed % 2 == 0) return machine;
    for (int rank = 0; rank < ranks; ++rank)
        machine.ranks[static_cast<std::size_t>(rank)].host = std::to_string(rank / 2);
    machine.rates.between.bytes = 1e-6;
    return machine;
}

/// For a third of the seeds no message goes through memory that ranks share, and for another third none of rank 1's.
bool is_near(std::uint32_t seed, Rank rank) {
    return seed % 3 == 0 || (seed % 3 == 1 && rank != Rank(std::int32_t{1}));
}

/// What `run` asks for; where its memory does not suffice, by means that every rank finds alike.
PlannedGraph plan_of(const RunCase& run, int ranks, CaseCounts& counts) {
    const Machine machine = machine_of(run.seed, ranks);
    PlannedGraph planned = plan_graph(run.graph, machine, run.request);
    if (run.memory_part == 0) return planned;
    const ThroughputHistory nothing;
    const PredictionRequest request{machine, nothing, LaneUse::cpu};
    Constraints constraints;
    constraints.memory_use = MemoryUse::small;
    const double all = static_cast<double>(peak_memory(planned.graph, planned.plan, request).bytes);
    constraints.memory.bytes = static_cast<std::int64_t>(run.memory_part * all);
    const Fit fit = fit_memory(planned, request, constraints);
    counts.unfit = constraints.has_memory_for(fit.bytes) ? 0 : 1;
    counts.fitted = 1 - counts.unfit;
    if (counts.unfit > 0) return planned;
    for (const MemoryStep& step : fit.means.steps)
        ++(step.kind == MemoryStep::Kind::spill ? counts.spilled : counts.recomputed);
    planned = with_means(std::move(planned), deserialize_means(serialize(fit.means)));
    EXPECT_EQ(peak_memory(planned.graph, planned.plan, request).bytes, fit.bytes) << run.text;
    EXPECT_NO_THROW(prove(planned.graph, planned.plan, constraints.memory)) << run.text;
    return planned;
}

}  // namespace

CaseCounts run_case(const RunCase& run, const World& world, GpuSource* gpus) {
    const std::uint32_t seed = run.seed;
    CaseCounts means;
    const PlannedGraph planned = plan_of(run, world.size(), means);
    if (means.unfit > 0) return means;
    const Graph& graph = planned.graph;
    const Plan& plan = planned.plan;
    const std::vector<LaneChoice> choices = lanes_of_all(graph, seed, world.size(), gpus);
    Layout layout = build_layout(graph, plan, world.rank(), choices[world.rank().index()]);
    const bool moves = gpus == nullptr && !plan.tight && plan.claiming_ranks < 2 && seed % 2 == 0 && graph.steps > 1;
    const bool cuts_anew = seed % 5 != 4;
    const bool begins_more_than_wanted = layout.versions.looks_behind && seed % 3 != 0;
    if (!begins_more_than_wanted && (moves || cuts_anew || plan.sharing == LaneSharing::adaptive))
        layout.versions.block_steps = 1 + static_cast<int>(seed % 5);
    if (gpus != nullptr) gpus->open(graph, layout);
    const auto mapped = [&](BufferId id) { return gpus->mapped(id); };
    std::optional<ClaimMemory> shared;
    if (plan.claiming_ranks > 1) shared.emplace(layout);
    Arena arena = shared ? Arena(layout, shared->storage(), mapped) : Arena(layout, mapped);
    spoil(layout, arena);
    const int threads = threads_of(seed);
    const std::vector<std::string>& sets = graph.operations.front().kernel->instruction_sets;
    CpuLane cpu(graph, arena, choose_instruction_set(sets), threads);
    const Mailboxes mailboxes(world, is_near(seed, world.rank()));
    NetLane net(world, arena, &mailboxes);
    MemoryFiles files(graph, arena, run.load);
    const std::vector<Lane*> gpu_lanes = gpus == nullptr ? std::vector<Lane*>{} : gpus->lanes(graph, arena, threads);
    std::optional<Stealing> stealing;
    const std::string set = choose_instruction_set(sets);
    // On some seeds one rank is slow, so that the others have time to take its chunks.
    const double slowness = seed % 5 == 0 && world.rank().value == static_cast<int>(seed / 5) % world.size() ? 20 : 1;
    if (shared) {
        cpu.slow_down(slowness);
        const auto lanes_of = [&](Rank rank) { return choices[rank.index()]; };
        const bool messages = seed % 2 == 0;
        stealing.emplace(world, ClaimContext{graph, plan, lanes_of, set, threads, slowness, messages}, *shared, arena);
    }
    Executor executor(graph, plan, arena, cpu, net, files, gpu_lanes, threads);
    if (stealing) executor.claim_with(*stealing);
    executor.audit();
    if (seed % 4 == 0) executor.complete_on_host();
    Exchange exchange(world);
    const auto imposed = [&](const Plan& now, std::int64_t first) { return elsewhere(graph, now, seed, first); };
    if (moves) executor.move_borders({&exchange, 0, imposed});
    if (cuts_anew) executor.follow_costs(other_costs(graph, seed));
    executor.impose_shares(other_shares(graph, layout, seed));
    const RunTotals totals = executor.run([](std::int64_t) {});
    if (stealing) count_claims(*stealing);
    if (graph.until.valid()) {
        EXPECT_LE(totals.steps, graph.steps);
    } else {
        EXPECT_EQ(totals.steps, graph.steps);
    }
    if (plan.sharing != LaneSharing::dynamic) expect_busy(graph, plan, layout, totals);
    const std::vector<TensorBytes> got = collect(graph, totals.steps, files, world.rank().value);
    const auto on_gpus = std::accumulate(totals.gpu_operations.begin(), totals.gpu_operations.end(), std::int64_t{0});
    const bool claimed = std::find(layout.claimed.begin(), layout.claimed.end(), true) != layout.claimed.end();
    const MessageCounts& messages = totals.messages_by_kind;
    CaseCounts counts = means;
    counts.operations = static_cast<std::int64_t>(run.graph.operations.size());
    counts.on_gpus = on_gpus;
    counts.ended = totals.steps < graph.steps ? 1 : 0;
    counts.ended_behind = layout.versions.looks_behind ? counts.ended : 0;
    counts.border_moves = totals.border_moves;
    counts.handed_on = messages[MessageKind::ring].count + messages[MessageKind::doubling].count;
    counts.share_changes = totals.share_changes;
    counts.recuts = totals.recuts;
    counts.claimed_by_gpus = claimed ? on_gpus : 0;
    if (!world.is_root()) return counts;
    const std::vector<TensorBytes> want = evaluate_reference(run.graph, run.load);
    const bool bounded = !run.errors.empty();
    const std::vector<bool> inexact =
        gpus == nullptr && !bounded ? std::vector<bool>(run.graph.tensors.size())
                                    : inexact_tensors(run.graph, bounded && (gpus == nullptr || gpus->imitated()));
    for (std::size_t i = 0; i < want.size(); ++i) {
        const TensorId id = run.graph.outputs[i].tensor;
        const bool sum = run.sums_last && is_summed(run.graph, id);
        Allowed allowed;
        if (bounded) {
            if (inexact[id.index()]) allowed.absolute = run.errors.at(run.graph[id].name);
        } else {
            allowed.relative = inexact[id.index()] ? 1e-4 : sum ? 1e-6 : 0;
        }
        EXPECT_TRUE(agree(run.graph[id].dtype, got[i], want[i], allowed))
            << "seed " << seed << ", output " << run.graph[id].name << "\n"
            << run.text << print_plan(graph, plan);
    }
    return counts;
}

namespace {

/// Random counts whose product is at most `ranks`.
PlanRequest::Hybrid random_hybrid(std::mt19937& random, int ranks) {
    PlanRequest::Hybrid hybrid;
    for (int* const count : {&hybrid.data, &hybrid.model, &hybrid.pipeline}) {
        *count = 1 + static_cast<int>(random() % static_cast<unsigned>(ranks));
        ranks /= *count;
    }
    return hybrid;
}

/// Fewer ranks than there are, random grids or another strategy, for most seeds.
void draw_plan(RunCase& run, const World& world) {
    std::mt19937 random(run.seed * 17 + 3);
    run.request.max_ranks = static_cast<int>(run.seed % 5);
    const int max_ranks = run.request.max_ranks;  // 0: all
    const int ranks = max_ranks == 0 ? world.size() : std::min(max_ranks, world.size());
    static const std::vector<std::string> strategies = {"data",     "data",     "model",    "hybrid",
                                                        "pipeline", "pipeline", "stealing", "stealing"};
    run.request.strategy = strategies[random() % strategies.size()];
    run.request.hybrid = random_hybrid(random, ranks);
    run.request.stages = static_cast<int>(random() % 5);
    run.request.microbatches = static_cast<int>(random() % 6);
    run.request.buffer_depth = static_cast<int>(random() % 4);
    run.request.alternates = random() % 2 == 0;
    static const std::vector<CommMode> modes = {CommMode::collective, CommMode::automatic, CommMode::direct};
    run.request.comm = modes[run.seed / 2 % modes.size()];
    run.request.sharing = static_cast<LaneSharing>(run.seed / 2 % 4);
    if (random() % 3 == 0) run.request.memory_bytes = 1 << (random() % 16);
    if (run.request.strategy == "data" && run.seed % 3 != 0)
        run.request.grids = random_grids(run.graph, run.seed, ranks);
}

void store(DType type, double value, std::byte* at) {
    const auto put = [&](auto element) { std::memcpy(at, &element, sizeof element); };
    switch (type) {
        case DType::f32: return put(static_cast<float>(value));
        case DType::f64: return put(value);
        case DType::f16: return put(half_of(value));
        case DType::i32: return put(static_cast<std::int32_t>(value));
        case DType::i64: return put(static_cast<std::int64_t>(value));
        case DType::u32: return put(static_cast<std::uint32_t>(value));
        default: return put(static_cast<std::uint8_t>(value));
    }
}

/// Numbers of [low, high]; of some seeds eighths, so that equal ones meet.
TensorBytes bytes_between(const Tensor& tensor, double low, double high, std::uint32_t seed) {
    TensorBytes bytes(static_cast<std::size_t>(tensor.bytes()));
    std::mt19937 random(seed * 977u + static_cast<std::uint32_t>(tensor.input));
    for (std::size_t at = 0; at < bytes.size(); at += size_of(tensor.dtype)) {
        const double part = static_cast<double>(random()) / 4294967296.0;
        double value = low + part * (high - low);
        if (!is_floating(tensor.dtype)) value = low + std::floor(part * (high - low + 1));
        if (is_floating(tensor.dtype) && seed % 4 == 1) value = std::round(value * 8) / 8;
        store(tensor.dtype, value, bytes.data() + at);
    }
    return bytes;
}

}  // namespace

std::int64_t claims_so_far(const World& world) { return world.sum(claims_made); }

CaseCounts run_all_kernels_seed(std::uint32_t seed, const World& world, const KernelRegistry& registry, GpuSource* gpus,
                                KernelCounts& counts) {
    const AllKernelsJob random = all_kernels_job(seed, registry);
    RunCase run;
    run.graph = build_graph(parse_job(random.text, "random.yaml"), random.catalogue, registry);
    run.seed = seed;
    run.errors = random.errors;
    run.text = random.text;
    run.load = [&](const Tensor& tensor) {
        const auto [low, high] = random.ranges.at(tensor.name);
        return bytes_between(tensor, low, high, seed);
    };
    draw_plan(run, world);
    for (const Operation& operation : run.graph.operations) ++counts[operation.kernel->name];
    for (const CompositeText& composite : registry.composites()) {
        const std::string call = composite.name + "(";
        for (std::size_t at = run.text.find(call); at != std::string::npos; at = run.text.find(call, at + 1)) {
            const char before = run.text[at - 1];
            if (before == ' ' || before == '"' || before == '(') ++counts[composite.name];
        }
    }
    return run_case(run, world, gpus);
}

CaseCounts run_seed(std::uint32_t seed, const World& world, const KernelRegistry& registry, GpuSource* gpus,
                    const RandomRunOptions& options) {
    const RandomJob random = random_job(seed, options.entries, true);
    const Job job = parse_job(random.text, "random.yaml");
    RunCase run;
    run.graph = build_graph(job, random.catalogue, registry);
    run.seed = seed;
    run.load = [&](const Tensor& tensor) { return input_bytes(tensor, seed); };
    draw_plan(run, world);
    run.sums_last = random.sums_last;
    run.memory_part = options.memory_part;
    run.text = random.text;
    return run_case(run, world, gpus);
}

CaseCounts run_text(const std::string& text, std::uint32_t seed, const World& world, const KernelRegistry& registry,
                    double memory_part) {
    RunCase run;
    run.graph = build_graph(parse_job(text, "random.yaml"), {}, registry);
    run.seed = seed;
    run.text = text;
    run.memory_part = memory_part;
    draw_plan(run, world);
    return run_case(run, world, nullptr);
}

}  // namespace maniple
