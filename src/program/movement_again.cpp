// Answers that Movement has found before: most operations of a graph are like one a little before them.
#include <algorithm>

#include "program/movement.hpp"

namespace maniple {

namespace {

/// Whether the accesses of both to the tensor behind that argument are the same ones.
bool reads_through_the_same(const Operation& a, const Operation& b, std::size_t argument) {
    return std::all_of(a.bound->reads.begin(), a.bound->reads.end(), [&](const BoundAccess& access) {
        const auto input = static_cast<std::size_t>(access.argument);
        return (a.inputs[input] == a.inputs[argument]) == (b.inputs[input] == b.inputs[argument]);
    });
}

bool are_equal(const std::vector<Tile>& a, const std::vector<Tile>& b) {
    return std::ranges::equal(a, b, [](const Tile& x, const Tile& y) { return x.lane == y.lane && x.box == y.box; });
}

}  // namespace

/// Whether every rank owns the same of both.
bool Movement::is_made_alike(TensorId a, TensorId b) const {
    if (a == b) return true;
    const Tensor &first = graph_[a], &second = graph_[b];
    if (first.kind != Tensor::Kind::computed || second.kind != Tensor::Kind::computed) return false;
    const Operation &x = graph_[first.producer], &y = graph_[second.producer];
    const OperationPlacement &there = plan_[first.producer], &here = plan_[second.producer];
    return first.shape == second.shape && x.bound.is(y.bound) && x.kernel->is_fold() == y.kernel->is_fold() &&
           x.outputs.size() == 1 && y.outputs.size() == 1 && there.points == here.points &&
           there.combines == here.combines && there.finishers == here.finishers;
}

bool Movement::is_found_for(const Found& one, const Wanted& wanted, const Box& owned, const Region& there) const {
    const std::vector<Tile>* const tiles = tiles_of_producer(wanted.tensor);
    const std::vector<Tile>* const before = tiles_of_producer(one.tensor);
    const bool same_boxes = one.instance == wanted.instance && one.shape == graph_[wanted.tensor].shape &&
                            one.rule == wanted.rule && one.owned == owned &&
                            std::ranges::equal(one.needs, wanted.needs) && std::ranges::equal(one.there, there.boxes());
    if (!same_boxes || (tiles == nullptr) != (before == nullptr)) return false;
    // Of a rank alone it makes no difference who has made what it has, unless copies are cut along that.
    if (plan_.ranks == 1 && tiles == before) return true;
    return is_made_alike(one.tensor, wanted.tensor) && (tiles == before || are_equal(*tiles, *before));
}

/// The messages of an argument. Of a version of which nothing has been moved yet they are those of another one made alike
/// that an operation alike has read.
void Movement::exchange_argument(OperationId id, std::size_t argument, const BoundaryRule& rule) {
    const TensorId tensor = graph_[id].inputs[argument];
    // Each rank loads itself what it reads: nobody needs to be asked, of whom there may be as many as ranks.
    if (rule.empty() && !is_made_by_ranks(graph_, tensor)) return;
    const std::size_t instance = layout_.instance_for(tensor, rule);
    const BufferId buffer = emitter_.buffer_of(tensor, instance);
    const bool fresh = available_[buffer.index()].empty() && moved_[buffer.index()].relay == nullptr;
    for (const Exchanged& before : exchanged_) {
        if (fresh && before.instance == instance && is_exchanged_alike(before.by, {id, argument})) {
            for (const Message& message : before.messages) pass_on(message, tensor, instance);
            available_[buffer.index()] = before.available;
            return;
        }
    }
    const auto needs = [&](Rank rank) { return needs_of(graph_, plan_, id, tensor, rule, rank); };
    std::vector<Message> messages = exchange(tensor, rule, {needs, readers(id, tensor, rule)});
    if (!fresh) return;
    if (exchanged_.size() < most_remembered) exchanged_.emplace_back();
    exchanged_[next_exchanged_++ % most_remembered] = {
        {id, argument}, instance, std::move(messages), available_[buffer.index()]};
}

bool Movement::is_exchanged_alike(const Gathered& a, const Gathered& b) const {
    const Operation &x = graph_[a.operation], &y = graph_[b.operation];
    return a.argument == b.argument && x.bound.is(y.bound) && x.boundary == y.boundary &&
           plan_[a.operation].points == plan_[b.operation].points && reads_through_the_same(x, y, a.argument) &&
           is_made_alike(x.inputs[a.argument], y.inputs[b.argument]);
}

}  // namespace maniple
