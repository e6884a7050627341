#include "base/shared.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace maniple {
namespace {

using Numbers = Shared<std::vector<int>>;

TEST(Shared, CopiesAreOneUntilOneIsChanged) {
    const Numbers first(std::vector<int>{1, 2});
    Numbers second = first;
    EXPECT_TRUE(second.is(first));
    second.edit().push_back(3);
    EXPECT_FALSE(second.is(first));
    EXPECT_EQ(*first, (std::vector<int>{1, 2}));
    EXPECT_EQ(*second, (std::vector<int>{1, 2, 3}));
}

TEST(Shared, WhoIsAloneKeepsItsValue) {
    Numbers alone(std::vector<int>{1});
    const std::vector<int>* const before = &*alone;
    alone.edit()[0] = 2;
    EXPECT_EQ(&*alone, before);
    EXPECT_EQ(alone->front(), 2);
}

TEST(Shared, EmptyOnesStayEmpty) {
    Numbers one, other;
    one.edit().push_back(1);
    EXPECT_TRUE(other->empty());
    EXPECT_TRUE(Numbers()->empty());
}

}  // namespace
}  // namespace maniple
