#include "tensor/half.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace maniple {
namespace {

TEST(Half, EveryOneSurvivesTheWayThroughDouble) {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float value = float_of_half(half);
        if (std::isnan(value)) {
            EXPECT_TRUE(std::isnan(float_of_half(half_of(value))));
        } else {
            ASSERT_EQ(half_of(value), half);
        }
    }
}

TEST(Half, RoundsToNearestEven) {
    for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
        const auto low = static_cast<std::uint16_t>(bits), high = static_cast<std::uint16_t>(bits + 1);
        const double a = float_of_half(low), b = float_of_half(high), middle = (a + b) / 2;
        ASSERT_EQ(half_of(middle), (bits & 1) == 0 ? low : high);
        ASSERT_EQ(half_of(std::nextafter(middle, a)), low);
        ASSERT_EQ(half_of(std::nextafter(middle, b)), high);
        ASSERT_EQ(half_of(-middle), 0x8000 | ((bits & 1) == 0 ? low : high));
    }
    EXPECT_EQ(half_of(0x1p-25), 0);
    EXPECT_EQ(half_of(std::nextafter(0x1p-25, 1)), 1);
    EXPECT_EQ(half_of(1e-300), 0);
}

}  // namespace
}  // namespace maniple
