#include "tensor/box.hpp"

#include <algorithm>
#include <limits>

namespace maniple {

Extents::Extents(std::initializer_list<std::int64_t> values) {
    for (std::int64_t value : values) push_back(value);
}

Extents::Extents(std::span<const std::int64_t> values) {
    for (std::int64_t value : values) push_back(value);
}

std::int64_t element_count(const Shape& shape) {
    std::int64_t count = 1;
    for (std::int64_t extent : shape) count *= extent;
    return count;
}

std::int64_t checked_bytes(const Shape& shape, std::int64_t element_bytes) {
    std::int64_t bytes = element_bytes;
    bool overflow = false;
    for (std::int64_t extent : shape) {
        if (extent == 0) return 0;
        overflow = overflow || bytes > std::numeric_limits<std::int64_t>::max() / extent;
        if (!overflow) bytes *= extent;
    }
    return overflow ? -1 : bytes;
}

std::string to_string(const Extents& extents) {
    std::string text = "[";
    for (int axis = 0; axis < extents.rank(); ++axis) {
        if (axis > 0) text += ", ";
        text += std::to_string(extents[axis]);
    }
    return text + "]";
}

Shape Box::shape() const {
    Shape result(rank());
    for (int axis = 0; axis < rank(); ++axis) result[axis] = std::max<std::int64_t>(0, extent(axis));
    return result;
}

Box intersect(const Box& a, const Box& b) {
    MANIPLE_CHECK(a.rank() == b.rank(), "boxes of different rank: " + to_string(a) + " and " + to_string(b));
    Box result(a.lo, a.hi);
    result.absent = a.absent || b.absent;
    for (int axis = 0; axis < a.rank(); ++axis) {
        result.lo[axis] = std::max(a.lo[axis], b.lo[axis]);
        result.hi[axis] = std::min(a.hi[axis], b.hi[axis]);
    }
    return result;
}

Box bounding(const Box& a, const Box& b) {
    if (a.empty()) return b;
    if (b.empty()) return a;
    Box result(a.lo, a.hi);
    for (int axis = 0; axis < a.rank(); ++axis) {
        result.lo[axis] = std::min(a.lo[axis], b.lo[axis]);
        result.hi[axis] = std::max(a.hi[axis], b.hi[axis]);
    }
    return result;
}

Box shifted(const Box& box, const Extents& by) {
    Box result = box;
    for (int axis = 0; axis < box.rank(); ++axis) {
        result.lo[axis] += by[axis];
        result.hi[axis] += by[axis];
    }
    return result;
}

std::string to_string(const Box& box) {
    if (box.absent) return "nothing";
    std::string text = "[";
    for (int axis = 0; axis < box.rank(); ++axis) {
        if (axis > 0) text += ", ";
        text += std::to_string(box.lo[axis]);
        if (box.extent(axis) != 1) text += ":" + std::to_string(box.hi[axis]);
    }
    return text + "]";
}

namespace {

/// `box` without `hole`, as up to two boxes an axis.
void subtract_from(const Box& box, const Box& hole, ShortVector<Box, 1>& out) {
    const Box common = intersect(box, hole);
    if (common.empty()) {
        out.push_back(box);
        return;
    }
    Box rest = box;
    for (int axis = 0; axis < box.rank(); ++axis) {
        Box below = rest;
        below.hi[axis] = common.lo[axis];
        if (!below.empty()) out.push_back(below);
        Box above = rest;
        above.lo[axis] = common.hi[axis];
        if (!above.empty()) out.push_back(above);
        rest.lo[axis] = common.lo[axis];
        rest.hi[axis] = common.hi[axis];
    }
}

}  // namespace

void Region::add(const Box& box) {
    if (box.empty()) return;
    if (!meets(box)) {
        boxes_.push_back(box);
        return;
    }
    Region fresh;
    fresh.boxes_.push_back(box);
    for (const Box& have : boxes_) fresh.subtract(have);
    boxes_.append(fresh.boxes_.begin(), fresh.boxes_.end());
}

namespace {

/// The axis along which `next` begins where `box` ends, if they are equal along all others; else -1.
int joined_along(const Box& box, const Box& next) {
    int joined = -1;
    for (int axis = 0; axis < box.rank(); ++axis) {
        if (box.lo[axis] == next.lo[axis] && box.hi[axis] == next.hi[axis]) continue;
        if (joined >= 0 || box.hi[axis] != next.lo[axis]) return -1;
        joined = axis;
    }
    return joined;
}

}  // namespace

void Region::add_next(const Box& box) {
    const std::size_t before = boxes_.size();
    add(box);
    if (before == 0 || boxes_.size() != before + 1) return;
    const int axis = joined_along(boxes_[before - 1], boxes_[before]);
    if (axis < 0) return;
    boxes_[before - 1].hi[axis] = boxes_[before].hi[axis];
    boxes_.pop_back();
}

bool Region::meets(const Box& box) const {
    return std::any_of(boxes_.begin(), boxes_.end(), [&](const Box& have) { return overlap(have, box); });
}

void Region::subtract(const Box& box) {
    if (box.empty() || !meets(box)) return;
    ShortVector<Box, 1> rest;
    for (const Box& have : boxes_) subtract_from(have, box, rest);
    boxes_ = std::move(rest);
}

void Region::intersect(const Box& box) {
    ShortVector<Box, 1> rest;
    for (const Box& have : boxes_) {
        const Box common = maniple::intersect(have, box);
        if (!common.empty()) rest.push_back(common);
    }
    boxes_ = std::move(rest);
}

std::int64_t Region::volume() const {
    std::int64_t count = 0;
    for (const Box& box : boxes_) count += box.volume();
    return count;
}

bool Region::contains(const Box& box) const {
    for (const Box& have : boxes_) {
        if (have.contains(box)) return true;
    }
    if (!meets(box)) return box.empty();
    Region missing(box);
    for (const Box& have : boxes_) missing.subtract(have);
    return missing.empty();
}

}  // namespace maniple
