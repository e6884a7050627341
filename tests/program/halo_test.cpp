#include "program/halo.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

/// Where one coordinate of a box comes from, straight from the rule's definition; false: zero.
bool source_of(Extents& at, const Shape& shape, const BoundaryRule& rule) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
        if (at[axis] >= 0 && at[axis] < shape[axis]) continue;
        const Boundary boundary = rule[static_cast<std::size_t>(axis)];
        if (boundary == Boundary::zero) return false;
        if (boundary == Boundary::clamp) at[axis] = at[axis] < 0 ? 0 : shape[axis] - 1;
        if (boundary == Boundary::periodic) at[axis] = ((at[axis] % shape[axis]) + shape[axis]) % shape[axis];
    }
    return true;
}

class HaloPieces : public ::testing::TestWithParam<std::tuple<Boundary, Boundary>> {};

TEST_P(HaloPieces, CoverTheBoxOnceWithTheRightSources) {
    const Shape shape = {4, 3};
    const Box box({-2, -5}, {7, 5});
    const BoundaryRule rule = {std::get<0>(GetParam()), std::get<1>(GetParam())};
    Region covered;
    std::int64_t volume = 0;
    for (const HaloPiece& piece : halo_pieces(box, shape, rule)) {
        volume += piece.target.volume();
        const bool readable = piece.kind != HaloPiece::Kind::clamp || covered.contains(piece.source);
        EXPECT_TRUE(readable) << "a clamp reads what is not there yet";
        covered.add(piece.target);
        for (std::int64_t y = piece.target.lo[0]; y < piece.target.hi[0]; ++y) {
            for (std::int64_t x = piece.target.lo[1]; x < piece.target.hi[1]; ++x) {
                Extents want = {y, x};
                const bool element = source_of(want, shape, rule);
                ASSERT_EQ(element, piece.kind != HaloPiece::Kind::zero);
                if (!element) continue;
                Extents got = {piece.source.lo[0] + (piece.source.extent(0) == 1 ? 0 : y - piece.target.lo[0]),
                               piece.source.lo[1] + (piece.source.extent(1) == 1 ? 0 : x - piece.target.lo[1])};
                ASSERT_TRUE(source_of(got, shape, rule));  // a clamp's source may be a wrapped coordinate
                ASSERT_EQ(got, want) << to_string(Extents{y, x});
            }
        }
    }
    EXPECT_EQ(volume, box.volume());
    EXPECT_TRUE(covered.contains(box));
}

INSTANTIATE_TEST_SUITE_P(Rules, HaloPieces,
                         ::testing::Combine(::testing::Values(Boundary::clamp, Boundary::zero, Boundary::periodic),
                                            ::testing::Values(Boundary::clamp, Boundary::zero, Boundary::periodic)));

}  // namespace
}  // namespace maniple
