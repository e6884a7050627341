#include "job/catalogue.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

TEST(Catalogue, ComesBackFromItsBytes) {
    Catalogue catalogue;
    catalogue.inputs.push_back({"u", {540, 1081}, DType::f32, {64, 64}, {1080, 1081}});
    catalogue.inputs.push_back({"scalar", {}, DType::i64, {}, {}});
    catalogue.inputs.push_back({"empty", {0, 3}, DType::boolean, {}, {0, 3}});
    const Catalogue back = deserialize_catalogue(serialize(catalogue));
    EXPECT_EQ(back.inputs, catalogue.inputs);
    ASSERT_NE(back.find("scalar"), nullptr);
    EXPECT_EQ(back.find("scalar")->dtype, DType::i64);
    EXPECT_EQ(back.find("v"), nullptr);
    EXPECT_TRUE(deserialize_catalogue(serialize({})).inputs.empty());
}

TEST(CatalogueDeathTest, CutBytesBreakAnInvariant) {
    Catalogue catalogue;
    catalogue.inputs.push_back({"u", {540}, DType::f32, {}, {540}});
    const std::string bytes = serialize(catalogue);
    EXPECT_DEATH(deserialize_catalogue(bytes.substr(0, bytes.size() - 3)), "catalogue");
}

}  // namespace
}  // namespace maniple
