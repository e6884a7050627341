#include <gtest/gtest.h>

#include "trace/byte_times.hpp"

namespace maniple {
namespace {

WorkTime chunks_of(int count, double ns_per_point) {
    WorkTime time;
    for (int i = 0; i < count; ++i) time.add(10, 10 * ns_per_point);
    return time;
}

TEST(WorkTime, TheMedianOfAllThreadsIsNotThatOfTheLast) {
    WorkTime sum = chunks_of(40, 1);
    sum.add(chunks_of(40, 2));
    sum.add(chunks_of(40, 3));
    EXPECT_DOUBLE_EQ(sum.ns_per_point(), 2);
    EXPECT_EQ(sum.points, 1200);
    EXPECT_DOUBLE_EQ(sum.ns, 2400);
    for (const double slow : {1.0, 9.0}) {
        WorkTime one = chunks_of(15, slow == 1.0 ? 9.0 : 1.0);
        one.add(chunks_of(1, slow == 1.0 ? 1.0 : 9.0));
        EXPECT_DOUBLE_EQ(one.ns_per_point(), slow == 1.0 ? 9.0 : 1.0) << "one chunk of another thread is no median";
    }
}

TEST(WorkTime, FewChunksOfManyThreadsAreAllThere) {
    WorkTime sum;
    sum.add(chunks_of(3, 5));
    sum.add(chunks_of(4, 7));
    EXPECT_EQ(sum.chunks, 7u);
    EXPECT_DOUBLE_EQ(sum.ns_per_point(), 7);
    sum.add(WorkTime{});
    EXPECT_DOUBLE_EQ(sum.ns_per_point(), 7);
}

TEST(ByteTimes, AreOfOneSortAndSize) {
    ByteTimes times, others;
    times.add(ByteWork::written, 1000, 2000);
    times.add(ByteWork::written, 1010, 2020);
    times.add(ByteWork::read, 1000, 500);
    others.add(ByteWork::written, 100'000, 100'000);
    others.add(ByteWork::read, 600, 300);
    times.add(others);
    ASSERT_EQ(times.entries().size(), 3u);
    EXPECT_EQ(times.entries()[0].size_class, 10);
    EXPECT_EQ(times.entries()[0].time.points, 2010);
    EXPECT_DOUBLE_EQ(times.entries()[0].time.ns_per_point(), 2);
    EXPECT_EQ(times.entries()[1].time.points, 1600);
    EXPECT_EQ(times.entries()[2].size_class, 17);
}

}  // namespace
}  // namespace maniple
