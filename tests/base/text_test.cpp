#include "base/text.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

TEST(NearestWord, FindsTheClosest) {
    const std::vector<std::string> known = {"heat_step", "heat_step3d", "wave_step", "sum"};
    EXPECT_EQ(nearest_word("heat_stp", known), "heat_step");
    EXPECT_EQ(nearest_word("haet_step", known), "heat_step");
    EXPECT_EQ(nearest_word("smu", known), "sum");
    EXPECT_EQ(nearest_word("sun", known), "sum");
    EXPECT_EQ(nearest_word("convolution", known), "");
    EXPECT_EQ(nearest_word("alfa", std::vector<std::string>{"alpha"}), "alpha");
    EXPECT_EQ(nearest_word("", known), "");
    EXPECT_EQ(nearest_word(std::string(100000, 'x'), known), "");
}

TEST(FormatBytes, TakesABinaryUnit) {
    EXPECT_EQ(format_bytes(0), "0 B");
    EXPECT_EQ(format_bytes(1023), "1023 B");
    EXPECT_EQ(format_bytes(1024), "1 KiB");
    EXPECT_EQ(format_bytes(1536 * 1024), "1.5 MiB");
    EXPECT_EQ(format_bytes(1048575), "1 MiB");
    EXPECT_EQ(format_bytes(-2048), "-2 KiB");
    EXPECT_EQ(format_bytes(INT64_MAX), "8 EiB");
}

TEST(ParseCount, TakesPlainDecimalIntegersOnly) {
    EXPECT_EQ(parse_count("0"), 0);
    EXPECT_EQ(parse_count("1000"), 1000);
    EXPECT_EQ(parse_count("9223372036854775807"), INT64_MAX);
    for (const char* text :
         {"", "010", "00", "0x10", "1_000", "1e3", "+1", "-1", " 1", "1 ", "1.0", "9223372036854775808"}) {
        EXPECT_EQ(parse_count(text), std::nullopt) << text;
    }
}

TEST(ParseSeconds, TakesAUnit) {
    EXPECT_DOUBLE_EQ(*parse_seconds("250 ms"), 0.25);
    EXPECT_DOUBLE_EQ(*parse_seconds("60s"), 60);
    EXPECT_DOUBLE_EQ(*parse_seconds("55min"), 3300);
    EXPECT_DOUBLE_EQ(*parse_seconds("1.5 h"), 5400);
    EXPECT_DOUBLE_EQ(*parse_seconds("2 d"), 172800);
    for (const char* text : {"", "10", "10 m", "10 sec", "s", "-1 s", "010 s", "1e3 s", "1. s", ".5 s", "1 s "}) {
        EXPECT_EQ(parse_seconds(text), std::nullopt) << text;
    }
}

TEST(ParseBytes, TakesAUnit) {
    EXPECT_EQ(parse_bytes("8 GiB"), std::int64_t{8} << 30);
    EXPECT_EQ(parse_bytes("1.5kB"), 1500);
    EXPECT_EQ(parse_bytes("12 B"), 12);
    EXPECT_EQ(parse_bytes("2TB"), 2'000'000'000'000);
    for (const char* text : {"8", "8 G", "8 gib", "8 KB", "GiB", "9999999999999 TiB"}) {
        EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
    }
}

TEST(Text, CountsJoinsAndCasts) {
    EXPECT_EQ(count_characters("aé€"), 3U);
    EXPECT_EQ(join(std::vector<std::string>{"a", "b"}, ", "), "a, b");
    EXPECT_EQ(join(std::vector<std::string>{}, ", "), "");
    EXPECT_EQ((checked_cast<int>(std::int64_t{7})), 7);
    EXPECT_DEATH(checked_cast<int>(std::int64_t{1} << 40), "does not fit");
    EXPECT_DEATH(checked_cast<unsigned>(-1), "does not fit");
}

}  // namespace
}  // namespace maniple
