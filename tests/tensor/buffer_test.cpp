#include "tensor/buffer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace maniple {
namespace {

/// A block whose element at [y, x] is 100·y + x.
struct Numbers {
    explicit Numbers(const Box& covered) : box(covered), values(static_cast<std::size_t>(covered.volume())) {
        for (std::int64_t y = box.lo[0]; y < box.hi[0]; ++y) {
            for (std::int64_t x = box.lo[1]; x < box.hi[1]; ++x) at(y, x) = static_cast<std::int32_t>(100 * y + x);
        }
    }
    Block block() { return {reinterpret_cast<std::byte*>(values.data()), sizeof(std::int32_t), box}; }
    std::int32_t& at(std::int64_t y, std::int64_t x) {
        return values[static_cast<std::size_t>((y - box.lo[0]) * box.extent(1) + x - box.lo[1])];
    }

    Box box;
    std::vector<std::int32_t> values;
};

TEST(CopyBox, ShiftsAndKeepsTheRest) {
    Numbers from({{-1, -1}, {4, 5}}), to({{0, 0}, {6, 6}});
    copy_box(read_only(from.block()), {{0, 1}, {2, 4}}, to.block(), {{3, 2}, {5, 5}});
    for (std::int64_t y = 0; y < 6; ++y) {
        for (std::int64_t x = 0; x < 6; ++x) {
            const bool copied = y >= 3 && y < 5 && x >= 2 && x < 5;
            EXPECT_EQ(to.at(y, x), copied ? 100 * (y - 3) + (x - 1) : 100 * y + x);
        }
    }
}

TEST(CopyBox, RepeatsAnEdgeAlongEitherAxis) {
    Numbers field({{-2, -2}, {3, 3}});
    copy_box(read_only(field.block()), {{0, 0}, {1, 3}}, field.block(), {{-2, 0}, {0, 3}});
    copy_box(read_only(field.block()), {{0, 2}, {3, 3}}, field.block(), {{0, -2}, {3, 0}});
    EXPECT_EQ(field.at(-2, 1), 1);
    EXPECT_EQ(field.at(-1, 2), 2);
    EXPECT_EQ(field.at(1, -2), 102);
    EXPECT_EQ(field.at(2, -1), 202);
    EXPECT_EQ(field.at(0, 0), 0);
}

TEST(ZeroBox, ZeroesTheBoxAlone) {
    Numbers field({{0, 0}, {3, 3}});
    zero_box(field.block(), {{1, 1}, {2, 3}});
    EXPECT_EQ(field.at(1, 1), 0);
    EXPECT_EQ(field.at(1, 2), 0);
    EXPECT_EQ(field.at(1, 0), 100);
    EXPECT_EQ(field.at(2, 2), 202);
}

TEST(HostBytes, AreZeroedAndAligned) {
    const HostBytes bytes(1000);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes.data()) % HostBytes::alignment, 0u);
    for (std::size_t i = 0; i < bytes.size(); ++i) EXPECT_EQ(bytes.data()[i], std::byte{0});
}

}  // namespace
}  // namespace maniple
