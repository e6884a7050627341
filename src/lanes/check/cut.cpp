#include "lanes/check/cut.hpp"

namespace maniple {

namespace {

Box kept_box(const Operation& operation) {
    Box box = operation.bound->index_space();
    for (int index = 0; index < box.rank(); ++index) {
        if (operation.bound->indices[static_cast<std::size_t>(index)].contracted) box.hi[index] = 1;
    }
    return box;
}

/// The parts of `box` along `axis`, one to four.
std::vector<Box> slabs(const Box& box, int axis, Random& random) {
    std::vector<Box> result = {box};
    for (int cut = 0; cut < 3; ++cut) {
        Box& last = result.back();
        if (last.extent(axis) < 2) break;
        Box rest = last;
        last.hi[axis] = rest.lo[axis] = last.lo[axis] + 1 + random.below(last.extent(axis) - 1);
        result.push_back(rest);
    }
    return result;
}

/// Cuts boxes at random along the indices that `may_cut`.
template <class MayCut>
std::vector<Box> random_boxes(const Box& box, const MayCut& may_cut, Random& random) {
    std::vector<Box> boxes = {box};
    if (box.rank() == 0) return boxes;
    const std::int64_t cuts = 1 + random.below(5);
    for (std::int64_t cut = 0; cut < cuts; ++cut) {
        const auto chosen = static_cast<std::size_t>(random.below(static_cast<std::int64_t>(boxes.size())));
        const int axis = static_cast<int>(random.below(box.rank()));
        if (boxes[chosen].extent(axis) < 2 || !may_cut(axis)) continue;
        Box rest = boxes[chosen];
        boxes[chosen].hi[axis] = rest.lo[axis] = rest.lo[axis] + 1 + random.below(rest.extent(axis) - 1);
        boxes.push_back(rest);
    }
    return boxes;
}

}  // namespace

SampleCut whole_cut(const Operation& operation) { return {kept_box(operation), {operation.bound->index_space()}}; }

std::vector<SampleCut> random_cuts(const Operation& operation, bool contracted, Random& random) {
    const std::vector<BoundSignature::Index>& indices = operation.bound->indices;
    const Box space = operation.bound->index_space();
    const auto index = [&](int axis) -> const BoundSignature::Index& {
        return indices[static_cast<std::size_t>(axis)];
    };
    int outer = -1;
    for (int axis = space.rank() - 1; axis >= 0; --axis) {
        if (index(axis).contracted && !index(axis).whole && index(axis).extent > 1) outer = axis;
    }
    std::vector<SampleCut> cuts;
    const auto may_cut = [&](int axis) { return !index(axis).whole && !index(axis).contracted; };
    for (const Box& kept : random_boxes(kept_box(operation), may_cut, random)) {
        Box points = kept;
        for (int axis = 0; axis < space.rank(); ++axis) {
            if (index(axis).contracted) points.hi[axis] = space.hi[axis];
        }
        SampleCut cut{kept, {points}};
        if (contracted && outer >= 0) cut.points = slabs(points, outer, random);
        cuts.push_back(std::move(cut));
    }
    return cuts;
}

}  // namespace maniple
