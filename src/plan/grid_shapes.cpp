#include "plan/grid_shapes.hpp"

#include <algorithm>

#include "plan/block_grid.hpp"

namespace maniple {

namespace {

/// Numbers of blocks below the ranks that are looked at, too: a prime number of ranks has one factorisation only.
constexpr int most_idle_percent = 5;
constexpr int most_idle = 4;

class Shapes {
public:
    Shapes(const Extents& extents, int ranks) : extents_(extents), ranks_(ranks) {}

    std::vector<std::vector<int>> find() {
        const int least = ranks_ - std::min(most_idle, ranks_ * most_idle_percent / 100);
        for (int blocks = ranks_; blocks >= least; --blocks) {
            factorise(0, blocks, most_cuts);
            if (blocks == ranks_ && std::any_of(found_.begin(), found_.end(), is_cut_twice)) break;
        }
        if (found_.empty()) {
            fill(0, ranks_, 1, most_cuts);
            std::erase_if(found_, [&](const std::vector<int>& shape) { return blocks_of(shape) < most_; });
        }
        std::stable_sort(found_.begin(), found_.end(), [](const std::vector<int>& a, const std::vector<int>& b) {
            return cuts_of(a) != cuts_of(b) ? cuts_of(a) < cuts_of(b) : a > b;
        });
        return std::move(found_);
    }

private:
    static std::ptrdiff_t cuts_of(const std::vector<int>& shape) {
        return std::count_if(shape.begin(), shape.end(), [](int parts) { return parts > 1; });
    }
    static bool is_cut_twice(const std::vector<int>& shape) { return cuts_of(shape) > 1; }

    static std::int64_t blocks_of(const std::vector<int>& shape) {
        std::int64_t blocks = 1;
        for (const int parts : shape) blocks *= parts;
        return blocks;
    }

    /// Every way to write `blocks` as a product over the axes from `axis` on.
    void factorise(int axis, int blocks, int cuts) {
        if (axis == extents_.rank() || blocks == 1 || cuts == 0) {
            if (blocks > 1) return;
            std::vector<int> shape = shape_;
            shape.resize(static_cast<std::size_t>(extents_.rank()), 1);
            found_.push_back(std::move(shape));
            return;
        }
        const auto try_parts = [&](int parts) {
            if (parts > extents_[axis]) return;
            shape_.push_back(parts);
            factorise(axis + 1, blocks / parts, cuts - (parts > 1 ? 1 : 0));
            shape_.pop_back();
        };
        for (int parts = 1; parts * parts <= blocks; ++parts) {
            if (blocks % parts != 0) continue;
            try_parts(parts);
            if (parts * parts != blocks) try_parts(blocks / parts);
        }
    }

    /// Every way to have at most `ranks` blocks, the last cut as fine as it may be.
    void fill(int axis, int ranks, std::int64_t blocks, int cuts) {
        if (axis == extents_.rank() || cuts == 0 || ranks == 1) {
            if (blocks < most_) return;
            most_ = blocks;
            std::vector<int> shape = shape_;
            shape.resize(static_cast<std::size_t>(extents_.rank()), 1);
            found_.push_back(std::move(shape));
            return;
        }
        const int most = static_cast<int>(std::min<std::int64_t>(ranks, extents_[axis]));
        const bool last = cuts == 1 || axis + 1 == extents_.rank();
        for (int parts = 1; parts <= most; ++parts) {
            if (last && parts > 1 && parts < most) continue;
            shape_.push_back(parts);
            fill(axis + 1, ranks / parts, blocks * parts, cuts - (parts > 1 ? 1 : 0));
            shape_.pop_back();
        }
    }

    const Extents& extents_;
    int ranks_;
    std::vector<int> shape_;
    std::vector<std::vector<int>> found_;
    std::int64_t most_ = 1;
};

}  // namespace

std::vector<std::vector<int>> grid_shapes(const Extents& extents, int ranks) { return Shapes(extents, ranks).find(); }

}  // namespace maniple
