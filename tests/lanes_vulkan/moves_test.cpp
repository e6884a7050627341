// Copies, boundaries, uploads and downloads of every element size and odd boxes, against copy_box.
#include "lanes/vulkan/moves.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "gpu_harness.hpp"
#include "vulkan_devices.hpp"

namespace maniple {
namespace {

using Bytes = std::vector<std::byte>;

/// One random move between two buffers on the device, with what it needs before and after.
class RandomMove {
public:
    explicit RandomMove(std::uint32_t seed) : random_(seed) {
        constexpr std::int64_t sizes[] = {1, 2, 4, 8, 12, 24, 40};
        element_ = sizes[pick(std::size(sizes))];
        const auto rank = static_cast<int>(pick(6));
        const std::int64_t longest = rank < 3 ? 70 : rank == 3 ? 17 : 6;
        target_ = part_of(from_, to_, rank, longest);
        add_buffer("a", from_, element_, Memory::Kind::device);
        add_buffer("b", to_, element_, Memory::Kind::device);
        add_buffer("bytes", Box{Extents{0}, Extents{from_.volume() * element_ + 2 * to_.volume() * element_}}, 1,
                   Memory::Kind::staging);
    }

    void run(VulkanInstance& instance) {
        GpuLane lane(instance, 0, 0, graph_, layout_);
        Bytes a = random_bytes(from_.volume() * element_);
        Bytes b = random_bytes(to_.volume() * element_);
        Bytes want = b;
        std::memcpy(lane.mapped(staging_), a.data(), a.size());
        std::memcpy(lane.mapped(staging_) + a.size(), b.data(), b.size());
        add(InstructionKind::upload, packed(0, a.size()), {a_, from_});
        add(InstructionKind::upload, packed(a.size(), b.size()), {b_, to_});
        const Block to{want.data(), static_cast<std::size_t>(element_), to_};
        const ConstBlock from{a.data(), static_cast<std::size_t>(element_), from_};
        std::size_t result = a.size() + b.size();
        switch (pick(4)) {
            case 0:
                add(InstructionKind::boundary, {}, {b_, target_});
                zero_box(to, target_);
                break;
            case 1:  // the first bytes of `a`, which are there, in the order of the box
                add(InstructionKind::upload, packed(0, static_cast<std::size_t>(target_.volume() * element_)),
                    {b_, target_});
                copy_box({a.data(), static_cast<std::size_t>(element_), target_}, target_, to, target_);
                break;
            default: add(InstructionKind::copy, {a_, source_}, {b_, target_}); copy_box(from, source_, to, target_);
        }
        add(InstructionKind::download, {b_, to_}, packed(result, want.size()));
        WaitFor done;
        const std::unique_ptr<LaneProgram> prepared = lane.prepare(program_);
        prepared->submit(ChunkId(std::size_t{0}), {}, done);
        done.wait();
        EXPECT_EQ(std::memcmp(lane.mapped(staging_) + result, want.data(), want.size()), 0)
            << "elements of " << element_ << " bytes, " << to_string(source_) << " of " << to_string(from_) << " to "
            << to_string(target_) << " of " << to_string(to_);
    }

private:
    std::uint64_t pick(std::uint64_t count) { return random_() % count; }
    std::int64_t between(std::int64_t lo, std::int64_t hi) {
        return lo + static_cast<std::int64_t>(pick(static_cast<std::uint64_t>(hi - lo + 1)));
    }

    /// Chooses both storages, the source and the target in them; some axes of the source are repeated.
    Box part_of(Box& from, Box& to, int rank, std::int64_t longest) {
        Box target{Extents(rank), Extents(rank)};
        source_ = from = to = target;
        for (int axis = 0; axis < rank; ++axis) {
            const std::int64_t extent = between(1, longest);
            const bool repeated = pick(4) == 0;
            const auto place = [&](Box& all, Box& part, std::int64_t length) {
                const bool tight = pick(3) == 0;
                part.lo[axis] = between(-5, 5);
                part.hi[axis] = part.lo[axis] + length;
                all.lo[axis] = part.lo[axis] - (tight ? 0 : between(0, 3));
                all.hi[axis] = part.hi[axis] + (tight ? 0 : between(0, 3));
            };
            place(from, source_, repeated ? 1 : extent);
            place(to, target, extent);
        }
        // So that an upload finds its bytes: the other storage is no smaller than the target.
        if (rank > 0) from.hi[0] += target.volume() / std::max<std::int64_t>(1, from.volume() / from.extent(0)) + 1;
        return target;
    }

    void add_buffer(const std::string& name, const Box& box, std::int64_t element, Memory::Kind kind) {
        layout_.buffers.push_back({name, box, element, {kind, 0}});
    }

    Bytes random_bytes(std::int64_t count) {
        Bytes bytes(static_cast<std::size_t>(count));
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(pick(256));
        return bytes;
    }

    Use packed(std::size_t offset, std::size_t bytes) const {
        const auto lo = static_cast<std::int64_t>(offset);
        return {staging_, Box{Extents{lo}, Extents{lo + static_cast<std::int64_t>(bytes)}}};
    }

    void add(InstructionKind kind, const Use& from, const Use& to) {
        Instruction move;
        move.kind = kind;
        move.lane = LaneKind::gpu;
        move.gpu = 0;
        if (from.buffer.valid()) move.reads.push_back(from);
        move.writes.push_back(to);
        for (std::size_t i = 0; i < program_.instructions.size(); ++i) move.after.emplace_back(i);
        if (program_.chunks.empty()) program_.chunks.push_back({LaneKind::gpu, 0, {}, {}, 0});
        program_.chunks[0].instructions.emplace_back(program_.instructions.size());
        program_.instructions.push_back(move);
    }

    std::mt19937 random_;
    std::int64_t element_ = 1;
    Box from_, to_, source_, target_;
    const BufferId a_{std::size_t{0}}, b_{std::size_t{1}}, staging_{std::size_t{2}};
    Graph graph_;
    Layout layout_;
    Program program_;
};

class Moves : public ::testing::TestWithParam<const char*> {};

TEST_P(Moves, AgreeWithCopyBox) {
    VulkanInstance& instance = instance_for(GetParam());
    MANIPLE_NEED_DEVICE(instance);
    for (std::uint32_t seed = 0; seed < 150 && !HasFailure(); ++seed) RandomMove(seed).run(instance);
}

INSTANTIATE_TEST_SUITE_P(Pretending, Moves,
                         ::testing::Values("", "not-coherent", "small-windows",
                                           "not-unified,three-queues,copy-queues"));

}  // namespace
}  // namespace maniple
