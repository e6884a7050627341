// What ranks hand on to each other, as a part of Movement: relays carried out, and what is known of them after.
#include "program/movement.hpp"

namespace maniple {

/// Hands an argument on among those who need the same of it, if the plan says so and nothing of this version has been moved
/// before: who has what already is known to its owner and to who has it, not to those in between. Whether that is all
/// that this rank and those it serves need.
bool Movement::relay_argument(OperationId id, std::size_t argument, const BoundaryRule& rule) {
    const TensorId tensor = graph_[id].inputs[argument];
    const std::size_t instance = layout_.instance_for(tensor, rule);
    const BufferId buffer = emitter_.buffer_of(tensor, instance);
    Moved& moved = moved_[buffer.index()];
    if (moved.exchanged) return false;
    const Relay& relay = relays_.of_argument(id, argument);
    if (!relay.is_candidate) {
        moved.asked.push_back({id, argument});
        return false;
    }
    const bool untouched = is_untouched(buffer);
    moved.exchanged = true;
    if (untouched) carry_out(relay, tensor, instance);
    return untouched && relay.whole;
}

/// Whether no rank has got anything of the version in `buffer` from another.
bool Movement::is_untouched(BufferId buffer) {
    Moved& moved = moved_[buffer.index()];
    for (const Gathered& one : moved.asked)
        moved.exchanged = moved.exchanged || !relays_.is_local(one.operation, one.argument);
    moved.asked.clear();
    return !moved.exchanged;
}

void Movement::carry_out(const Relay& relay, TensorId tensor, std::size_t instance) {
    const BufferId buffer = emitter_.buffer_of(tensor, instance);
    const BufferId own = emitter_.buffer_of(tensor, 0);
    if (relay.joins && !relay.own.empty()) {
        place(0, own, relay.own);
        if (instance > 0)
            move_within({HaloPiece::Kind::move, me_, relay.own, relay.own}, tensor, instance, LaneChoice::cpu_lane);
    }
    for (const Hop& hop : relay.hops) {
        if (!hop.sends) {
            emitter_.emit_receive(hop.peer, tensor, buffer, hop.box);
            wrote(buffer, 0, hop.box);
        } else {
            if (hop.own) place(0, own, hop.box);
            emitter_.emit_send(hop.peer, tensor, hop.own ? own : buffer, hop.box, hop.kind);
        }
    }
    for (auto& [rank, have] : available_[buffer.index()]) have.add(rank == me_ ? relay.received : relay.reaches(rank));
    moved_[buffer.index()].relay = &relay;
}

}  // namespace maniple
