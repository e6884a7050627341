#include "lanes/cpu/fast_code.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"

namespace maniple {

std::vector<std::string> open_fast_code(const Graph& graph, const Layout& layout) {
    std::map<std::string, std::set<std::string>> without;  // kernels by reason
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const Operation& operation = graph.operations[i];
        const std::vector<Tile>& tiles = layout.tiles[i];
        const auto on_cpu = [](const Tile& tile) { return tile.lane == LaneChoice::cpu_lane; };
        if (operation.kernel->fast_variant(operation.types) == nullptr ||
            std::none_of(tiles.begin(), tiles.end(), on_cpu))
            continue;
        const std::string why = open_fast_code(*operation.kernel);
        if (!why.empty())
            without["no " + std::string(operation.kernel->fast_code->library) + ": " + why].insert(
                operation.kernel->name);
    }
    std::vector<std::string> lines;
    for (const auto& [reason, kernels] : without) {
        const std::vector<std::string> names(kernels.begin(), kernels.end());
        lines.push_back(reason + "; " + join(names, ", ") + (names.size() == 1 ? " runs" : " run") + " without it");
    }
    return lines;
}

}  // namespace maniple
