#include "program/pool_hazards.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace maniple {
namespace {

struct Access {
    Use use;
    bool writes = false;
};

Touched touched_by(const Access& access) {
    Touched touched;
    (access.writes ? touched.writes.push_back(access.use) : touched.reads.push_back(access.use));
    return touched;
}

/// Buffers of rows in one pool, which lie over each other anywhere.
Layout random_layout(std::mt19937& random, int buffers, std::int64_t pool_bytes) {
    const auto number = [&](std::int64_t below) {
        return std::uniform_int_distribution<std::int64_t>(0, below - 1)(random);
    };
    Layout layout;
    layout.buffers.push_back({"pool", Box(Extents{0}, Extents{pool_bytes}), 1, {}});
    for (int i = 0; i < buffers; ++i) {
        const std::int64_t element_bytes = number(2) == 0 ? 4 : 8, columns = 1 + number(4);
        const std::int64_t most_rows = pool_bytes / (element_bytes * columns);
        const std::int64_t rows = 1 + number(number(8) == 0 ? most_rows : std::min<std::int64_t>(most_rows, 6));
        const std::int64_t lo = number(3);
        layout.buffers.push_back({"b", Box(Extents{lo, 0}, Extents{lo + rows, columns}), element_bytes, {}});
        layout.buffers.back().storage = BufferId(std::size_t{0});
        layout.buffers.back().pool_byte = 4 * number((pool_bytes - layout.buffers.back().bytes()) / 4 + 1);
    }
    return layout;
}

/// Writes boxes, and reads what has been written and not been lost since, as programs do.
class RandomAccesses {
public:
    RandomAccesses(std::mt19937& random, const Layout& layout)
        : random_(random), layout_(layout), owners_(static_cast<std::size_t>(layout.buffers[0].bytes())) {}

    Access next() {
        for (;;) {
            // Most often all of a buffer, which ends what lay there before.
            Access access{{BufferId(1 + number(layout_.buffers.size() - 1)), {}}, number(2) == 0};
            access.use.box = layout_[access.use.buffer].box;
            for (int axis = 0; axis < 2 && number(2) == 0; ++axis) {
                const std::int64_t lo = access.use.box.lo[axis], extent = access.use.box.extent(axis);
                access.use.box.lo[axis] += static_cast<std::int64_t>(number(static_cast<std::size_t>(extent)));
                access.use.box.hi[axis] =
                    access.use.box.lo[axis] + 1 +
                    static_cast<std::int64_t>(number(static_cast<std::size_t>(lo + extent - access.use.box.lo[axis])));
            }
            if (access.writes || holds(access.use)) {
                if (access.writes) take(access.use);
                return access;
            }
        }
    }

    bool share_bytes(const Use& a, const Use& b) {
        std::set<const std::size_t*> bytes;
        for_each_byte(a, [&](const std::size_t& byte) { bytes.insert(&byte); });
        bool any = false;
        for_each_byte(b, [&](const std::size_t& byte) { any = any || bytes.contains(&byte); });
        return any;
    }

    /// By buffer, the bytes that hold what it was given.
    std::vector<std::size_t> held() const {
        std::vector<std::size_t> count(layout_.buffers.size());
        for (const std::size_t owner : owners_) ++count[owner];
        return count;
    }

private:
    /// Calls `visit` with each byte's owner: the buffer by which it was written last; 0: none.
    template <class Visit>
    void for_each_byte(const Use& use, Visit&& visit) {
        const BufferSpec& buffer = layout_[use.buffer];
        for (std::int64_t row = use.box.lo[0]; row < use.box.hi[0]; ++row) {
            for (std::int64_t column = use.box.lo[1]; column < use.box.hi[1]; ++column) {
                const std::int64_t element = (row - buffer.box.lo[0]) * buffer.box.extent(1) + column;
                const std::int64_t first = buffer.pool_byte + element * buffer.element_bytes;
                for (std::int64_t byte = first; byte < first + buffer.element_bytes; ++byte)
                    visit(owners_[static_cast<std::size_t>(byte)]);
            }
        }
    }

    bool holds(const Use& use) {
        bool all = true;
        for_each_byte(use, [&](std::size_t owner) { all = all && owner == use.buffer.index(); });
        return all;
    }

    std::size_t number(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_); }

    void take(const Use& use) {
        for_each_byte(use, [&](std::size_t& owner) { owner = use.buffer.index(); });
    }

    std::mt19937& random_;
    const Layout& layout_;
    std::vector<std::size_t> owners_;  ///< by byte
};

/// By what counts as theirs: from the first to the last.
bool may_share_bytes(const Layout& layout, const Use& a, const Use& b) {
    const PoolBytes x = bytes_in_pool(layout, a), y = bytes_in_pool(layout, b);
    return x.first < y.end && y.first < x.end;
}

constexpr int rounds = 60;

struct Round {
    Round(std::mt19937& random, int number)
        : layout(random_layout(random, 2 + number % 20, 64 << (number % 4))), accesses(random, layout), pool(layout) {}

    Layout layout;
    RandomAccesses accesses;
    PoolHazards pool;
};

TEST(PoolHazards, WhatTouchesTheSameBytesIsOrderedAndNothingElse) {
    constexpr std::size_t instructions = 300;
    std::mt19937 random(11);
    std::size_t pairs = 0;
    for (int number = 0; number < rounds; ++number) {
        Round round(random, number);
        auto& [layout, accesses, pool] = round;
        Hazards hazards(std::vector<bool>(layout.buffers.size(), false));
        std::vector<Access> all;
        std::vector<std::vector<bool>> follows;
        for (std::size_t i = 0; i < instructions; ++i) {
            all.push_back(accesses.next());
            const Access& access = all.back();
            Touched touched = touched_by(access);
            pool.order(touched, InstructionId(i));
            for (const InstructionId before : touched.after)
                EXPECT_TRUE(may_share_bytes(layout, access.use, all[before.index()].use)) << number << ": " << i;
            hazards.order(touched, InstructionId(i));
            follows.emplace_back(i, false);
            for (const InstructionId before : touched.after) {
                follows[i][before.index()] = true;
                for (std::size_t j = 0; j < before.index(); ++j)
                    follows[i][j] = follows[i][j] || follows[before.index()][j];
            }
            for (std::size_t j = 0; j < i; ++j) {
                if (!(access.writes || all[j].writes) || access.use.buffer == all[j].use.buffer) continue;
                if (!may_share_bytes(layout, access.use, all[j].use)) continue;
                if (!accesses.share_bytes(access.use, all[j].use)) continue;
                ++pairs;
                EXPECT_TRUE(follows[i][j]) << "round " << number << ": " << i << " after " << j;
            }
        }
    }
    EXPECT_GT(pairs, 10'000U);
}

TEST(PoolHazards, WhoeverLosesWhatItHeldIsNamed) {
    std::mt19937 random(13);
    std::size_t lost = 0;
    for (int number = 0; number < rounds; ++number) {
        Round round(random, number);
        auto& [layout, accesses, pool] = round;
        for (std::size_t i = 0; i < 300; ++i) {
            const std::vector<std::size_t> before = accesses.held();
            const Access access = accesses.next();
            const std::vector<std::size_t> after = accesses.held();
            Touched touched = touched_by(access);
            const std::vector<BufferId> named = pool.overwritten_by(access.use);
            for (std::size_t id = 1; access.writes && id < layout.buffers.size(); ++id) {
                if (after[id] >= before[id]) continue;
                ++lost;
                EXPECT_TRUE(std::find(named.begin(), named.end(), BufferId(id)) != named.end()) << number << ": " << i;
            }
            EXPECT_TRUE(std::find(named.begin(), named.end(), access.use.buffer) == named.end());
            pool.order(touched, InstructionId(i));
        }
    }
    EXPECT_GT(lost, 5'000U);
}

/// A row of buffers, each written and read in the same bytes after the one before.
std::size_t edges_of_a_row(std::size_t buffers) {
    Layout layout;
    layout.buffers.push_back({"pool", Box(Extents{0}, Extents{64}), 1, {}});
    for (std::size_t i = 0; i < buffers; ++i) {
        layout.buffers.push_back({"b", Box(Extents{0}, Extents{16}), 4, {}});
        layout.buffers.back().storage = BufferId(std::size_t{0});
        layout.buffers.back().pool_byte = 0;
    }
    PoolHazards pool(layout);
    std::size_t edges = 0;
    for (std::size_t i = 0; i < 2 * buffers; ++i) {
        Touched touched = touched_by({{BufferId(1 + i / 2), layout.buffers[1].box}, i % 2 == 0});
        pool.order(touched, InstructionId(i));
        edges += touched.after.size();
    }
    return edges;
}

// With every buffer looked at by every other this takes minutes.
TEST(PoolHazards, AHundredThousandBuffersInTheSameBytesAreNotComparedWithEachOther) {
    EXPECT_EQ(edges_of_a_row(100'000), 2U * 99'999U);
}

}  // namespace
}  // namespace maniple
