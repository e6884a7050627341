#include "random_run.hpp"

#include <gtest/gtest.h>
#include <mpi.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "../plan/random_grids.hpp"
#include "memory_files.hpp"
#include "random_job.hpp"

namespace maniple {
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

/// All ranks' outputs on rank 0, each byte from the one rank that wrote it.
std::vector<TensorBytes> collect(MemoryFiles& files, int rank) {
    std::vector<TensorBytes> result;
    for (std::size_t i = 0; i < files.outputs().size(); ++i) {
        TensorBytes& mine = files.outputs()[i];
        const int size = static_cast<int>(mine.size());
        TensorBytes all(mine.size());
        std::vector<unsigned char> writers(mine.size());
        MPI_Reduce(mine.data(), all.data(), size, MPI_BYTE, MPI_BOR, 0, MPI_COMM_WORLD);
        MPI_Reduce(files.written()[i].data(), writers.data(), size, MPI_UNSIGNED_CHAR, MPI_SUM, 0, MPI_COMM_WORLD);
        if (rank != 0) continue;
        EXPECT_TRUE(std::all_of(writers.begin(), writers.end(), [](unsigned char count) { return count == 1; }))
            << "output " << i;
        result.push_back(std::move(all));
    }
    return result;
}

template <class T>
::testing::AssertionResult agree(const TensorBytes& got, const TensorBytes& want, double tolerance) {
    double largest = 0;
    for (std::size_t at = 0; at < want.size(); at += sizeof(T)) {
        T b{};
        std::memcpy(&b, want.data() + at, sizeof b);
        if (std::isfinite(static_cast<double>(b))) largest = std::max(largest, std::abs(static_cast<double>(b)));
    }
    for (std::size_t at = 0; at < want.size(); at += sizeof(T)) {
        T a{}, b{};
        std::memcpy(&a, got.data() + at, sizeof a);
        std::memcpy(&b, want.data() + at, sizeof b);
        const double da = static_cast<double>(a), db = static_cast<double>(b);
        if (a == b || (std::isnan(da) && std::isnan(db))) continue;
        if (std::isfinite(da) && std::abs(da - db) <= tolerance * largest) continue;
        return ::testing::AssertionFailure() << "element " << at / sizeof(T) << ": got " << da << ", want " << db;
    }
    return ::testing::AssertionSuccess();
}

::testing::AssertionResult agree(DType type, const TensorBytes& got, const TensorBytes& want, double tolerance) {
    if (got.size() != want.size()) return ::testing::AssertionFailure() << got.size() << " bytes, want " << want.size();
    switch (type) {
        case DType::f32: return agree<float>(got, want, tolerance);
        case DType::f64: return agree<double>(got, want, tolerance);
        case DType::u8: return agree<std::uint8_t>(got, want, 0);
        default: return agree<std::int64_t>(got, want, 0);
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

/// What follows from a kernel that may differ between lanes in the last bits, also by way of the carry.
std::vector<bool> inexact_tensors(const Graph& graph) {
    std::vector<bool> inexact(graph.tensors.size(), false);
    for (std::size_t round = 0; round <= graph.carries.size(); ++round) {
        for (const Operation& operation : graph.operations) {
            bool any = !operation.kernel->types[operation.types].exact;
            for (const TensorId input : operation.inputs) any = any || inexact[input.index()];
            for (const TensorId output : operation.outputs) inexact[output.index()] = inexact[output.index()] || any;
        }
        for (const Carry& carry : graph.carries)
            inexact[carry.input.index()] = inexact[carry.input.index()] || inexact[carry.value.index()];
    }
    return inexact;
}

/// Every gpu lane has computed something, if the graph has anything for all lanes to share.
void expect_busy(const Graph& graph, const Plan& plan, const Layout& layout, const RunTotals& totals) {
    for (const GraphOutput& output : graph.outputs) {
        if (output.every > graph.steps) return;  // never written: what it alone needs is not computed
    }
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const std::vector<int> lanes = layout.lanes.of(OperationId(i));
        const Box points = points_of(graph, plan, OperationId(i), layout.rank);
        if (points.empty() || points.volume() < static_cast<std::int64_t>(lanes.size())) continue;
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

}  // namespace

std::int64_t run_case(const RunCase& run, const World& world, GpuSource* gpus) {
    const Graph& graph = run.graph;
    const std::uint32_t seed = run.seed;
    const Plan plan = make_plan(graph, Machine::uniform(world.size(), {}), run.request);
    LaneChoice choice = gpus == nullptr ? LaneChoice{} : gpus->choose(graph, seed, world.rank());
    if (seed % 3 != 0) choice.weights = random_weights(graph, choice, seed);
    const Layout layout = build_layout(graph, plan, world.rank(), choice);
    if (gpus != nullptr) gpus->open(graph, layout);
    Arena arena(layout, [&](BufferId id) { return gpus->mapped(id); });
    spoil(layout, arena);
    const int threads = 1 + static_cast<int>(seed % 3);
    const std::vector<std::string>& sets = graph.operations.front().kernel->instruction_sets;
    CpuLane cpu(graph, arena, choose_instruction_set(sets), threads);
    NetLane net(world, arena);
    MemoryFiles files(graph, arena, run.load);
    const std::vector<Lane*> gpu_lanes = gpus == nullptr ? std::vector<Lane*>{} : gpus->lanes(graph, arena, threads);
    Executor executor(graph, plan, arena, cpu, net, files, gpu_lanes, threads);
    const RunTotals totals = executor.run([](std::int64_t) {});
    EXPECT_EQ(totals.steps, graph.steps);
    expect_busy(graph, plan, layout, totals);
    const std::vector<TensorBytes> got = collect(files, world.rank().value);
    const auto on_gpus = std::accumulate(totals.gpu_operations.begin(), totals.gpu_operations.end(), std::int64_t{0});
    if (!world.is_root()) return on_gpus;
    const std::vector<TensorBytes> want = evaluate_reference(graph, run.load);
    const std::vector<bool> inexact =
        gpus == nullptr ? std::vector<bool>(graph.tensors.size()) : inexact_tensors(graph);
    for (std::size_t i = 0; i < want.size(); ++i) {
        const TensorId id = graph.outputs[i].tensor;
        const bool sum = run.sums_last && is_summed(graph, id);
        const double tolerance = inexact[id.index()] ? 1e-4 : sum ? 1e-6 : 0;
        EXPECT_TRUE(agree(graph[id].dtype, got[i], want[i], tolerance))
            << "seed " << seed << ", output " << graph[id].name << "\n"
            << run.text << print_plan(graph, plan);
    }
    return on_gpus;
}

std::int64_t run_seed(std::uint32_t seed, const World& world, const KernelRegistry& registry, GpuSource* gpus) {
    const RandomJob random = random_job(seed);
    const Job job = parse_job(random.text, "random.yaml");
    RunCase run{build_graph(job, random.catalogue, registry), {}, {"data", static_cast<int>(seed % 5)}, seed, true, {}};
    run.load = [&](const Tensor& tensor) { return input_bytes(tensor, seed); };
    const int max_ranks = run.request.max_ranks;  // 0: all
    const int ranks = max_ranks == 0 ? world.size() : std::min(max_ranks, world.size());
    if (seed % 3 != 0) run.request.grids = random_grids(run.graph, seed, ranks);
    run.sums_last = random.sums_last;
    run.text = random.text;
    return run_case(run, world, gpus);
}

}  // namespace maniple
