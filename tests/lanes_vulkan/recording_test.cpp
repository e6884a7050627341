// What command buffers will hold, looked at without a device.
#include "lanes/vulkan/recording.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "gpu_harness.hpp"
#include "lanes/vulkan/dispatches.hpp"
#include "lanes/vulkan/free_list.hpp"
#include "lanes/vulkan/moves.hpp"
#include "lanes/vulkan/windows.hpp"
#include "random_job.hpp"

namespace maniple {
namespace {

constexpr std::uint32_t all_features =
    MANIPLE_GPU_F64 | MANIPLE_GPU_I64 | MANIPLE_GPU_STORAGE_8 | MANIPLE_GPU_STORAGE_16;

DeviceLimits limits_of(std::int64_t window_bytes) {
    DeviceLimits limits;
    limits.max_window_bytes = window_bytes;
    limits.window_alignment = 64;
    limits.features = all_features;
    return limits;
}

/// With queues for copies: none, for uploads, for both, for both and without shaders.
DeviceLimits limits_of(std::int64_t window_bytes, std::uint32_t queues) {
    DeviceLimits limits = limits_of(window_bytes);
    limits.uploads = {queues > 0, queues < 3};
    limits.downloads = {queues > 1, queues < 3};
    return limits;
}

/// One storage as one instruction uses it in one layer.
struct UseInLayer {
    std::size_t part = 0;
    std::size_t layer = 0;
    StorageId storage;
    Accesses accesses;
};

std::map<InstructionId, std::vector<UseInLayer>> uses_of(const RecordedChunk& chunk) {
    std::map<InstructionId, std::vector<UseInLayer>> uses;
    for (std::size_t part = 0; part < chunk.parts.size(); ++part) {
        const std::vector<Layer>& layers = chunk.parts[part].layers;
        for (std::size_t i = 0; i < layers.size(); ++i) {
            for (const Command& command : layers[i].commands) {
                for (const Touch& touch : touches_of(command))
                    uses[command.instruction].push_back({part, i, touch.storage, touch.accesses});
            }
        }
    }
    return uses;
}

/// Whether a barrier behind `before` and ahead of `after` on their storage stands between their layers.
bool is_covered(const RecordedPart& part, const UseInLayer& before, const UseInLayer& after) {
    for (std::size_t i = before.layer + 1; i <= after.layer; ++i) {
        for (const StorageBarrier& barrier : part.layers[i].barriers) {
            const auto waits = [](std::uint8_t have, std::uint8_t need) { return (have & need) == need; };
            if (barrier.storage == before.storage && waits(barrier.before.writes, before.accesses.writes) &&
                waits(barrier.before.reads, before.accesses.reads) &&
                waits(barrier.after.reads, after.accesses.reads) && waits(barrier.after.writes, after.accesses.writes))
                return true;
        }
    }
    return false;
}

/// Every `after` within the chunk goes to a later part, which waits for the earlier one, or to a later layer of the
/// same, and then every storage that one of the two writes has a barrier.
std::size_t expect_edges_covered(const RecordedChunk& chunk, const Program& program) {
    std::size_t covered = 0;
    const auto all = uses_of(chunk);
    for (const auto& [later, later_uses] : all) {
        for (const InstructionId earlier : program.instructions[later.index()].after) {
            const auto found = all.find(earlier);
            if (found == all.end()) continue;
            for (const UseInLayer& before : found->second) {
                for (const UseInLayer& after : later_uses) {
                    EXPECT_LE(before.part, after.part);
                    if (before.part != after.part) continue;
                    EXPECT_LT(before.layer, after.layer);
                    if (before.storage != after.storage || (before.accesses.writes == 0 && after.accesses.writes == 0))
                        continue;
                    EXPECT_TRUE(is_covered(chunk.parts[before.part], before, after))
                        << "storage " << before.storage.value;
                    ++covered;
                }
            }
        }
    }
    return covered;
}

/// A barrier covers what its layer touches, and nothing else.
void expect_barriers_name_what_follows(const RecordedPart& part) {
    for (const Layer& layer : part.layers) {
        std::set<StorageId> touched;
        for (const Command& command : layer.commands) {
            for (const Touch& touch : touches_of(command)) touched.insert(touch.storage);
        }
        for (const StorageBarrier& barrier : layer.barriers) EXPECT_TRUE(touched.contains(barrier.storage));
    }
}

void expect_windows_fit(const RecordedPart& part, const DeviceLimits& limits) {
    const auto check = [&](const Window& window) {
        EXPECT_LE(window.bytes, limits.max_window_bytes);
        EXPECT_GT(window.bytes, 0);
        EXPECT_EQ(window.offset_bytes % limits.window_alignment, 0);
    };
    for (const Layer& layer : part.layers) {
        for (const Command& command : layer.commands) {
            if (const auto* dispatch = std::get_if<Dispatch>(&command.work)) {
                for (const Window& window : dispatch->windows) check(window);
            } else if (const auto* copy = std::get_if<BoxCopy>(&command.work)) {
                check(copy->from);
                check(copy->to);
            }
        }
    }
}

/// Where the instructions of a lane are.
std::map<InstructionId, PartId> parts_of(const Recording& recording) {
    std::map<InstructionId, PartId> parts;
    for (const RecordedChunk& chunk : recording.chunks) {
        for (const auto& [instruction, uses] : uses_of(chunk)) {
            if (!uses.empty()) parts[instruction] = {chunk.chunk, chunk.parts[uses[0].part].queue};
        }
    }
    return parts;
}

/// Every `after` between chunks of the lane is waited for by the part that needs it.
std::size_t expect_parts_wait(const Recording& recording, const Program& program) {
    std::size_t waits = 0;
    const std::map<InstructionId, PartId> parts = parts_of(recording);
    for (const RecordedChunk& chunk : recording.chunks) {
        for (const auto& [later, uses] : uses_of(chunk)) {
            for (const InstructionId earlier : program.instructions[later.index()].after) {
                const auto before = parts.find(earlier);
                if (before == parts.end() || before->second.chunk == chunk.chunk) continue;
                const std::vector<PartId>& after = chunk.parts[uses[0].part].after;
                EXPECT_NE(std::find(after.begin(), after.end(), before->second), after.end());
                ++waits;
            }
        }
    }
    return waits;
}

/// In each part what belongs there, in the order of submission.
void expect_parts_in_order(const RecordedChunk& chunk, const Program& program, const DeviceLimits& limits) {
    const std::vector<QueueUse> order{QueueUse::uploads, QueueUse::kernels, QueueUse::downloads};
    std::size_t next = 0;
    for (const RecordedPart& part : chunk.parts) {
        const auto at = std::find(order.begin() + static_cast<std::ptrdiff_t>(next), order.end(), part.queue);
        ASSERT_NE(at, order.end());
        next = static_cast<std::size_t>(at - order.begin()) + 1;
        if (part.queue == QueueUse::kernels) continue;
        const bool ups = part.queue == QueueUse::uploads;
        const CopyQueue& queue = ups ? limits.uploads : limits.downloads;
        EXPECT_TRUE(queue.apart);
        for (const Layer& layer : part.layers) {
            for (const Command& command : layer.commands) {
                EXPECT_EQ(program.instructions[command.instruction.index()].kind,
                          ups ? InstructionKind::upload : InstructionKind::download);
                EXPECT_TRUE(queue.computes || std::holds_alternative<RunCopy>(command.work));
            }
        }
    }
    EXPECT_FALSE(chunk.parts.empty());
}

TEST(Recording, CoversEveryEdgeOfRandomGraphs) {
    const KernelRegistry registry(standard_kernels());
    std::size_t edges = 0;
    std::array<std::size_t, queue_uses> parts{};
    for (std::uint32_t seed = 0; seed < 400; ++seed) {
        const RandomJob random = random_job(seed);
        const Graph graph = build_graph(parse_job(random.text, "random.yaml"), random.catalogue, registry);
        const Plan plan = make_plan(graph, Machine::uniform(1, {}), {});
        const Layout own = cpu_layout(graph, plan);
        const bool copies = seed % 3 == 0;
        const Layout layout = gpu_layout(own, copies);
        const Program program = GpuProgramBuilder(own, copies)
                                    .build(build_program(graph, plan, own, block_at(graph, own.versions, 0).shape));
        const DeviceLimits limits = limits_of(seed % 2 == 0 ? 1 << 27 : 1 << 16, seed / 3 % 4);
        for (const RecordedChunk& chunk : build_recording(graph, layout, program, 0, limits).chunks) {
            edges += expect_edges_covered(chunk, program);
            expect_parts_in_order(chunk, program, limits);
            for (const RecordedPart& part : chunk.parts) {
                expect_barriers_name_what_follows(part);
                expect_windows_fit(part, limits);
                ++parts[static_cast<std::size_t>(part.queue)];
            }
        }
    }
    EXPECT_GT(edges, 1000u);
    for (const std::size_t count : parts) EXPECT_GT(count, 30u);
}

/// The programs of ranks whose gpu has a memory of its own, beside the cpu: chunks of copies alone, and of both.
TEST(Recording, EveryPartWaitsForWhatItNeeds) {
    const KernelRegistry registry(standard_kernels());
    std::size_t waits = 0;
    for (std::uint32_t seed = 0; seed < 400; ++seed) {
        const RandomJob random = random_job(seed);
        const Graph graph = build_graph(parse_job(random.text, "random.yaml"), random.catalogue, registry);
        const Plan plan = make_plan(graph, Machine::uniform(1, {}), {});
        RankFacts facts;
        facts.gpus.resize(1);
        facts.gpus[0].features = all_features;
        const Layout layout = build_layout(graph, plan, Rank(0),
                                           choose_lanes(graph, facts, seed % 2 == 0 ? LaneUse::both : LaneUse::gpu));
        const Program program = build_program(graph, plan, layout, block_at(graph, layout.versions, 0).shape);
        const DeviceLimits limits = limits_of(1 << 27, seed / 2 % 4);
        const Recording recording = build_recording(graph, layout, program, 0, limits);
        waits += expect_parts_wait(recording, program);
        for (const RecordedChunk& chunk : recording.chunks) {
            expect_edges_covered(chunk, program);
            expect_parts_in_order(chunk, program, limits);
        }
    }
    EXPECT_GT(waits, 1000u);
}

TEST(Recording, LeavesFewBytesWithTheKernels) {
    const KernelRegistry registry(standard_kernels());
    const RandomJob random = random_job(3);
    const Graph graph = build_graph(parse_job(random.text, "random.yaml"), random.catalogue, registry);
    const Plan plan = make_plan(graph, Machine::uniform(1, {}), {});
    RankFacts facts;
    facts.gpus.resize(1);
    facts.gpus[0].features = all_features;
    const Layout layout = build_layout(graph, plan, Rank(0), choose_lanes(graph, facts, LaneUse::gpu));
    const Program program = build_program(graph, plan, layout, block_at(graph, layout.versions, 0).shape);
    DeviceLimits limits = limits_of(1 << 27, 2);
    limits.least_apart_bytes = std::int64_t{1} << 40;
    std::size_t alone = 0;
    for (const RecordedChunk& chunk : build_recording(graph, layout, program, 0, limits).chunks) {
        EXPECT_EQ(chunk.parts.size(), 1u);
        alone += chunk.parts[0].queue == QueueUse::kernels ? 0 : 1;
    }
    EXPECT_GT(alone, 0u) << "a chunk of nothing but copies costs no further submission";
}

TEST(Recording, TellsTheHostWhatItMayRead) {
    const KernelRegistry registry(standard_kernels());
    const RandomJob random = random_job(3);
    const Graph graph = build_graph(parse_job(random.text, "random.yaml"), random.catalogue, registry);
    const Plan plan = make_plan(graph, Machine::uniform(1, {}), {});
    const Layout own = cpu_layout(graph, plan);
    for (const bool copies : {false, true}) {
        const Layout layout = gpu_layout(own, copies);
        const Program program = GpuProgramBuilder(own, copies)
                                    .build(build_program(graph, plan, own, block_at(graph, own.versions, 0).shape));
        for (const RecordedChunk& chunk : build_recording(graph, layout, program, 0, limits_of(1 << 27, 2)).chunks) {
            std::set<StorageId> told;
            for (const RecordedPart& part : chunk.parts) {
                for (const StorageBarrier& barrier : part.to_host) told.insert(barrier.storage);
            }
            for (const InstructionId id : program.chunks[chunk.chunk.index()].instructions) {
                for (const Use& use : program.instructions[id.index()].writes) {
                    const bool seen = layout[use.buffer].memory.kind != Memory::Kind::device && !use.box.empty();
                    EXPECT_EQ(told.contains(StorageId(use.buffer.index())), seen);
                }
            }
            EXPECT_EQ(chunk.downloads.empty(), !copies);
        }
    }
}

TEST(SegmentsOf, DependsOnTheOperationAlone) {
    EXPECT_EQ(segments_of(1, 10, true), 1);
    EXPECT_EQ(segments_of(1, 64, true), 2);
    EXPECT_EQ(segments_of(1, 1 << 30, true), 65536);
    EXPECT_EQ(segments_of(1, 1 << 30, false), 256);
    EXPECT_EQ(segments_of(65536, 1 << 30, true), 1);
    EXPECT_EQ(segments_of(1 << 20, 1 << 30, true), 1);
    EXPECT_EQ(segments_of(1000, 1 << 30, true), 64);
}

TEST(CutGrid, KeepsTheOrderOfContractedPoints) {
    const Box box{Extents{0, 0, 0}, Extents{5, 3, 40}};
    const std::vector<Cutting> cutting{Cutting::freely, Cutting::contracted, Cutting::contracted};
    const auto size_of = [](const Box& piece) {
        PieceSize size;
        size.add(piece.volume(), 17);
        return size;
    };
    const Grid grid = cut_grid(box, cutting, size_of, "test");
    std::int64_t next = 0;  // contracted points, the last index fastest
    for (const Box& piece : grid.contracted) {
        EXPECT_EQ(piece.lo[1] * 40 + piece.lo[2], next);
        EXPECT_TRUE(piece.extent(1) == 1 || piece.extent(2) == 40);
        next += piece.extent(1) * piece.extent(2);
    }
    EXPECT_EQ(next, 120);
}

TEST(CutGrid, SaysWhatCannotBeCut) {
    const Box box{Extents{0}, Extents{100}};
    const auto large = [](const Box&) { return PieceSize{2, 2}; };
    EXPECT_THROW(cut_grid(box, {Cutting::never}, large, "test"), UnavailableError);
    EXPECT_THROW(cut_grid(box, {Cutting::freely}, large, "test"), UnavailableError);
}

TEST(Compacted, JoinsAxesThatLieBehindEachOther) {
    Move move;
    move.extents = {4, 1, 3, 2, 8};
    move.from = {StorageId(std::size_t{0}), 0, {1000, 77, 16, 8, 1}};
    move.to = {StorageId(std::size_t{1}), 0, {48, 48, 16, 8, 1}};
    move = compacted(move);
    EXPECT_EQ(move.extents, (std::vector<std::int64_t>{4, 48}));
    EXPECT_EQ(move.from.strides, (std::vector<std::int64_t>{1000, 1}));
}

TEST(FreeList, GivesBackWhatItTook) {
    constexpr std::int64_t size = 10000;
    FreeList list(size);
    std::mt19937 random(5);
    std::map<std::int64_t, std::int64_t> taken;
    for (int i = 0; i < 5000; ++i) {
        if (random() % 2 == 0 || taken.empty()) {
            const std::int64_t bytes = 1 + random() % 700;
            const std::int64_t alignment = std::int64_t{1} << random() % 7;
            const auto at = list.take(bytes, alignment);
            if (!at) continue;
            EXPECT_EQ(*at % alignment, 0);
            EXPECT_LE(*at + bytes, size);
            const auto next = taken.lower_bound(*at);
            EXPECT_TRUE(next == taken.end() || *at + bytes <= next->first);
            EXPECT_TRUE(next == taken.begin() || std::prev(next)->first + std::prev(next)->second <= *at);
            taken.emplace(*at, bytes);
        } else {
            auto it = std::next(taken.begin(), static_cast<std::ptrdiff_t>(random() % taken.size()));
            list.give_back(it->first, it->second);
            taken.erase(it);
        }
    }
    for (const auto& [at, bytes] : taken) list.give_back(at, bytes);
    EXPECT_TRUE(list.is_whole(size));
}

}  // namespace
}  // namespace maniple
