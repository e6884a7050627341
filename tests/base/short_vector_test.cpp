#include "base/short_vector.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace maniple {
namespace {

struct Pair {
    int a = 0;
    double b = 0;

    bool operator==(const Pair&) const = default;
};
using Pairs = ShortVector<Pair, 2>;

void expect_same(const Pairs& ours, const std::vector<Pair>& theirs) {
    ASSERT_EQ(ours.size(), theirs.size());
    EXPECT_TRUE(std::equal(ours.begin(), ours.end(), theirs.begin()));
    EXPECT_EQ(ours.empty(), theirs.empty());
}

/// Whatever is done to it, it holds what a std::vector would, here and apart.
TEST(ShortVector, HoldsWhatAVectorHolds) {
    std::mt19937 random(7);
    Pairs ours, other;
    std::vector<Pair> theirs, other_theirs;
    for (int i = 0; i < 20'000; ++i) {
        const Pair value{i, i / 2.0};
        const auto count = static_cast<std::size_t>(random() % 5);
        switch (random() % 10) {
            case 0: ours.clear(), theirs.clear(); break;
            case 1: other = ours, other_theirs = theirs; break;
            case 2:
                ours = std::move(other), theirs = std::move(other_theirs), other.clear(), other_theirs.clear();
                break;
            case 3: std::swap(ours, other), std::swap(theirs, other_theirs); break;
            case 4: ours.resize(count, value), theirs.resize(count, value); break;
            case 5:
                ours.append(other.begin(), other.end()),
                    theirs.insert(theirs.end(), other_theirs.begin(), other_theirs.end());
                break;
            case 6:
                erase_if(ours, [&](const Pair& pair) { return pair.a % 3 == 0; });
                std::erase_if(theirs, [&](const Pair& pair) { return pair.a % 3 == 0; });
                break;
            case 7:
                if (ours.empty()) break;
                ours.erase(ours.begin()), theirs.erase(theirs.begin());
                break;
            default: ours.push_back(value), theirs.push_back(value);
        }
        if (ours.size() > 50) ours.clear(), theirs.clear();
        expect_same(ours, theirs);
        expect_same(other, other_theirs);
    }
}

TEST(ShortVector, TakesAnElementOfItsOwn) {
    Pairs pairs = {{1, 1}, {2, 2}};
    pairs.push_back(pairs.front());  // it moves elsewhere meanwhile
    EXPECT_EQ(pairs, (Pairs{{1, 1}, {2, 2}, {1, 1}}));
    pairs.resize(5, pairs.back());
    EXPECT_EQ(pairs.back(), (Pair{1, 1}));
}

TEST(ShortVector, ComparesByElements) {
    EXPECT_EQ((ShortVector<int, 2>{1, 2, 3}), (ShortVector<int, 2>{1, 2, 3}));
    EXPECT_FALSE((ShortVector<int, 2>{1, 2} == ShortVector<int, 2>{1, 2, 3}));
    EXPECT_TRUE((ShortVector<int, 2>{1, 2} < ShortVector<int, 2>{1, 2, 3}));
    EXPECT_EQ((ShortVector<int, 2>(3, 7)), (ShortVector<int, 2>{7, 7, 7}));
}

}  // namespace
}  // namespace maniple
