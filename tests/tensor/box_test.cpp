#include "tensor/box.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>

namespace maniple {
namespace {

using Points = std::set<std::pair<std::int64_t, std::int64_t>>;

void insert(const Box& box, Points& points) {
    for (std::int64_t y = box.lo[0]; y < box.hi[0]; ++y) {
        for (std::int64_t x = box.lo[1]; x < box.hi[1]; ++x) points.emplace(y, x);
    }
}

Points points_of(const Region& region) {
    Points points;
    for (const Box& box : region.boxes()) {
        const std::size_t before = points.size();
        insert(box, points);
        EXPECT_EQ(points.size() - before, static_cast<std::size_t>(box.volume())) << "boxes overlap";
    }
    return points;
}

Box random_box(std::mt19937& random) {
    const auto draw = [&] { return static_cast<std::int64_t>(random() % 8); };
    const std::int64_t y = draw(), x = draw();
    return {{y, x}, {y + draw(), x + draw()}};
}

TEST(Region, AgreesWithSetsOfPoints) {
    std::mt19937 random(1);
    for (int trial = 0; trial < 300; ++trial) {
        Region region;
        Points want;
        for (int i = 0; i < 6; ++i) {
            const Box box = random_box(random);
            Points points;
            insert(box, points);
            if (random() % 3 == 0) {
                region.subtract(box);
                for (const auto& point : points) want.erase(point);
            } else {
                region.add(box);
                want.insert(points.begin(), points.end());
            }
            ASSERT_EQ(points_of(region), want);
            ASSERT_EQ(region.volume(), static_cast<std::int64_t>(want.size()));
        }
        EXPECT_EQ(region.contains({{2, 2}, {4, 4}}),
                  want.contains({2, 2}) && want.contains({2, 3}) && want.contains({3, 2}) && want.contains({3, 3}));
    }
}

TEST(Box, OfRankZeroHasOnePointUnlessAbsent) {
    EXPECT_EQ(Box::whole({}).volume(), 1);
    EXPECT_FALSE(Box::whole({}).empty());
    EXPECT_TRUE(Box::nothing(0).empty());
    EXPECT_TRUE(intersect(Box::whole({}), Box::nothing(0)).empty());
    EXPECT_EQ(bounding(Box::nothing(0), Box::whole({})).volume(), 1);
}

TEST(Box, PrintsOneCoordinateAsANumber) { EXPECT_EQ(to_string(Box({269, 0}, {270, 1081})), "[269, 0:1081]"); }

TEST(Shape, BytesBeyondInt64AreNoticed) {
    EXPECT_EQ(checked_bytes({std::int64_t{1} << 40, std::int64_t{1} << 40}, 4), -1);
    EXPECT_EQ(checked_bytes({std::int64_t{1} << 62, 0}, 8), 0);
    EXPECT_EQ(checked_bytes({3, 5}, 8), 120);
}

}  // namespace
}  // namespace maniple
