#include "lanes/file/convert.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tensor/half.hpp"

namespace maniple {
namespace {

template <class To, class From>
std::vector<To> converted(DType from, const std::vector<From>& values, DType to, std::int64_t wanted_bad = -1) {
    std::vector<To> result(values.size());
    const std::int64_t bad = convert_elements(from, reinterpret_cast<const std::byte*>(values.data()), to,
                                              reinterpret_cast<std::byte*>(result.data()), std::ssize(values));
    EXPECT_EQ(bad, wanted_bad);
    return result;
}

TEST(Convert, FloatsTruncateToIntegers) {
    EXPECT_EQ((converted<std::int32_t, float>(DType::f32, {1.9f, -1.9f, 0.f, -0.f}, DType::i32)),
              (std::vector<std::int32_t>{1, -1, 0, 0}));
    EXPECT_EQ((converted<std::uint8_t, double>(DType::f64, {255.9, -0.9}, DType::u8)),
              (std::vector<std::uint8_t>{255, 0}));
}

TEST(Convert, ValuesThatDoNotFitAreFound) {
    const double nan = std::nan("");
    converted<std::int32_t, double>(DType::f64, {1, nan}, DType::i32, 1);
    converted<std::uint8_t, double>(DType::f64, {256}, DType::u8, 0);
    converted<std::uint8_t, double>(DType::f64, {-1}, DType::u8, 0);
    converted<std::int64_t, double>(DType::f64, {0x1p63}, DType::i64, 0);
    converted<std::int32_t, double>(DType::f64, {2147483648.0}, DType::i32, 0);
    converted<std::int32_t, std::int64_t>(DType::i64, {0, 1, std::int64_t{1} << 31}, DType::i32, 2);
    converted<std::uint32_t, std::int32_t>(DType::i32, {-1}, DType::u32, 0);
    EXPECT_EQ((converted<std::int64_t, double>(DType::f64, {-0x1p63}, DType::i64))[0],
              std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ((converted<std::int32_t, double>(DType::f64, {2147483647.5}, DType::i32))[0], 2147483647);
}

TEST(Convert, FloatsRoundAndOverflowToInfinity) {
    const auto narrow = converted<float, double>(DType::f64, {0.1, 1e300, std::nan("")}, DType::f32);
    EXPECT_EQ(narrow[0], 0.1f);
    EXPECT_TRUE(std::isinf(narrow[1]));
    EXPECT_TRUE(std::isnan(narrow[2]));
    EXPECT_EQ((converted<std::uint16_t, float>(DType::f32, {1.0f, 65520.0f, 65519.0f, -2.0f}, DType::f16)),
              (std::vector<std::uint16_t>{0x3c00, 0x7c00, 0x7bff, 0xc000}));
}

TEST(Convert, Booleans) {
    EXPECT_EQ((converted<std::uint8_t, float>(DType::f32, {0.f, 0.5f, -2.f}, DType::boolean)),
              (std::vector<std::uint8_t>{0, 1, 1}));
    EXPECT_EQ((converted<float, std::uint8_t>(DType::boolean, {0, 1}, DType::f32)), (std::vector<float>{0.f, 1.f}));
}

TEST(Convert, MaskedElementsBecomeNan) {
    const double nan = std::nan("");
    const std::vector<float> source = {1, -1e34F, 3, static_cast<float>(nan), -0.0F};
    const std::vector<float> fills = {-1e34F, 0};
    std::vector<double> target = {1, 2, 3, 4, 5};
    const auto mask = [&](std::size_t fill_count, const float* values) {
        mask_elements(DType::f32, reinterpret_cast<const std::byte*>(source.data()),
                      reinterpret_cast<const std::byte*>(values), fill_count, DType::f64,
                      reinterpret_cast<std::byte*>(target.data()), 5);
    };
    mask(0, fills.data());
    EXPECT_EQ(target, (std::vector<double>{1, 2, 3, 4, 5}));
    mask(2, fills.data());
    EXPECT_TRUE(std::isnan(target[1]) && std::isnan(target[4]));
    EXPECT_TRUE(target[0] == 1 && target[2] == 3 && target[3] == 4);
    const auto not_a_number = static_cast<float>(nan);
    mask(1, &not_a_number);
    EXPECT_TRUE(std::isnan(target[3]));
}

}  // namespace
}  // namespace maniple
