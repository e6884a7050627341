#include "plan/data_plan.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "plan/alike.hpp"
#include "plan/block_cost.hpp"
#include "plan/grid_shapes.hpp"

namespace maniple {

namespace {

/// Whether `cost` is so much less than `best` that it is a reason to leave the preferred way: what all ways have in
/// common, the work, does not count.
bool is_better(const Cost& cost, const Cost& best) {
    constexpr double worth_it = 0.05;
    return cost.total() < best.total() - worth_it * (best.total() - best.work);
}

/// Everything on rank 0: nothing is to be chosen.
Plan uncut_plan(const Graph& graph) {
    Plan plan;
    plan.strategy = "data";
    plan.operations.resize(graph.operations.size());
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const Operation& operation = graph.operations[i];
        plan.operations[i].combines = operation.kernel->is_fold() && operation.bound->index_space().empty();
    }
    plan.outputs.resize(graph.outputs.size());
    return plan;
}

/// First a grid for every class of tensors, the one that its users together want most; then, in order, a grid for each
/// operation, most often that of its tensors.
class DataPlanner {
public:
    DataPlanner(const Graph& graph, int ranks, const std::vector<BlockGrid>& asked)
        : graph_(graph), ranks_(ranks), asked_(asked), expectation_(nothing_placed(graph)),
          alike_(graph, expectation_) {
        plan_.strategy = "data";
        plan_.ranks = ranks;
        plan_.operations.resize(graph.operations.size());
    }

    Plan plan() {
        for (const int number : by_traffic()) {
            decide(number);
            alike_.decided(number);
        }
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (!graph_.operations[i].twin_of.valid()) place(OperationId(i));
            expectation_.placed[i] = true;
        }
        for (const GraphOutput& output : graph_.outputs) plan_.outputs.push_back(output_grid(output.tensor));
        return std::move(plan_);
    }

private:
    // --- Classes of tensors --------------------------------------------------------------------------------------

    const Shape& shape_of(int number) const {
        return graph_[expectation_.classes.members[static_cast<std::size_t>(number)].front()].shape;
    }

    /// Classes that have something to cut, those whose tensors are touched most first.
    std::vector<int> by_traffic() const {
        std::vector<double> traffic(expectation_.grids.size(), 0);
        std::vector<int> numbers;
        for (std::size_t i = 0; i < traffic.size(); ++i) {
            if (ranks_ == 1 || element_count(shape_of(static_cast<int>(i))) < 2) continue;
            numbers.push_back(static_cast<int>(i));
            for (const TensorId member : expectation_.classes.members[i]) {
                const bool computed = graph_[member].kind == Tensor::Kind::computed;
                const double times = computed ? expectation_.times[graph_[member].producer.index()] : 1;
                traffic[i] += times * static_cast<double>(graph_[member].bytes());
            }
        }
        std::stable_sort(numbers.begin(), numbers.end(), [&](int a, int b) {
            return traffic[static_cast<std::size_t>(a)] > traffic[static_cast<std::size_t>(b)];
        });
        return numbers;
    }

    void decide(int number) {
        std::optional<BlockGrid>& grid = expectation_.grids[static_cast<std::size_t>(number)];
        const std::vector<Users> users = users_of(number);
        const auto [found, is_new] = decisions_.emplace(class_key(number, users), std::nullopt);
        if (!is_new) {
            grid = found->second;
            return;
        }
        std::optional<BlockGrid>& best = found->second;
        Cost best_cost;
        for (const std::vector<int>& shape : grid_shapes(shape_of(number), ranks_)) {
            grid = grid_of(shape);
            const Cost cost = class_cost(number, users);
            if (best && !is_better(cost, best_cost)) continue;
            best = grid;
            best_cost = cost;
        }
        grid = best;
    }

    /// Operations that cost the same.
    struct Users {
        OperationId one;
        int count = 0;
    };

    /// Those that touch a class of tensors.
    std::vector<Users> users_of(int number) const {
        std::vector<Users> users;
        AlikeMap<std::size_t> known;
        for (const OperationId user : expectation_.classes.users[static_cast<std::size_t>(number)]) {
            if (graph_[user].twin_of.valid()) continue;
            const auto [found, is_new] = known.emplace(alike_.key(user, number), users.size());
            if (is_new) users.push_back({user, 0});
            ++users[found->second].count;
        }
        return users;
    }

    /// What the decision on a class follows from.
    std::vector<int> class_key(int number, const std::vector<Users>& users) const {
        std::vector<int> key;
        const Shape& shape = shape_of(number);  // all that a class without users is decided by
        for (int axis = 0; axis < shape.rank(); ++axis) {
            key.push_back(static_cast<int>(shape[axis] >> 32));
            key.push_back(static_cast<int>(shape[axis] & 0xffffffff));
        }
        key.push_back(-1);
        for (const Users& alike : users) {
            const std::vector<int> one = alike_.key(alike.one, number);
            key.push_back(alike.count);
            key.insert(key.end(), one.begin(), one.end());
        }
        return key;
    }

    /// Of all that touches the class, as far as it can be cut that way; else it would be cut in another as finely.
    Cost class_cost(int number, const std::vector<Users>& users) {
        Cost total;
        for (const Users& alike : users) {
            const auto grid = grid_from(alike.one, number);
            put(alike.one, grid ? *grid : BlockGrid{});
            const Cost cost = cost_of(graph_, plan_, expectation_, alike.one);
            total += (grid ? cost : cost.shared_by(ranks_)).times(alike.count);
        }
        return total;
    }

    /// The grid of a class of tensors as one over the loop indices of an operation that touches them.
    std::optional<BlockGrid> grid_from(OperationId id, int number) const {
        const Operation& operation = graph_[id];
        const auto translated = [&](TensorId tensor, const BoundAccess& access) -> std::optional<BlockGrid> {
            if (expectation_.classes[tensor] != number) return std::nullopt;
            const std::vector<int> indices = indices_along(access);
            BlockGrid grid = *expectation_.grids[static_cast<std::size_t>(number)];
            for (Cut& cut : grid.cuts) {
                if (indices.empty()) return std::nullopt;
                cut.index = indices[static_cast<std::size_t>(cut.index)];
                if (cut.index < 0 || !may_cut(operation, cut.index)) return std::nullopt;
            }
            return is_valid(operation, grid) ? std::optional(grid) : std::nullopt;
        };
        for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
            if (const auto grid = translated(operation.outputs[i], operation.bound->writes[i])) return grid;
        }
        for (const BoundAccess& read : operation.bound->reads) {
            if (const auto grid = translated(operation.inputs[static_cast<std::size_t>(read.argument)], read))
                return grid;
        }
        return std::nullopt;
    }

    bool is_valid(const Operation& operation, const BlockGrid& grid) const {
        std::vector<int> seen;
        for (const Cut& cut : grid.cuts) {
            const auto index = static_cast<std::size_t>(cut.index);
            if (cut.parts < 2 || cut.index < 0 || index >= operation.bound->indices.size()) return false;
            if (!may_cut(operation, cut.index) || cut.parts > operation.bound->indices[index].points()) return false;
            if (std::find(seen.begin(), seen.end(), cut.index) != seen.end()) return false;
            seen.push_back(cut.index);
        }
        return grid.cuts.size() <= most_cuts && grid.count() <= ranks_;
    }

    // --- Operations ----------------------------------------------------------------------------------------------

    static BlockGrid grid_of(const std::vector<int>& shape) {
        BlockGrid grid;
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            if (shape[axis] > 1) grid.cuts.push_back({static_cast<int>(axis), shape[axis]});
        }
        return grid;
    }

    void put(OperationId id, const BlockGrid& grid) { place_operation(graph_, plan_, id, grid); }

    void place(OperationId id) {
        const Operation& operation = graph_[id];
        put(id, {});
        if (id.index() < asked_.size()) {
            MANIPLE_CHECK(is_valid(operation, asked_[id.index()]), "a grid that '" + operation.name + "' cannot have");
            put(id, asked_[id.index()]);
        }
        if (operation.bound->index_space().empty()) {
            put(id, {});
        } else if (id.index() >= asked_.size() && ranks_ > 1) {
            choose(id);
        }
        alike_.placed(id, plan_[id]);
    }

    /// As for an operation alike, if there was one.
    void choose(OperationId id) {
        const auto [found, is_new] = chosen_.emplace(alike_.key(id, -1), id);
        if (is_new) {
            choose_among_candidates(id);
        } else {
            plan_.operations[id.index()] = plan_[found->second];
        }
    }

    void choose_among_candidates(OperationId id) {
        const Cost uncut = cost_of(graph_, plan_, expectation_, id);
        std::optional<BlockGrid> best;
        Cost best_cost;
        for (const BlockGrid& grid : candidates(id)) {
            put(id, grid);
            const Cost cost = cost_of(graph_, plan_, expectation_, id);
            if (best && !is_better(cost, best_cost)) continue;
            best = grid;
            best_cost = cost;
        }
        // Ranks are there to be used: only what would be sent around many times is better computed by one.
        constexpr double moved_share = 0.1;
        const bool worth =
            best && best_cost.work + moved_share * best_cost.bytes < uncut.work + moved_share * uncut.bytes;
        put(id, worth ? *best : BlockGrid{});
    }

    /// Those of the operation's tensors first, then every other that its index space allows.
    std::vector<BlockGrid> candidates(OperationId id) const {
        const Operation& operation = graph_[id];
        std::vector<BlockGrid> grids;
        const auto add = [&](const BlockGrid& grid) {
            const bool known = std::find(grids.begin(), grids.end(), grid) != grids.end();
            if (!grid.cuts.empty() && !known) grids.push_back(grid);
        };
        const auto add_class = [&](TensorId tensor) {
            const int number = expectation_.classes[tensor];
            if (!expectation_.grids[static_cast<std::size_t>(number)]) return;
            if (const auto grid = grid_from(id, number)) add(*grid);
        };
        for (const TensorId output : operation.outputs) add_class(output);
        for (const TensorId input : operation.inputs) add_class(input);
        Extents extents;
        for (std::size_t i = 0; i < operation.bound->indices.size(); ++i)
            extents.push_back(may_cut(operation, static_cast<int>(i)) ? operation.bound->indices[i].points() : 1);
        for (const std::vector<int>& shape : grid_shapes(extents, ranks_)) add(grid_of(shape));
        return grids;
    }

    /// Who writes an output that nobody computes.
    BlockGrid output_grid(TensorId id) const {
        const auto& grid = expectation_.grids[static_cast<std::size_t>(expectation_.classes[id])];
        return grid ? *grid : BlockGrid{};
    }

    const Graph& graph_;
    int ranks_;
    const std::vector<BlockGrid>& asked_;
    Plan plan_;
    Expectation expectation_;
    Alike alike_;
    AlikeMap<std::optional<BlockGrid>> decisions_;  ///< on classes whose users are alike
    AlikeMap<OperationId> chosen_;                  ///< the first of those alike
};

}  // namespace

Plan data_plan(const Graph& graph, int ranks, const std::vector<BlockGrid>& asked) {
    const bool chosen = ranks > 1 || !asked.empty();
    return chosen ? DataPlanner(graph, ranks, asked).plan() : uncut_plan(graph);
}

void place_operation(const Graph& graph, Plan& plan, OperationId id, const BlockGrid& grid) {
    const Operation& operation = graph[id];
    OperationPlacement& placement = plan.operations[id.index()];
    placement = {grid, false, 1};
    if (operation.bound->index_space().empty()) {
        // Nothing to accumulate, yet there may be results: neutral states on the first rank.
        placement = {{{}, grid.first}, operation.kernel->is_fold(), 1};
        return;
    }
    for (const Cut& cut : grid.cuts)
        placement.combines =
            placement.combines || operation.bound->indices[static_cast<std::size_t>(cut.index)].contracted;
    if (!placement.combines) return;
    // Results large enough to be worth it are finished by several ranks.
    constexpr std::int64_t worth_splitting = 4096;
    const std::int64_t results = results_of(graph, plan, id, grid.first).volume();
    const auto group = combining_ranks(graph, plan, id, grid.first).size();
    placement.finishers =
        static_cast<int>(std::clamp<std::int64_t>(results / worth_splitting, 1, static_cast<std::int64_t>(group)));
}

}  // namespace maniple
