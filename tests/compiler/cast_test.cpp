// cast between every pair of element types, in every instruction set, against a conversion that knows no vectors.
#include <gtest/gtest.h>

#include "elements.hpp"

namespace maniple {
namespace {

using namespace testing;

template <class To, class From>
To converted(From element) {
    const auto value = value_of(element);
    if constexpr (is_real<To> || std::is_same_v<To, Bool>) {
        return element_of<To>(value);
    } else if constexpr (is_real<From>) {
        if (std::isnan(value)) return To{};
        // Of 64 bits, so that it holds the ends of every integer type.
        const auto low = static_cast<long double>(std::numeric_limits<To>::lowest());
        const auto high = static_cast<long double>(std::numeric_limits<To>::max());
        return static_cast<To>(std::min(std::max(std::trunc(static_cast<long double>(value)), low), high));
    } else {
        return static_cast<To>(static_cast<std::uint64_t>(value));
    }
}

/// Numbers where conversions change their mind: ends of integers, the middles between halves, between floats.
std::vector<double> borders() {
    std::vector<double> result = {0.0, 0.25, 0.5, 0.999999, 1.5, 1e-45, 1e-310, 1e10, 1e19, 1e39, 1e300, INFINITY, NAN};
    for (const double power : {0x1p-126, 0x1p-149, 0x1p-150, 0x1p7, 0x1p8, 0x1p15, 0x1p16, 0x1p24, 0x1p31, 0x1p32,
                               0x1p53, 0x1p63, 0x1p64, 0x1p128}) {
        for (const double shift : {0.0, -1.0, 1.0, 0.5}) result.push_back(power + shift);
        result.push_back(std::nextafter(power, 0));
    }
    for (std::uint32_t bits = 0; bits<0x7c00; bits += bits> 0x440 && bits < 0x7b00 ? 7 : 1) {
        const double low = float_of_half(static_cast<std::uint16_t>(bits));
        const double high = bits == 0x7bff ? 65536.0 : float_of_half(static_cast<std::uint16_t>(bits + 1));
        const double middle = (low + high) / 2;
        for (const double value : {low, middle, std::nextafter(middle, 0), std::nextafter(middle, 1e9)}) {
            result.push_back(value);
            result.push_back(static_cast<double>(std::nextafter(static_cast<float>(value), 1e9f)));
        }
    }
    return result;
}

template <class From>
std::vector<From> values_of() {
    std::vector<From> result;
    Numbers numbers(41);
    if constexpr (std::is_same_v<From, Half>) {
        for (std::uint32_t bits = 0; bits < 0x10000; ++bits) result.push_back(Half{static_cast<std::uint16_t>(bits)});
    } else if constexpr (std::is_same_v<From, float> || std::is_same_v<From, double>) {
        for (const double value : borders()) {
            result.push_back(static_cast<From>(value));
            result.push_back(static_cast<From>(-value));
        }
        for (int i = 0; i < 5000; ++i) {
            const auto bits = static_cast<std::uint64_t>(numbers.integer());
            if constexpr (sizeof(From) == 4) result.push_back(std::bit_cast<From>(static_cast<std::uint32_t>(bits)));
            if constexpr (sizeof(From) == 8) result.push_back(std::bit_cast<From>(bits));
        }
    } else if constexpr (std::is_same_v<From, Bool>) {
        for (int i = 0; i < 100; ++i) result.push_back(next<Bool>(numbers));
    } else {
        for (int shift = 0; shift < 64; ++shift) {
            for (int near = -2; near <= 2; ++near) {
                const std::uint64_t power = std::uint64_t{1} << shift;
                result.push_back(static_cast<From>(power + static_cast<std::uint64_t>(near)));
                result.push_back(static_cast<From>(std::uint64_t{0} - power + static_cast<std::uint64_t>(near)));
            }
        }
        for (int i = 0; i<70000; i += i> 60000 ? 1 : 7) result.push_back(static_cast<From>(i));
        for (int i = 0; i < 3000; ++i) result.push_back(next<From>(numbers));
        for (int i = 0; i < 3000; ++i)
            result.push_back(static_cast<From>(next<From>(numbers) >> (i % 8 * sizeof(From))));
    }
    return result;
}

template <class From>
void check_casts_from() {
    const std::vector<From> values = values_of<From>();
    for_each_type([&](auto element) {
        using To = decltype(element);
        check_unary_on<From, To>("cast", values, [](From x) { return converted<To>(x); });
    });
}

TEST(Cast, FromF32) { check_casts_from<float>(); }
TEST(Cast, FromF64) { check_casts_from<double>(); }
TEST(Cast, FromF16) { check_casts_from<Half>(); }
TEST(Cast, FromI32) { check_casts_from<std::int32_t>(); }
TEST(Cast, FromI64) { check_casts_from<std::int64_t>(); }
TEST(Cast, FromU8) { check_casts_from<std::uint8_t>(); }
TEST(Cast, FromU32) { check_casts_from<std::uint32_t>(); }
TEST(Cast, FromBool) { check_casts_from<Bool>(); }

TEST(Cast, EveryHalfSurvivesTheWayThroughF32AndF64) {
    const Kernel* const kernel = standard_kernel("cast");
    const std::vector<Half> values = values_of<Half>();
    const Shape shape{std::ssize(values)};
    Grid<Half> x(shape), back(shape);
    for (std::int64_t i = 0; i < shape[0]; ++i) x({i}) = values[static_cast<std::size_t>(i)];
    const auto there_and_back = [&](auto grid, const std::string& wide, const std::string& set) {
        call(kernel->variant(types_index(*kernel, "f16->" + wide), set)->compute, Box::whole(shape), shape,
             {grid.tensor(), x.tensor()});
        call(kernel->variant(types_index(*kernel, wide + "->f16"), set)->compute, Box::whole(shape), shape,
             {back.tensor(), grid.tensor()});
        for (std::int64_t i = 0; i < shape[0]; ++i) ASSERT_TRUE(same(back({i}), x({i}))) << wide << " " << set << i;
    };
    for (const std::string& set : sets_that_run(*kernel)) {
        there_and_back(Grid<float>(shape), "f32", set);
        there_and_back(Grid<double>(shape), "f64", set);
    }
}

}  // namespace
}  // namespace maniple
