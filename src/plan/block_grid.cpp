#include "plan/block_grid.hpp"

#include <algorithm>

namespace maniple {

Box Cut::part(const Box& space, int number) const {
    Box box = space;
    if (!ends.empty()) {
        const auto at = ends.begin() + number;
        box.lo[index] = space.lo[index] + (number == 0 ? 0 : *(at - 1));
        box.hi[index] = space.lo[index] + *at;
        return box;
    }
    const std::int64_t base = space.extent(index) / parts;
    const std::int64_t extra = space.extent(index) % parts;
    box.lo[index] = space.lo[index] + number * base + std::min<std::int64_t>(number, extra);
    box.hi[index] = box.lo[index] + base + (number < extra ? 1 : 0);
    return box;
}

std::vector<int> Cut::meeting(const Box& space, std::int64_t lo, std::int64_t hi) const {
    const std::int64_t base = space.extent(index) / parts;
    const std::int64_t extra = space.extent(index) % parts;
    const auto holding = [&](std::int64_t coordinate) {
        const std::int64_t at = coordinate - space.lo[index];
        if (!ends.empty()) return std::upper_bound(ends.begin(), ends.end(), at) - ends.begin();
        return at < extra * (base + 1) ? at / (base + 1) : extra + (at - extra * (base + 1)) / base;
    };
    lo = std::max(lo, space.lo[index]);
    hi = std::min(hi, space.hi[index]);
    std::vector<int> found;
    if (lo >= hi) return found;
    for (std::int64_t number = holding(lo), last = holding(hi - 1); number <= last; ++number)
        found.push_back(static_cast<int>(number));
    return found;
}

int BlockGrid::count() const {
    int blocks = 1;
    for (const Cut& cut : cuts) blocks *= cut.parts;
    return blocks;
}

int BlockGrid::parts_along(int index) const {
    for (const Cut& cut : cuts) {
        if (cut.index == index) return cut.parts;
    }
    return 1;
}

int BlockGrid::part_of(Rank rank, std::size_t cut) const {
    int number = rank.value - first.value;
    for (std::size_t inner = cuts.size(); inner-- > cut + 1;) number /= cuts[inner].parts;
    return number % cuts[cut].parts;
}

Box BlockGrid::block(const Box& space, Rank rank) const {
    if (!holds(rank)) return Box::nothing(space.rank());
    Box box = space;
    for (std::size_t i = 0; i < cuts.size(); ++i) {
        const Box part = cuts[i].part(space, part_of(rank, i));
        box.lo[cuts[i].index] = part.lo[cuts[i].index];
        box.hi[cuts[i].index] = part.hi[cuts[i].index];
    }
    return box;
}

std::vector<Rank> BlockGrid::ranks_at(const std::vector<std::vector<int>>& parts) const {
    std::vector<int> numbers = {0};
    for (std::size_t i = 0; i < cuts.size(); ++i) {
        std::vector<int> finer;
        for (const int outer : numbers) {
            for (const int part : parts[i]) finer.push_back(outer * cuts[i].parts + part);
        }
        numbers = std::move(finer);
    }
    std::vector<Rank> ranks;
    for (const int number : numbers) ranks.emplace_back(first.value + number);
    return ranks;
}

}  // namespace maniple
