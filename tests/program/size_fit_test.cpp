#include "program/size_fit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

namespace maniple {
namespace {

using Sizes = std::vector<SizeFit::Size>;

/// The nearest of them, the larger of two.
double nearest_of(const Sizes& sizes, int size_class) {
    const SizeFit::Size* best = &sizes.front();
    for (const SizeFit::Size& size : sizes) {
        if (std::abs(size.size_class - size_class) <= std::abs(best->size_class - size_class)) best = &size;
    }
    return best->ns_per_point;
}

double error_of(double found, double truth) { return std::abs(std::log2(found / truth)); }

double at(const SizeFit& fit, int size_class) { return fit.ns_per_point(size_class, 64).value(); }

TEST(SizeFit, OfNothingIsNothing) { EXPECT_FALSE(SizeFit().ns_per_point(10, 64)); }

TEST(SizeFit, OfOneSizeIsThatEverywhere) {
    const SizeFit fit({{12, 0.3, 1}});
    for (const int size_class : {0, 11, 12, 13, 64}) EXPECT_EQ(at(fit, size_class), 0.3);
    EXPECT_EQ(fit.exponent(), 1);
    EXPECT_FALSE(fit.ns_per_point(15, 2));
}

TEST(SizeFit, WhatWasMeasuredIsWhatItSays) {
    const Sizes sizes = {{3, 0.1, 3}, {9, 7.7, 1}, {10, 0.35, 2}, {17, 1.1, 1}};
    for (const SizeFit::Size& size : sizes) EXPECT_EQ(at(SizeFit(sizes), size.size_class), size.ns_per_point);
}

TEST(SizeFit, AStraightLineGoesOn) {
    Sizes sizes;
    const auto line = [](int size_class) { return std::exp2(3 - 0.25 * size_class); };
    for (const int size_class : {10, 14, 15, 20}) sizes.push_back({size_class, line(size_class), 1});
    const SizeFit fit(sizes);
    EXPECT_NEAR(fit.exponent(), 0.75, 1e-9);
    for (int size_class = 4; size_class <= 26; ++size_class)
        EXPECT_NEAR(at(fit, size_class) / line(std::clamp(size_class, 6, 24)), 1, 1e-6) << size_class;
}

TEST(SizeFit, BeyondWhatWasMeasuredNothingGrowsWithoutBounds) {
    for (const double steepness : {-3.0, 3.0}) {
        const Sizes sizes = {{10, 1, 1}, {12, std::exp2(2 * steepness), 1}};
        const SizeFit fit(sizes);
        EXPECT_EQ(fit.exponent(), steepness < 0 ? 0.5 : 1.5);
        for (int size_class = 0; size_class <= 64; ++size_class) {
            if (size_class > 10 && size_class < 12) continue;
            const double end = size_class <= 10 ? sizes[0].ns_per_point : sizes[1].ns_per_point;
            EXPECT_LE(error_of(at(fit, size_class), end), 2 + 1e-6) << size_class;
        }
    }
}

/// By what kernels take: calls that cost something by themselves, caches that end, and both, with noise. Beyond the sizes that
/// were measured nobody can know of a cache that ends between the last two that it does so just once.
TEST(SizeFit, BetweenSizesAndBeyondItIsNoWorseThanTheNearest) {
    const std::vector<std::function<double(int)>> kernels = {
        [](int size_class) { return 0.5 + 5000 * std::exp2(-size_class); },
        [](int size_class) { return size_class < 15   ? 0.2
                                    : size_class < 20 ? 0.4
                                                      : 1.6; },
        [](int size_class) { return 0.01 * size_class; },
        [](int size_class) { return (size_class < 17 ? 0.3 : 0.9) + 500 * std::exp2(-size_class); }};
    std::mt19937 random(7);
    std::uniform_real_distribution<double> noise(-0.2, 0.2);
    std::bernoulli_distribution known(0.4);
    for (std::size_t number = 0; number < kernels.size(); ++number) {
        double between = 0, beyond = 0, nearest_between = 0, nearest_beyond = 0;
        for (int round = 0; round < 300; ++round) {
            Sizes sizes;
            for (int size_class = 8; size_class <= 26; ++size_class) {
                if (known(random))
                    sizes.push_back({size_class, kernels[number](size_class) * std::exp2(noise(random)), 3});
            }
            if (sizes.size() < 2) continue;
            const SizeFit fit(sizes);
            for (int size_class = 8; size_class <= 26; ++size_class) {
                const double truth = kernels[number](size_class);
                const bool inside = size_class >= sizes.front().size_class && size_class <= sizes.back().size_class;
                (inside ? between : beyond) += error_of(at(fit, size_class), truth);
                (inside ? nearest_between : nearest_beyond) += error_of(nearest_of(sizes, size_class), truth);
            }
        }
        EXPECT_LE(between, 1.05 * nearest_between) << number;
        EXPECT_LE(beyond, (number % 2 == 0 ? 1.0 : 2.0) * nearest_beyond) << number;
    }
}

TEST(SizeFit, AnOutlierOfFewRunsCountsNowhere) {
    Sizes sizes;
    for (int size_class = 10; size_class <= 20; ++size_class) sizes.push_back({size_class, 1, 1});
    for (const std::size_t which : {std::size_t{0}, std::size_t{5}, std::size_t{10}}) {
        Sizes disturbed = sizes;
        disturbed[which].ns_per_point = 1000;
        const SizeFit fit(disturbed);
        for (int size_class = 0; size_class <= 40; ++size_class) EXPECT_NEAR(at(fit, size_class), 1, 1e-6);
        EXPECT_FALSE(fit.counts(disturbed[which].size_class));
        EXPECT_EQ(fit.size(), 10u);
        disturbed[which].runs = 3;
        EXPECT_EQ(at(SizeFit(disturbed), disturbed[which].size_class), 1000);
    }
}

/// Over the last sizes a point costs the same: so it does beyond.
TEST(SizeFit, WhatHasEndedDoesNotGoOn) {
    const Sizes sizes = {{4, 100, 3}, {6, 25, 3}, {8, 6, 3}, {10, 2, 3}, {16, 1, 3}, {18, 1, 3}};
    EXPECT_LT(SizeFit(sizes).exponent(), 0.8);
    for (int size_class = 18; size_class < 30; ++size_class) EXPECT_EQ(at(SizeFit(sizes), size_class), 1);
}

/// What calls cost by themselves is much for few points; so it is on all sizes below some.
TEST(SizeFit, WhatBendsTheLineIsNoOutlier) {
    Sizes sizes;
    for (int size_class = 2; size_class <= 24; size_class += 2)
        sizes.push_back({size_class, 1 + std::exp2(14 - size_class), 1});
    EXPECT_EQ(SizeFit(sizes).size(), sizes.size());
}

TEST(SizeFit, OfFewSizesNobodyKnowsWhichIsWrong) {
    const Sizes sizes = {{10, 1, 1}, {11, 1, 1}, {12, 1000, 1}, {13, 1, 1}};
    EXPECT_EQ(at(SizeFit(sizes), 12), 1000);
}

}  // namespace
}  // namespace maniple
