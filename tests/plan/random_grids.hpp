// tests/plan/random_grids.hpp: grids that nobody would choose.
#pragma once

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "plan/plan.hpp"

namespace maniple {

/// For every operation any grid that it may have, most ranks busy or few; they differ from one operation to the next.
inline std::vector<BlockGrid> random_grids(const Graph& graph, std::uint32_t seed, int ranks) {
    std::mt19937 random(seed * 31 + 7);
    std::vector<BlockGrid> grids;
    for (const Operation& operation : graph.operations) {
        BlockGrid grid;
        std::vector<int> indices(operation.bound->indices.size());
        std::iota(indices.begin(), indices.end(), 0);
        std::shuffle(indices.begin(), indices.end(), random);
        int left = ranks;
        for (const int index : indices) {
            if (!may_cut(operation, index) || grid.cuts.size() == most_cuts) continue;
            const std::int64_t extent = operation.bound->indices[static_cast<std::size_t>(index)].extent;
            const int most = static_cast<int>(std::min<std::int64_t>(left, extent));
            const int parts = 1 + static_cast<int>(random() % static_cast<unsigned>(most));
            if (parts > 1) grid.cuts.push_back({index, parts});
            left /= parts;
        }
        grids.push_back(grid);
    }
    return grids;
}

}  // namespace maniple
