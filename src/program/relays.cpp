#include "program/relays.hpp"

#include <algorithm>

#include "plan/neighbours.hpp"

namespace maniple {

namespace {

/// Fewer who need the same have nobody to hand it on to.
constexpr int fewest_members = 3;

bool has_points_everywhere(const Operation& operation, const BlockGrid& grid) {
    return !operation.bound->index_space().empty() &&
           std::all_of(grid.cuts.begin(), grid.cuts.end(), [&](const Cut& cut) {
               return cut.parts <= operation.bound->indices[static_cast<std::size_t>(cut.index)].points();
           });
}

}  // namespace

bool is_made_by_ranks(const Graph& graph, TensorId id) {
    return graph[id].kind == Tensor::Kind::computed || computed_source(graph, id).valid();
}

Box Relay::reaches(Rank rank) const {
    for (const Served& one : served) {  // a rank is in one group
        if (std::binary_search(one.ranks.begin(), one.ranks.end(), rank)) return one.box;
    }
    return Box::nothing(own.rank());
}

Relays::Relays(const Graph& graph, const Plan& plan, Rank me) : graph_(graph), plan_(plan), me_(me) {
    std::size_t arguments = 0;
    first_argument_.reserve(graph.operations.size());
    for (const Operation& operation : graph.operations) {
        first_argument_.push_back(static_cast<std::uint32_t>(arguments));
        arguments += operation.inputs.size();
    }
    of_arguments_.resize(arguments);
    for (int rank = 0; rank <= max_rank; ++rank) {
        none_.emplace_back();
        none_.back().own = none_.back().received = Box::nothing(rank);
    }
}

const Relay& Relays::of_argument(OperationId operation, std::size_t argument) {
    const Relay*& known = of_arguments_[first_argument_[operation.index()] + argument];
    if (known != nullptr) return *known;
    if (plan_[operation].points.count() < fewest_members) {  // said without a look at the tensor
        const TensorId tensor = graph_[operation].inputs[argument];
        return *(known = &none_[static_cast<std::size_t>(graph_[tensor].shape.rank())]);
    }
    Relay relay = find(operation, argument);
    known = relay.is_candidate
                ? &found_.emplace_back(std::move(relay))
                : &none_[static_cast<std::size_t>(graph_[graph_[operation].inputs[argument]].shape.rank())];
    return *known;
}

const Relay& Relays::to_all(TensorId tensor) {
    const auto known = to_all_.find(tensor);
    if (known != to_all_.end()) return known->second;
    Relay relay;
    relay.own = relay.received = Box::nothing(graph_[tensor].shape.rank());
    if (plan_.ranks >= fewest_members && plan_.comm.mode != CommMode::direct && is_made_by_ranks(graph_, tensor)) {
        std::vector<Rank> all;
        for (int rank = 0; rank < plan_.ranks; ++rank) all.emplace_back(rank);
        relay.is_candidate = true;
        relay.whole = add_group(tensor, std::move(all), Box::whole(graph_[tensor].shape), relay);
    }
    return to_all_.emplace(tensor, std::move(relay)).first->second;
}

bool Relays::is_local(OperationId operation, std::size_t argument) {
    const auto known = local_.find({operation, argument});
    if (known != local_.end()) return known->second;
    return local_.emplace(Key{operation, argument}, find_local(operation, argument)).first->second;
}

Relay Relays::find(OperationId id, std::size_t argument) const {
    const Operation& operation = graph_[id];
    const TensorId tensor = operation.inputs[argument];
    const Shape& shape = graph_[tensor].shape;
    Relay relay;
    relay.own = relay.received = Box::nothing(shape.rank());
    const BlockGrid& grid = plan_[id].points;
    if (plan_.comm.mode == CommMode::direct || grid.count() < fewest_members || !is_made_by_ranks(graph_, tensor) ||
        !has_points_everywhere(operation, grid))
        return relay;
    const BoundaryRule rule = rule_of(operation, static_cast<int>(argument));
    const BoundAccess* shared = nullptr;
    std::size_t accesses = 0;
    for (const BoundAccess& access : operation.bound->reads) {
        const bool matches = operation.inputs[static_cast<std::size_t>(access.argument)] == tensor &&
                             rule_of(operation, access.argument) == rule;
        if (!matches) continue;
        ++accesses;
        const int size = group_size(plan_, {id, access, tensor, rule});
        if (size >= fewest_members && (!shared || size > group_size(plan_, {id, *shared, tensor, rule})))
            shared = &access;
    }
    if (!shared) return relay;
    relay.is_candidate = true;
    const AccessOf read{id, *shared, tensor, rule};
    std::vector<Rank> groups = groups_reading(graph_, plan_, read, owned_box(graph_, plan_, tensor, me_));
    if (grid.holds(me_)) groups.push_back(first_of_group(plan_, read, me_));
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    relay.whole = accesses == 1 || !groups.empty();
    for (const Rank first : groups) {
        const Box touched = touched_box(*shared, points_of(graph_, plan_, id, first), shape);
        const Box need = intersect(touched, Box::whole(shape));
        const bool is_all = accesses == 1 ? touched == need : rule.empty() && need == Box::whole(shape);
        const bool is_relayed = add_group(tensor, group_of(plan_, read, first), need, relay);
        relay.whole = relay.whole && is_all && is_relayed;
    }
    return relay;
}

/// What `members` need, by owner.
Gathering Relays::gathering_of(TensorId tensor, std::vector<Rank> members, const Box& need) const {
    Gathering gathering;
    gathering.members = std::move(members);
    for (const Rank owner : owners_of(graph_, plan_, tensor, need))
        gathering.parts.push_back({owner, intersect(owned_box(graph_, plan_, tensor, owner), need)});
    return gathering;
}

/// Whether what `members` need is handed on by them.
bool Relays::add_group(TensorId tensor, std::vector<Rank> members, const Box& need, Relay& relay) const {
    const Gathering gathering = gathering_of(tensor, std::move(members), need);
    std::int64_t volume = 0;
    for (const Gathering::Part& part : gathering.parts) volume += part.box.volume();
    if (need.empty() || volume != need.volume()) return false;
    const auto element_bytes = static_cast<std::int64_t>(size_of(graph_[tensor].dtype));
    const MessageKind kind =
        choose_kind(plan_.comm, {gathering.members, static_cast<int>(gathering.parts.size()),
                                 gathering.largest_part() * element_bytes, may_double(gathering), enters(gathering)});
    if (kind == MessageKind::p2p) return false;
    const std::vector<Hop> hops = hops_of(gathering, kind, me_);
    relay.hops.insert(relay.hops.end(), hops.begin(), hops.end());
    const bool is_member = std::binary_search(gathering.members.begin(), gathering.members.end(), me_);
    if (is_member) relay.received = need;
    relay.joins = relay.joins || (is_member && kind == MessageKind::doubling);
    for (const Gathering::Part& part : gathering.parts) {
        if (part.owner != me_) continue;
        if (is_member) relay.own = part.box;
        relay.served.push_back({gathering.members, part.box});
    }
    return true;
}

bool Relays::find_local(OperationId id, std::size_t argument) const {
    const Operation& operation = graph_[id];
    const TensorId tensor = operation.inputs[argument];
    const BoundaryRule rule = rule_of(operation, static_cast<int>(argument));
    const BlockGrid& grid = plan_[id].points;
    for (int rank = grid.first.value; rank < grid.first.value + grid.count(); ++rank) {
        const Box owned = owned_box(graph_, plan_, tensor, Rank(rank));
        for (const Box& need : needs_of(graph_, plan_, id, tensor, rule, Rank(rank))) {
            if (!need.empty() && !owned.contains(need)) return false;
        }
    }
    return true;
}

}  // namespace maniple
