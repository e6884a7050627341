#include "base/whole_numbers.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

TEST(WholeNumbers, SumsAndProductsStayAtTheMost) {
    EXPECT_EQ(capped_sum(3, 4), 7);
    EXPECT_EQ(capped_sum(most - 1, 1), most);
    EXPECT_EQ(capped_sum(std::int64_t{1} << 62, std::int64_t{1} << 62), most);
    EXPECT_EQ(capped_product(3, 4), 12);
    EXPECT_EQ(capped_product(std::int64_t{1} << 40, std::int64_t{1} << 40), most);
    EXPECT_EQ(capped_product(0, most), 0);
}

TEST(WholeNumbers, PartsBeginWhereTheProductSays) {
    for (const std::int64_t whole : {0, 1, 7, 256, 1000}) {
        for (const std::int64_t count : {1, 3, 7, 256}) {
            for (std::int64_t part = 0; part <= count; ++part)
                EXPECT_EQ(begin_of_part(whole, part, count), whole * part / count);
        }
    }
    EXPECT_EQ(begin_of_part(std::int64_t{1} << 60, 255, 256), 255 * (std::int64_t{1} << 52));
    EXPECT_EQ(begin_of_part(most, 1000, 1000), most);
}

}  // namespace
}  // namespace maniple
