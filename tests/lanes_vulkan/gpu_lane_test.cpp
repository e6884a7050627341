// The lane itself: re-execution, large buffers, several lanes on a device, errors, giving up.
#include "lanes/vulkan/gpu_lane.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/error.hpp"
#include "gpu_harness.hpp"
#include "lanes/vulkan/handles.hpp"
#include "vulkan_devices.hpp"

namespace maniple {
namespace {

/// `b = a + a` over f32, with what it takes to run it on a lane: buffers used in place, `chunks` equal chunks.
struct Doubling {
    explicit Doubling(const Shape& shape, std::size_t chunks = 1) : registry(standard_kernels()) {
        Catalogue catalogue;
        catalogue.inputs.push_back({"a", shape, DType::f32, {}, shape});
        graph = build_graph(parse_job("maniple: 1\nname: t\ninputs: {a: i.h5:/a}\ngraph: {b: a + a}\n"
                                      "outputs: {b: o.h5:/b}\n",
                                      "test.yaml"),
                            catalogue, registry);
        for (const char* const name : {"a", "b"})
            layout.buffers.push_back({name, Box::whole(shape), 4, {Memory::Kind::host, 0}});
        const BufferId a(std::size_t{0});
        const BufferId b(std::size_t{1});
        for (std::size_t i = 0; i < chunks; ++i) {
            Instruction add;
            add.lane = LaneKind::gpu;
            add.gpu = 0;
            add.operation = graph[graph.outputs[0].tensor].producer;
            Box rows = Box::whole(shape);
            const auto count = static_cast<std::int64_t>(chunks);
            const auto number = static_cast<std::int64_t>(i);
            rows.lo[0] = shape[0] * number / count;
            rows.hi[0] = shape[0] * (number + 1) / count;
            add.box = rows;
            add.arguments.push_back({b, -1});
            for (std::size_t input = 0; input < graph[add.operation].inputs.size(); ++input)
                add.arguments.push_back({a, -1});
            add.reads.push_back({a, rows});
            add.writes.push_back({b, rows});
            program.instructions.push_back(add);
            program.chunks.push_back({LaneKind::gpu, 0, {InstructionId(i)}, {}, 0});
        }
    }

    KernelRegistry registry;
    Graph graph;
    Layout layout;
    Program program;
};

/// Numbers that go through the same buffers on the device: `rounds` times an upload, `b = a + a`, a download, each a
/// chunk. What comes next overwrites what the one before needs.
struct Relay {
    static constexpr std::int64_t count = 500;

    explicit Relay(std::size_t rounds) : job({count}) {
        program.rank = Rank(0);
        layout.buffers = job.layout.buffers;
        for (BufferSpec& buffer : layout.buffers) buffer.memory.kind = Memory::Kind::device;
        const auto bytes = static_cast<std::int64_t>(rounds) * 2 * count * 4;
        layout.buffers.push_back({"bytes", Box{Extents{0}, Extents{bytes}}, 1, {Memory::Kind::staging, 0}});
        for (std::size_t i = 0; i < rounds; ++i) add_round(i);
    }

    static std::size_t first_number(std::size_t round) { return round * 2 * count; }
    static std::size_t first_result(std::size_t round) { return first_number(round) + count; }

    Doubling job;
    Layout layout;
    Program program;

private:
    void add_round(std::size_t round) {
        const BufferId a(std::size_t{0}), b(std::size_t{1});
        const Box all = job.program.instructions[0].box;
        Instruction upload, download, add = job.program.instructions[0];
        upload.kind = InstructionKind::upload;
        upload.reads.push_back(staged(first_number(round)));
        upload.writes.push_back({a, all});
        download.kind = InstructionKind::download;
        download.reads.push_back({b, all});
        download.writes.push_back(staged(first_result(round)));
        const std::size_t first = 3 * round;
        if (round > 0) {
            upload.after.push_back(InstructionId(first - 2));  // which reads what this overwrites
            add.after.push_back(InstructionId(first - 1));     // likewise
        }
        add.after.push_back(InstructionId(first));
        download.after.push_back(InstructionId(first + 1));
        for (Instruction* instruction : {&upload, &add, &download}) {
            instruction->lane = LaneKind::gpu;
            instruction->gpu = 0;
            program.chunks.push_back({LaneKind::gpu, 0, {InstructionId(program.instructions.size())}, {}, 0});
            program.instructions.push_back(*instruction);
        }
    }

    static Use staged(std::size_t number) {
        const auto lo = static_cast<std::int64_t>(number) * 4;
        return {BufferId(std::size_t{2}), Box{Extents{lo}, Extents{lo + count * 4}}};
    }
};

float* floats(GpuLane& lane, std::size_t buffer) { return reinterpret_cast<float*>(lane.mapped(BufferId(buffer))); }

class GpuLaneTest : public ::testing::Test {
protected:
    void SetUp() override { MANIPLE_NEED_DEVICE(instance_for("")); }
    VulkanInstance& instance_ = instance_for("");
};

TEST_F(GpuLaneTest, BeginsWithZeros) {
    const Doubling job({1000});
    const GpuLane lane(instance_, 0, 0, job.graph, job.layout);
    for (std::size_t i = 0; i < 4000; ++i) EXPECT_EQ(lane.mapped(BufferId(std::size_t{1}))[i], std::byte{0});
}

TEST_F(GpuLaneTest, ExecutesAThousandTimesWithTheSameMemoryAndHandles) {
    const Doubling job({1000}, 3);
    GpuLane lane(instance_, 0, 0, job.graph, job.layout);
    const std::unique_ptr<LaneProgram> prepared = lane.prepare(job.program);
    const GpuUsage before = lane.usage();
    WaitFor done;
    for (int turn = 0; turn < 1000; ++turn) {
        floats(lane, 0)[turn] = static_cast<float>(turn);
        for (std::size_t chunk = 0; chunk < 3; ++chunk) prepared->submit(ChunkId(chunk), {turn}, done);
        done.wait(3);
        ASSERT_EQ(floats(lane, 1)[turn], static_cast<float>(2 * turn));
    }
    const GpuUsage after = lane.usage();
    EXPECT_EQ(after.bytes, before.bytes);
    EXPECT_EQ(after.block_bytes, before.block_bytes);
    EXPECT_EQ(after.blocks, before.blocks);
    EXPECT_EQ(after.handles, before.handles);
    EXPECT_EQ(lane.activity().chunks, 3000);
    EXPECT_EQ(lane.activity().operations, 3000);
    EXPECT_GT(lane.activity().busy_ns, 0);
}

TEST_F(GpuLaneTest, SeesABufferThatIsLargerThanAWindow) {
    const Shape shape{50, 1024, 1024};  // 200 MiB
    const Doubling job(shape);
    GpuLane lane(instance_, 0, 0, job.graph, job.layout);
    const std::int64_t count = element_count(shape);
    ASSERT_GT(4 * count, lane.description().max_window_bytes);
    for (std::int64_t i = 0; i < count; ++i) floats(lane, 0)[i] = static_cast<float>(i % 4093);
    const std::unique_ptr<LaneProgram> prepared = lane.prepare(job.program);
    WaitFor done;
    prepared->submit(ChunkId(std::size_t{0}), {}, done);
    done.wait();
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < count; ++i) wrong += floats(lane, 1)[i] != static_cast<float>(2 * (i % 4093)) ? 1 : 0;
    EXPECT_EQ(wrong, 0);
}

TEST_F(GpuLaneTest, SharesADeviceWithAnother) {
    constexpr int count = 4;
    std::vector<std::thread> threads;
    for (int number = 0; number < count; ++number) {
        threads.emplace_back([&, number] {
            const Doubling job({500 + number});
            GpuLane lane(instance_, 0, 0, job.graph, job.layout);
            const std::unique_ptr<LaneProgram> prepared = lane.prepare(job.program);
            WaitFor done;
            for (int turn = 0; turn < 50; ++turn) {
                floats(lane, 0)[number] = static_cast<float>(turn);
                prepared->submit(ChunkId(std::size_t{0}), {}, done);
                done.wait();
                EXPECT_EQ(floats(lane, 1)[number], static_cast<float>(2 * turn));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST_F(GpuLaneTest, TakesChunksFromManyThreads) {
    constexpr std::size_t chunks = 64;
    const Doubling job({640, 10}, chunks);
    GpuLane lane(instance_, 0, 0, job.graph, job.layout);
    for (int i = 0; i < 6400; ++i) floats(lane, 0)[i] = static_cast<float>(i);
    const std::unique_ptr<LaneProgram> prepared = lane.prepare(job.program);
    WaitFor done;
    std::vector<std::thread> threads;
    for (std::size_t first = 0; first < 4; ++first) {
        threads.emplace_back([&, first] {
            for (std::size_t i = first; i < chunks; i += 4) prepared->submit(ChunkId(i), {}, done);
        });
    }
    for (std::thread& thread : threads) thread.join();
    done.wait(chunks);
    for (int i = 0; i < 6400; ++i) ASSERT_EQ(floats(lane, 1)[i], static_cast<float>(2 * i));
}

/// Whether this program runs under tests/gpu/queues_layer.cpp.
bool has_queues_layer() {
    const char* const layers = std::getenv("VK_INSTANCE_LAYERS");
    return layers != nullptr && std::strstr(layers, "VK_LAYER_MANIPLE_queues") != nullptr;
}

TEST_F(GpuLaneTest, KnowsTheQueuesOfALayer) {
    if (!has_queues_layer()) return;
    EXPECT_EQ(instance_for("not-unified").devices()[0].queues,
              "uploads on queue 0 of family 1, which copies only; downloads on queue 1 of family 1, which copies only");
}

/// As fast as they can be submitted, so that the queues alone keep the order.
TEST_F(GpuLaneTest, ItsQueuesWaitForEachOther) {
    constexpr std::size_t rounds = 20;
    for (const char* const pretend : {"not-unified", "not-unified,one-queue", "not-unified,two-queues",
                                      "not-unified,three-queues", "not-unified,three-queues,copy-queues"}) {
        const Relay relay(rounds);
        GpuLane lane(instance_for(pretend), 0, 0, relay.job.graph, relay.layout);
        const std::unique_ptr<LaneProgram> prepared = lane.prepare(relay.program);
        const GpuUsage before = lane.usage();
        WaitFor done;
        for (int turn = 0; turn < 20; ++turn) {
            const auto number = [&](std::size_t i) {
                return static_cast<float>(i + 7 * static_cast<std::size_t>(turn));
            };
            for (std::size_t i = 0; i < Relay::first_number(rounds); ++i) floats(lane, 2)[i] = number(i);
            for (std::size_t i = 0; i < relay.program.chunks.size(); ++i) prepared->submit(ChunkId(i), {turn}, done);
            done.wait(static_cast<int>(relay.program.chunks.size()));
            std::size_t wrong = 0;
            for (std::size_t round = 0; round < rounds; ++round) {
                for (std::size_t i = 0; i < std::size_t{Relay::count}; ++i) {
                    const float want = 2 * number(Relay::first_number(round) + i);
                    wrong += floats(lane, 2)[Relay::first_result(round) + i] != want ? 1 : 0;
                }
            }
            ASSERT_EQ(wrong, 0u) << pretend << ", turn " << turn;
        }
        EXPECT_EQ(lane.usage().handles, before.handles);
        EXPECT_EQ(lane.activity().chunks, std::int64_t{20 * 3 * rounds});
        EXPECT_GT(lane.activity().busy_ns, 0);
    }
}

/// One chunk of three parts, of which the first, the second or the third is refused: the lane reports it once, when what
/// was submitted has ended.
TEST_F(GpuLaneTest, ReportsAPartThatCannotBeSubmitted) {
    if (!has_queues_layer()) return;
    Relay relay(1);
    relay.program.chunks = {
        {LaneKind::gpu,
         0,
         {InstructionId(std::size_t{0}), InstructionId(std::size_t{1}), InstructionId(std::size_t{2})},
         {},
         0}};
    constexpr int zeroing = 1;  // submission, when the lane is made
    for (int part = 1; part <= 4; ++part) {
        ::setenv("MANIPLE_QUEUES_LAYER_FAILS", std::to_string(zeroing + part).c_str(), /*overwrite=*/1);
        GpuLane lane(instance_for("not-unified,three-queues"), 0, 0, relay.job.graph, relay.layout);
        ASSERT_EQ(lane.queues(), 3);
        const std::unique_ptr<LaneProgram> prepared = lane.prepare(relay.program);
        WaitFor done;
        prepared->submit(ChunkId(std::size_t{0}), {}, done);
        if (part <= 3) {
            EXPECT_THROW(done.wait(), UnavailableError) << part;
        } else {
            EXPECT_NO_THROW(done.wait());
        }
    }
    ::unsetenv("MANIPLE_QUEUES_LAYER_FAILS");
}

TEST_F(GpuLaneTest, EndsWhatItHasBegunWhenGivenUp) {
    const Doubling job({1 << 20}, 8);
    GpuLane lane(instance_, 0, 0, job.graph, job.layout);
    const std::unique_ptr<LaneProgram> prepared = lane.prepare(job.program);
    WaitFor done;
    for (std::size_t i = 0; i < 8; ++i) prepared->submit(ChunkId(i), {}, done);
    lane.cancel();
    EXPECT_NO_THROW(done.wait(8));
    prepared->submit(ChunkId(std::size_t{0}), {}, done);
    EXPECT_THROW(done.wait(), DeviceError);
}

TEST_F(GpuLaneTest, NamesTheBufferThatDoesNotFit) {
    Doubling job({1000});
    job.layout.buffers[1].box = Box::whole({std::int64_t{1} << 42});
    try {
        const GpuLane lane(instance_, 0, 0, job.graph, job.layout);
        FAIL();
    } catch (const UnavailableError& error) {
        EXPECT_NE(std::string(error.what()).find("memory for 'b' on gpu 0 (16 TiB)"), std::string::npos)
            << error.what();
    }
}

TEST_F(GpuLaneTest, NamesTheDeviceThatIsNotThere) {
    const Doubling job({10});
    EXPECT_THROW(GpuLane(instance_, 1000, 0, job.graph, job.layout), UnavailableError);
    EXPECT_THROW(GpuLane(instance_, -1, 0, job.graph, job.layout), UnavailableError);
}

TEST_F(GpuLaneTest, NamesTheKernelWithoutAShader) {
    Doubling job({10});
    Kernel bare = *job.registry.find("add");
    bare.gpu_table = nullptr;
    job.graph.operations[0].kernel = &bare;
    GpuLane lane(instance_, 0, 0, job.graph, job.layout);
    try {
        lane.prepare(job.program);
        FAIL();
    } catch (const KernelError& error) { EXPECT_NE(std::string(error.what()).find("add"), std::string::npos); }
}

TEST_F(GpuLaneTest, NamesTheKernelWhoseShaderIsDamaged) {
    Doubling job({10});
    Kernel damaged = *job.registry.find("add");
    const std::size_t types = job.graph.operations[0].types;
    std::vector<maniple_gpu_variant> variants(damaged.gpu_table->variants,
                                              damaged.gpu_table->variants + damaged.gpu_table->variant_count);
    const maniple_shader whole = variants[types].compute;
    std::vector<std::uint32_t> words(whole.words, whole.words + whole.count);
    words[words.size() / 2] ^= 4;
    variants[types].compute.words = words.data();
    maniple_gpu_table table = *damaged.gpu_table;
    table.variants = variants.data();
    damaged.gpu_table = &table;
    job.graph.operations[0].kernel = &damaged;
    GpuLane lane(instance_, 0, 0, job.graph, job.layout);
    EXPECT_THROW(lane.prepare(job.program), KernelError);
}

TEST_F(GpuLaneTest, ValidationReportsAMisuse) {
    InstanceOptions options;
    options.validation = true;
    const VulkanInstance instance(options);
    const float priority = 1;
    const vk::DeviceQueueCreateInfo queue({}, 0, 1, &priority);
    const vk::raii::Device device(instance.handles().devices[0], vk::DeviceCreateInfo({}, queue));
    EXPECT_TRUE(instance.validation_messages().empty());
    try {
        const vk::raii::Buffer empty(device, vk::BufferCreateInfo({}, 0, vk::BufferUsageFlagBits::eStorageBuffer));
    } catch (const vk::Error&) {}
    EXPECT_FALSE(instance.validation_messages().empty());
}

}  // namespace
}  // namespace maniple
