// Random graphs on several ranks against the sequential reference.
#include <gtest/gtest.h>
#include <mpi.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "graph/graph.hpp"
#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/net/net_lane.hpp"
#include "memory_files.hpp"
#include "random_job.hpp"
#include "run/executor.hpp"

namespace maniple {
namespace {

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
        if (tensor.dtype == DType::f32) std::memcpy(at, &narrow, sizeof narrow);
        if (tensor.dtype == DType::f64) std::memcpy(at, &real, sizeof real);
        if (tensor.dtype == DType::i64) std::memcpy(at, &integer, sizeof integer);
    }
    return bytes;
}

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
        default: return agree<std::int64_t>(got, want, 0);
    }
}

bool has_sum_before(const Graph& graph, TensorId id) {
    const Tensor& tensor = graph[id];
    return tensor.kind == Tensor::Kind::computed && graph[tensor.producer].kernel->name == "sum";
}

/// Every operation on lanes of its own; the gpus are imitated by the cpu, in memories of their own.
LaneChoice random_lanes(const Graph& graph, std::uint32_t seed, Rank rank) {
    std::mt19937 random(seed * 7919 + static_cast<std::uint32_t>(rank.value));
    LaneChoice choice;
    choice.gpus.resize(1 + random() % 3);
    choice.gpus[0].unified = random() % 3 == 0;
    const bool alike = random() % 2 == 0;  // else data wanders
    std::vector<int> lanes;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        if (!alike || lanes.empty()) {
            lanes.clear();
            for (int lane = LaneChoice::cpu_lane; lane < static_cast<int>(choice.gpus.size()); ++lane) {
                if (random() % 2 == 0) lanes.push_back(lane);
            }
            if (lanes.empty()) lanes.push_back(static_cast<int>(random() % choice.gpus.size()));
        }
        choice.lanes.push_back(lanes);
    }
    return choice;
}

/// What nothing has written yet must not matter.
void spoil(const Layout& layout, Arena& arena) {
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
        const Block block = arena.block(BufferId(i));
        std::memset(block.data, 0x7b, static_cast<std::size_t>(block.bytes()));
    }
}

/// Runs one graph on all ranks; rank 0 compares. Returns the operations on gpu lanes of this rank.
std::int64_t run_seed(std::uint32_t seed, const World& world, const KernelRegistry& registry, bool with_gpus) {
    const RandomJob random = random_job(seed);
    const Job job = parse_job(random.text, "random.yaml");
    const Graph graph = build_graph(job, random.catalogue, registry);
    const InputLoader load = [&](const Tensor& tensor) { return input_bytes(tensor, seed); };
    const int max_ranks = static_cast<int>(seed % 5);  // 0: all
    const Plan plan = make_plan(graph, Machine::uniform(world.size(), {}), {"data", max_ranks});
    const LaneChoice lanes = with_gpus ? random_lanes(graph, seed, world.rank()) : LaneChoice{};
    const Layout layout = build_layout(graph, plan, world.rank(), lanes);
    std::vector<HostBytes> gpu_bytes(layout.buffers.size());
    Arena arena(layout, [&](BufferId id) {
        gpu_bytes[id.index()] = HostBytes(static_cast<std::size_t>(layout[id].bytes()));
        return gpu_bytes[id.index()].data();
    });
    spoil(layout, arena);
    const int threads = 1 + static_cast<int>(seed % 3);
    const std::string set = choose_instruction_set(registry.all().front().instruction_sets);
    CpuLane cpu(graph, arena, set, threads);
    NetLane net(world, arena);
    MemoryFiles files(graph, arena, load);
    std::vector<std::unique_ptr<CpuLane>> imitated;
    std::vector<Lane*> gpus;
    for (int gpu = 0; gpu < static_cast<int>(lanes.gpus.size()); ++gpu) {
        imitated.push_back(std::make_unique<CpuLane>(graph, arena, set, threads, gpu));
        gpus.push_back(imitated.back().get());
    }
    Executor executor(graph, plan, arena, cpu, net, files, gpus, threads);
    const RunTotals totals = executor.run([](std::int64_t) {});
    EXPECT_EQ(totals.steps, graph.steps);
    const std::vector<TensorBytes> got = collect(files, world.rank().value);
    const auto on_gpus = std::accumulate(totals.gpu_operations.begin(), totals.gpu_operations.end(), std::int64_t{0});
    if (!world.is_root()) return on_gpus;
    const std::vector<TensorBytes> want = evaluate_reference(graph, load);
    for (std::size_t i = 0; i < want.size(); ++i) {
        const Tensor& tensor = graph[graph.outputs[i].tensor];
        const double tolerance = random.sums_last && has_sum_before(graph, graph.outputs[i].tensor) ? 1e-6 : 0;
        EXPECT_TRUE(agree(tensor.dtype, got[i], want[i], tolerance))
            << "seed " << seed << ", output " << tensor.name << "\n"
            << random.text;
    }
    return on_gpus;
}

void run_seeds(bool with_gpus) {
    const World world(MPI_COMM_WORLD);
    const KernelRegistry registry(standard_kernels());
    constexpr std::uint32_t seeds = 300;
    std::int64_t failures = 0, on_gpus = 0;
    for (std::uint32_t seed = 0; seed < seeds && failures == 0; ++seed) {
        on_gpus += run_seed(seed, world, registry, with_gpus);
        failures = world.sum(std::int64_t{::testing::Test::HasFailure() ? 1 : 0});
    }
    EXPECT_EQ(failures, 0);
    if (world.is_root()) { EXPECT_EQ(on_gpus > seeds, with_gpus) << on_gpus; }
}

TEST(RandomGraphs, EqualTheReference) { run_seeds(false); }
TEST(RandomGraphs, EqualTheReferenceOnManyLanes) { run_seeds(true); }

}  // namespace
}  // namespace maniple
