// Prepared copies, held against those by coordinates.
#include "lanes/box_copy.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace maniple {
namespace {

/// A box of up to four axes inside of a larger one, which begins anywhere.
struct Place {
    Box all, part;

    std::size_t elements() const { return static_cast<std::size_t>(all.volume()); }
};

class Draw {
public:
    explicit Draw(std::uint32_t seed) : random_(seed) {}

    std::size_t element_bytes() {
        static constexpr std::size_t sizes[] = {1, 2, 4, 8, 16};
        return sizes[below(std::size(sizes))];
    }
    int rank() { return static_cast<int>(below(5)); }

    /// Around a box with these extents.
    Place place(const Extents& extents) {
        Place place;
        for (int axis = 0; axis < extents.rank(); ++axis) {
            const bool whole = below(3) == 0;
            const std::int64_t lowest = number(5) - 2;
            const std::int64_t before = whole ? 0 : number(3), after = whole ? 0 : number(3);
            place.all.lo.push_back(lowest);
            place.all.hi.push_back(lowest + before + extents[axis] + after);
            place.part.lo.push_back(lowest + before);
            place.part.hi.push_back(lowest + before + extents[axis]);
        }
        return place;
    }
    Extents extents(int rank) {
        Extents result;
        for (int axis = 0; axis < rank; ++axis) result.push_back(below(12) == 0 ? 0 : 1 + number(5));
        return result;
    }
    /// Some of them 1: there the source is repeated.
    Extents source_of(const Extents& target) {
        Extents result = target;
        for (int axis = 0; axis < target.rank(); ++axis) {
            if (below(3) == 0 && target[axis] > 0) result[axis] = 1;
        }
        return result;
    }
    std::vector<std::byte> bytes(std::size_t count) {
        std::vector<std::byte> result(count);
        for (std::byte& one : result) one = static_cast<std::byte>(random_());
        return result;
    }

private:
    std::size_t below(std::size_t limit) { return random_() % limit; }
    std::int64_t number(std::size_t limit) { return static_cast<std::int64_t>(below(limit)); }

    std::mt19937 random_;
};

TEST(BoxCopy, CopiesAsCopyBoxDoes) {
    for (std::uint32_t seed = 0; seed < 4000; ++seed) {
        Draw draw(seed);
        const std::size_t element_bytes = draw.element_bytes();
        const Extents extents = draw.extents(draw.rank());
        const Place to = draw.place(extents), from = draw.place(draw.source_of(extents));
        const std::vector<std::byte> source = draw.bytes(from.elements() * element_bytes);
        std::vector<std::byte> want = draw.bytes(to.elements() * element_bytes);
        std::vector<std::byte> got = want;
        const ConstBlock read{source.data(), element_bytes, from.all};
        copy_box(read, from.part, {want.data(), element_bytes, to.all}, to.part);
        BoxCopy(read, from.part, {got.data(), element_bytes, to.all}, to.part).run();
        ASSERT_EQ(got, want) << "seed " << seed << ": " << to_string(from.part) << " of " << to_string(from.all)
                             << " to " << to_string(to.part) << " of " << to_string(to.all);
    }
}

TEST(BoxCopy, ZeroesAsZeroBoxDoes) {
    for (std::uint32_t seed = 0; seed < 2000; ++seed) {
        Draw draw(seed);
        const std::size_t element_bytes = draw.element_bytes();
        const Place to = draw.place(draw.extents(draw.rank()));
        std::vector<std::byte> want = draw.bytes(to.elements() * element_bytes);
        std::vector<std::byte> got = want;
        zero_box({want.data(), element_bytes, to.all}, to.part);
        BoxCopy({got.data(), element_bytes, to.all}, to.part).run();
        ASSERT_EQ(got, want) << "seed " << seed << ": " << to_string(to.part) << " of " << to_string(to.all);
    }
}

}  // namespace
}  // namespace maniple
