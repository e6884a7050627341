#include "tensor/box_copy.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace maniple {
namespace {

/// Elements of a box, each different.
struct Elements {
    Elements(const Box& covered, std::size_t bytes_of_one)
        : box(covered), element_bytes(bytes_of_one),
          bytes(static_cast<std::size_t>(covered.volume()) * bytes_of_one + 1) {
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37 + i / 256);
    }
    Block block() { return {bytes.data(), element_bytes, box}; }

    Box box;
    std::size_t element_bytes;
    std::vector<std::byte> bytes;
};

class Draw {
public:
    explicit Draw(unsigned seed) : random_(seed) {}
    std::int64_t number(std::int64_t from, std::int64_t to) {
        return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
    }
    /// A block around `inner`.
    Box around(const Box& inner) {
        Box box = inner;
        for (int axis = 0; axis < inner.rank(); ++axis) {
            box.lo[axis] -= number(0, 2);
            box.hi[axis] += number(0, 2);
        }
        return box;
    }

private:
    std::mt19937 random_;
};

/// A box to be filled from one where some axes have one coordinate, which repeats.
struct Boxes {
    Boxes(Draw& draw, int rank) : source{Extents(rank), Extents(rank)}, target(source) {
        for (int axis = 0; axis < rank; ++axis) {
            const std::int64_t extent = draw.number(1, 4);
            source.lo[axis] = draw.number(-3, 3);
            target.lo[axis] = draw.number(-3, 3);
            source.hi[axis] = source.lo[axis] + (draw.number(0, 3) == 0 ? 1 : extent);
            target.hi[axis] = target.lo[axis] + extent;
        }
    }
    Box source, target;
};

TEST(BoxCopy, DoesWhatCopyBoxDoes) {
    Draw draw(11);
    for (int round = 0; round < 400; ++round) {
        const Boxes boxes(draw, round % 5);
        const auto element_bytes = static_cast<std::size_t>(1) << draw.number(0, 3);
        Elements from(draw.around(boxes.source), element_bytes), to(draw.around(boxes.target), element_bytes);
        Elements wanted = to;
        copy_box(read_only(from.block()), boxes.source, wanted.block(), boxes.target);
        const BoxCopy copy(read_only(from.block()), boxes.source, to.block(), boxes.target);
        copy.run();
        EXPECT_EQ(to.bytes, wanted.bytes) << to_string(boxes.source) << " to " << to_string(boxes.target);
        from.bytes.assign(from.bytes.size(), std::byte{7});
        copy_box(read_only(from.block()), boxes.source, wanted.block(), boxes.target);
        copy.run();
        EXPECT_EQ(to.bytes, wanted.bytes) << "again, of other elements";
    }
}

TEST(BoxCopy, DoesWhatZeroBoxDoes) {
    Draw draw(12);
    for (int round = 0; round < 100; ++round) {
        const Box target = Boxes(draw, round % 5).target;
        Elements to(draw.around(target), 4);
        Elements wanted = to;
        zero_box(wanted.block(), target);
        BoxCopy(to.block(), target).run();
        EXPECT_EQ(to.bytes, wanted.bytes) << to_string(target);
    }
}

TEST(BoxCopy, OfNothingTouchesNothing) {
    Elements to(Box(Extents{0, 0}, Extents{2, 2}), 4);
    const Elements before = to;
    BoxCopy(to.block(), Box(Extents{1, 1}, Extents{1, 2})).run();
    EXPECT_EQ(to.bytes, before.bytes);
}

}  // namespace
}  // namespace maniple
