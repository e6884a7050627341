#include "lanes/file/slice.hpp"

#include "lanes/file/sha256.hpp"
#include "lanes/file/slabs.hpp"
#include "samples.hpp"

namespace maniple::test {
namespace {

Shape sliced(const Shape& shape, const std::vector<SliceItem>& slice) { return select(shape, slice, {}).shape(); }

TEST(Slice, WholeWithoutItems) {
    EXPECT_EQ(sliced({3, 4}, {}), (Shape{3, 4}));
    EXPECT_EQ(sliced({}, {ellipsis()}), Shape{});
}

TEST(Slice, RangesAreClampedAsInPython) {
    EXPECT_EQ(sliced({10}, {range(2, 100)}), Shape{8});
    EXPECT_EQ(sliced({10}, {range(-3, {})}), Shape{3});
    EXPECT_EQ(sliced({10}, {range(-100, -8)}), Shape{2});
    EXPECT_EQ(sliced({10}, {range(7, 3)}), Shape{0});
    EXPECT_EQ(sliced({10}, {range({}, {}, 3)}), Shape{4});
    EXPECT_EQ(sliced({10}, {range(1, 10, 3)}), Shape{3});
    EXPECT_EQ(sliced({0}, {range({}, {}, 2)}), Shape{0});
    EXPECT_EQ(sliced({10}, {range(50, 60)}), Shape{0});
}

TEST(Slice, IntegersDropTheirAxis) {
    const Selection selection = select({3, 4, 5}, {item(-1), range(1, {}, 2)}, {});
    EXPECT_EQ(selection.shape(), (Shape{2, 5}));
    EXPECT_EQ(selection.kept, (Extents{1, 2}));
    const Selection part = selection.part(Box({1, 2}, {2, 4}));
    EXPECT_EQ(part.start, (Extents{2, 3, 2}));
    EXPECT_EQ(part.step, (Extents{1, 2, 1}));
    EXPECT_EQ(part.count, (Extents{1, 1, 2}));
}

TEST(Slice, EllipsisStandsForTheOtherAxes) {
    EXPECT_EQ(sliced({3, 4, 5}, {ellipsis(), item(0)}), (Shape{3, 4}));
    EXPECT_EQ(sliced({3, 4, 5}, {range(0, 1), ellipsis(), range(0, 2)}), (Shape{1, 4, 2}));
    EXPECT_EQ(sliced({3, 4}, {item(0), ellipsis(), item(0)}), Shape{});
}

TEST(Slice, WhatDoesNotFitIsAnErrorOfTheJob) {
    const Place place = place_of_line(4);
    expect_error(ExitCode::job, "has 3 items, but the data set has 2 axes", [&] {
        select({3, 4}, {item(0), item(0), item(0)}, place);
    });
    expect_error(ExitCode::job, "index 3 is outside axis 0", [&] { select({3}, {item(3)}, place); });
    expect_error(ExitCode::job, "index -4 is outside", [&] { select({3}, {item(-4)}, place); });
    expect_error(ExitCode::job, "step", [&] { select({3}, {range({}, {}, 0)}, place); });
    expect_error(ExitCode::job, "only one '...'", [&] { select({3}, {ellipsis(), ellipsis()}, place); });
    expect_error(ExitCode::job, "has 1 items", [&] { select({}, {range({}, {})}, place); });
}

TEST(Slabs, CoverTheBoxInOrder) {
    const Box box({2, 3, 4}, {5, 8, 10});
    for (std::int64_t limit : {1, 2, 5, 6, 7, 12, 30, 31, 60, 1000}) {
        std::int64_t at = 0;
        const ConstBlock block{nullptr, 1, box};
        for_each_slab(box, limit, [&](const Box& piece) {
            EXPECT_LE(piece.volume(), limit);
            EXPECT_EQ(block.offset(piece.lo), at);
            at += piece.volume();
        });
        EXPECT_EQ(at, box.volume());
    }
    int visits = 0;
    for_each_slab(Box(), 1, [&](const Box&) { ++visits; });
    EXPECT_EQ(visits, 1);
    for_each_slab(Box({0}, {0}), 1, [&](const Box&) { ++visits; });
    EXPECT_EQ(visits, 1);
}

using Sha256 = SharedFolder;

TEST_F(Sha256, KnownDigests) {
    const auto digest_of = [&](const std::string& text) {
        if (rank() == 0) std::ofstream(path("text"), std::ios::binary) << text;
        barrier();
        const std::string digest = sha256_of_file(path("text"));
        barrier();
        return digest;
    };
    EXPECT_EQ(digest_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(digest_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(digest_of(std::string(1'000'000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    // python3 -c "import hashlib; print(hashlib.sha256(b'a' * N).hexdigest())"
    EXPECT_EQ(digest_of(std::string(std::size_t{1} << 20, 'a')),
              "9bc1b2a288b26af7257a36277ae3816a7d4f16e89c1e7e77d0a5c48bad62b360");
    EXPECT_EQ(digest_of(std::string(119, 'a')), "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb");
}

}  // namespace
}  // namespace maniple::test
