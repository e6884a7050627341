// tensor/box.hpp: shapes, boxes of coordinates and regions (disjoint boxes) of an index space.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "base/error.hpp"
#include "base/short_vector.hpp"

namespace maniple {

/// The most axes that a tensor, and loop indices that an operation, may have.
inline constexpr int max_rank = 8;

/// Up to max_rank integers, one for each axis, stored in place. A shape, a coordinate, strides.
class Extents {
public:
    Extents() = default;
    explicit Extents(int rank, std::int64_t value = 0) : rank_(rank) {
        MANIPLE_CHECK(rank >= 0 && rank <= max_rank, "a rank of " + std::to_string(rank));
        std::fill_n(values_.begin(), rank, value);
    }
    Extents(std::initializer_list<std::int64_t> values);
    explicit Extents(std::span<const std::int64_t> values);

    int rank() const { return rank_; }
    std::int64_t& operator[](int axis) { return values_[static_cast<std::size_t>(axis)]; }
    std::int64_t operator[](int axis) const { return values_[static_cast<std::size_t>(axis)]; }
    void push_back(std::int64_t value) {
        MANIPLE_CHECK(rank_ < max_rank, "more than 8 axes");
        values_[static_cast<std::size_t>(rank_++)] = value;
    }
    const std::int64_t* begin() const { return values_.data(); }
    const std::int64_t* end() const { return values_.data() + rank_; }

    bool operator==(const Extents& other) const {
        if (rank_ != other.rank_) return false;
        for (std::size_t axis = 0; axis < static_cast<std::size_t>(rank_); ++axis) {
            if (values_[axis] != other.values_[axis]) return false;
        }
        return true;
    }

private:
    std::array<std::int64_t, max_rank> values_{};
    int rank_ = 0;
};

using Shape = Extents;

/// Elements of `shape`; 1 for rank 0. Requires: checked before against overflow (see checked_bytes).
std::int64_t element_count(const Shape& shape);

/// Elements × `element_bytes`, or -1 where that passes 2^63 − 1.
std::int64_t checked_bytes(const Shape& shape, std::int64_t element_bytes);

/// "[540, 1081]"; "[]" for rank 0.
std::string to_string(const Extents& extents);

/// A half-open box of coordinates, [lo, hi) on each axis. Rank 0 has one point, unless `absent`.
/// Empty if any hi <= lo.
struct Box {
    Extents lo;
    Extents hi;
    bool absent = false;  ///< empty whatever the extents: the only way for a box of rank 0

    Box() = default;
    Box(Extents low, Extents high) : lo(low), hi(high) {}
    /// The box of all coordinates of a tensor.
    static Box whole(const Shape& shape) { return Box(Extents(shape.rank()), shape); }
    /// The empty box of that rank.
    static Box nothing(int rank) {
        Box box{Extents(rank), Extents(rank)};
        box.absent = true;
        return box;
    }

    int rank() const { return lo.rank(); }
    bool empty() const {
        for (int axis = 0; axis < rank(); ++axis) {
            if (hi[axis] <= lo[axis]) return true;
        }
        return absent;
    }
    std::int64_t volume() const {
        if (absent) return 0;
        std::int64_t count = 1;
        for (int axis = 0; axis < rank(); ++axis) count *= std::max<std::int64_t>(0, extent(axis));
        return count;
    }
    std::int64_t extent(int axis) const { return hi[axis] - lo[axis]; }
    Shape shape() const;
    /// An empty box is contained in every box.
    bool contains(const Box& other) const {
        if (other.empty()) return true;
        for (int axis = 0; axis < rank(); ++axis) {
            if (other.lo[axis] < lo[axis] || other.hi[axis] > hi[axis]) return false;
        }
        return !absent;
    }
    bool operator==(const Box& other) const { return lo == other.lo && hi == other.hi && absent == other.absent; }
};

Box intersect(const Box& a, const Box& b);
/// Whether they have a coordinate in common. Requires: the same rank.
inline bool overlap(const Box& a, const Box& b) {
    if (a.absent || b.absent) return false;
    for (int axis = 0; axis < a.rank(); ++axis) {
        if (std::max(a.lo[axis], b.lo[axis]) >= std::min(a.hi[axis], b.hi[axis])) return false;
    }
    return true;
}
/// The smallest box that contains both; an empty one counts for nothing.
Box bounding(const Box& a, const Box& b);
Box shifted(const Box& box, const Extents& by);
/// "[0:270, 0:1081]"; an axis with one coordinate prints as that: "[269, 0:1081]".
std::string to_string(const Box& box);

/// Calls `visit` with every coordinate of `box`, row-major.
template <class Visit>
void for_each_coordinate(const Box& box, Visit&& visit) {
    if (box.empty()) return;
    Extents at = box.lo;
    for (;;) {
        visit(at);
        int axis = box.rank() - 1;
        for (; axis >= 0; --axis) {
            if (++at[axis] < box.hi[axis]) break;
            at[axis] = box.lo[axis];
        }
        if (axis < 0) return;
    }
}

/// A set of coordinates, kept as disjoint non-empty boxes in the order in which they came.
class Region {
public:
    Region() = default;
    explicit Region(const Box& box) { add(box); }

    void add(const Box& box);  ///< union
    /// The same; a box that goes on where the one added last ends becomes one with it.
    void add_next(const Box& box);
    void subtract(const Box& box);  ///< difference
    void intersect(const Box& box);
    void clear() { boxes_.clear(); }
    bool empty() const { return boxes_.empty(); }
    std::int64_t volume() const;
    bool contains(const Box& box) const;
    bool meets(const Box& box) const;  ///< whether they have a coordinate in common
    std::span<const Box> boxes() const { return {boxes_.data(), boxes_.size()}; }

private:
    ShortVector<Box, 1> boxes_;
};

}  // namespace maniple
