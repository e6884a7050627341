#include "program/movement.hpp"

#include <algorithm>
#include <utility>

#include "plan/neighbours.hpp"
#include "program/device_boxes.hpp"

namespace maniple {

namespace {

/// Consecutive lines of staged bytes do not share a cache line, nor any alignment that a device asks for.
constexpr std::int64_t staging_alignment = 256;

/// The pieces of `box` of at most `most` elements, along its outermost axes.
void cut_to(const Box& box, std::int64_t most, std::vector<Box>& pieces) {
    if (box.empty()) return;
    int axis = 0;
    while (axis < box.rank() && box.extent(axis) == 1) ++axis;
    if (box.volume() <= most || axis == box.rank()) {
        pieces.push_back(box);
        return;
    }
    const std::int64_t row = box.volume() / box.extent(axis);
    const std::int64_t rows = std::max<std::int64_t>(1, most / row);
    for (std::int64_t lo = box.lo[axis]; lo < box.hi[axis]; lo += rows) {
        Box piece = box;
        piece.lo[axis] = lo;
        piece.hi[axis] = std::min(box.hi[axis], lo + rows);
        cut_to(piece, most, pieces);
    }
}

/// The part of `source` that stands for the part `piece` of `target`.
Box matching(const Box& source, const Box& target, const Box& piece) {
    Box result = source;
    for (int axis = 0; axis < target.rank(); ++axis) {
        result.lo[axis] = source.lo[axis] + piece.lo[axis] - target.lo[axis];
        result.hi[axis] = result.lo[axis] + piece.extent(axis);
    }
    return result;
}

std::size_t hash_of(const Box& box) {
    std::size_t hash = 0;
    for (int axis = 0; axis < box.rank(); ++axis) {
        hash = (hash ^ static_cast<std::size_t>(box.lo[axis])) * 0x9e3779b97f4a7c15U;
        hash = (hash ^ static_cast<std::size_t>(box.hi[axis])) * 0x9e3779b97f4a7c15U;
    }
    return hash;
}

/// Parts of a transfer, each once.
struct Parts {
    std::vector<Transfer> transfers;
    std::vector<std::size_t> hashes;  ///< of their targets
};

/// The part of `whole` along those axes that are not shifted or repeated and lie within `made`.
void add_part(const Transfer& whole, const Box& made, Parts& pieces) {
    Transfer part = whole;
    for (int axis = 0; axis < made.rank(); ++axis) {
        if (whole.kind == HaloPiece::Kind::zero || whole.source.lo[axis] != whole.target.lo[axis] ||
            whole.source.hi[axis] != whole.target.hi[axis]) {
            continue;
        }
        part.source.lo[axis] = part.target.lo[axis] = std::max(whole.target.lo[axis], made.lo[axis]);
        part.source.hi[axis] = part.target.hi[axis] = std::min(whole.target.hi[axis], made.hi[axis]);
    }
    if (part.target.empty()) return;
    const std::size_t hash = hash_of(part.target);
    for (std::size_t i = 0; i < pieces.hashes.size(); ++i) {
        if (pieces.hashes[i] == hash && pieces.transfers[i].target == part.target) return;
    }
    pieces.transfers.push_back(part);
    pieces.hashes.push_back(hash);
}

/// Whether two operations read `tensor` through equal accesses, in the same order.
bool same_accesses(const Operation& a, const Operation& b, TensorId tensor) {
    const auto next = [&](const Operation& operation, std::size_t from) {
        const std::vector<BoundAccess>& reads = operation.bound->reads;
        while (from < reads.size() && operation.inputs[static_cast<std::size_t>(reads[from].argument)] != tensor)
            ++from;
        return from;
    };
    std::size_t i = next(a, 0), j = next(b, 0);
    for (; i < a.bound->reads.size() && j < b.bound->reads.size(); i = next(a, i + 1), j = next(b, j + 1)) {
        const BoundAccess &x = a.bound->reads[i], &y = b.bound->reads[j];
        if (x.axes != y.axes || x.first_row != y.first_row || x.end_row != y.end_row) return false;
    }
    return i == a.bound->reads.size() && j == b.bound->reads.size();
}

bool covers(const std::vector<Transfer>& pieces, const Transfer& whole) {
    Region missing(whole.target);
    for (const Transfer& piece : pieces) missing.subtract(piece.target);
    return missing.empty();
}

}  // namespace

Movement::Movement(const Graph& graph, const Plan& plan, const Layout& layout, Emitter& emitter)
    : graph_(graph), plan_(plan), layout_(layout), emitter_(emitter), me_(layout.rank), points_(graph, plan, me_),
      relays_(graph, plan, me_), moved_(layout.buffers.size()), available_(plan.ranks > 1 ? layout.buffers.size() : 0),
      gathered_(layout.buffers.size()), memories_(static_cast<std::size_t>(layout.lanes.memory_count())),
      valid_(layout.buffers.size() * memories_), number_of_(has_numbers() ? layout.buffers.size() : 0, -1),
      staging_at_(layout.lanes.gpus.size(), 0) {
    if (emitter.shape().loads) return;
    for (std::size_t family = 0; family < layout.versions.families.size(); ++family) {
        const int slots = layout.versions.families[family].slots;
        const std::size_t first = layout.instances[family][0].first.index();
        for (int slot = 0; slot < slots; ++slot)
            settle(BufferId(first + static_cast<std::size_t>(slot)), static_cast<int>(family));
    }
}

// --- What is valid where ---------------------------------------------------------------------------------------------

bool Movement::is_stationary(TensorId tensor) const {
    return layout_.versions.families[static_cast<std::size_t>(layout_.versions[tensor].family)].stationary;
}

/// What each lane computes of an operation: the bounding box of its tiles, as one.
ShortVector<Tile, 1> Movement::shares_of(OperationId id) const {
    ShortVector<Tile, 1> shares;
    for (const Tile& tile : layout_.tiles[id.index()]) {
        if (shares.empty() || shares.back().lane != tile.lane) {
            shares.push_back({tile.box, 0, tile.lane});
        } else {
            shares.back().box = bounding(shares.back().box, tile.box);
        }
    }
    return shares;
}

ShortVector<Movement::Home, 1> Movement::homes_of(int number) const {
    const TensorId head = layout_.versions.families[static_cast<std::size_t>(number)].head;
    const Tensor& tensor = graph_[head];
    if (tensor.kind != Tensor::Kind::computed) return {Home{0, owned_box(graph_, plan_, head, me_)}};
    const Operation& operation = graph_[tensor.producer];
    const auto output = static_cast<std::size_t>(std::find(operation.outputs.begin(), operation.outputs.end(), head) -
                                                 operation.outputs.begin());
    ShortVector<Home, 1> homes;
    const auto add = [&](int lane, const Box& points) {
        homes.push_back(
            {layout_.lanes.memory_of(lane), touched_box(operation.bound->writes[output], points, tensor.shape)});
    };
    if (!operation.kernel->is_fold()) {
        for (const Tile& share : shares_of(tensor.producer)) add(share.lane, share.box);
    } else if (plan_[tensor.producer].combines) {
        homes.push_back({0, owned_box(graph_, plan_, head, me_)});
    } else {
        for (const FinishShare& share : layout_.finishes[tensor.producer.index()])
            add(share.lane, points_over_kept(operation, share.kept));
    }
    return homes;
}

Region& Movement::valid(BufferId host, int memory) {
    if (!number_of_.empty() && number_of_[host.index()] >= 0) {
        const int number = std::exchange(number_of_[host.index()], -1);
        valid_[host.index()] = numbered_[static_cast<std::size_t>(number)];
    }
    return valid_[host.index() * memories_ + static_cast<std::size_t>(memory)];
}

int Movement::number_of_valid(BufferId host) {
    int& number = number_of_[host.index()];
    if (number >= 0) return number;
    const Region& region = valid_[host.index()];
    const auto is_equal = [&](const Region& other) { return std::ranges::equal(other.boxes(), region.boxes()); };
    const auto known = std::find_if(numbered_.begin(), numbered_.end(), is_equal);
    if (known == numbered_.end() && numbered_.size() == most_numbers) return -1;
    number = static_cast<int>(known - numbered_.begin());
    if (known == numbered_.end()) numbered_.push_back(region);
    return number;
}

void Movement::set_valid(BufferId host, int number) {
    number_of_[host.index()] = number;
    gathered_[host.index()].clear();
}

void Movement::forget(BufferId host) {
    if (!number_of_.empty()) number_of_[host.index()] = -1;
    for (std::size_t memory = 0; memory < memories_; ++memory) valid_[host.index() * memories_ + memory].clear();
}

/// The version in `host` is where its family is made, and nowhere else.
void Movement::settle(BufferId host, int family) {
    forget(host);
    for (const Home& home : homes_of(family)) valid(host, home.memory).add(home.box);
}

/// What every rank has of the version in `buffer`. Kept for a rank when it is first asked about.
Region& Movement::available(BufferId buffer, std::size_t instance, TensorId tensor, Rank rank) {
    std::map<Rank, Region>& ranks = available_[buffer.index()];
    const auto found = ranks.find(rank);
    if (found != ranks.end()) return found->second;
    Region have;
    if (instance == 0) have.add(owned_box(graph_, plan_, tensor, rank));
    const Relay* relay = moved_[buffer.index()].relay;
    if (relay != nullptr) have.add(rank == me_ ? relay->received : relay->reaches(rank));
    return ranks.emplace(rank, std::move(have)).first->second;
}

void Movement::made(TensorId tensor, std::int64_t step) {
    for (std::size_t instance = 0; instance < layout_.instances_of(tensor).size(); ++instance) {
        const BufferId buffer = emitter_.buffer_of(tensor, instance, step);
        if (!available_.empty()) available_[buffer.index()].clear();
        gathered_[buffer.index()].clear();
        moved_[buffer.index()] = {};
        forget(buffer);
    }
    settle(emitter_.buffer_of(tensor, 0, step), layout_.versions[tensor].family);
}

void Movement::copied(TensorId input, std::int64_t step) { made(input, step); }

void Movement::loaded(TensorId input) {
    const BufferId buffer = emitter_.buffer_of(input, 0);
    wrote(buffer, 0, owned_box(graph_, plan_, input, me_));
    for (const Home& home : homes(input)) place(home.memory, buffer, home.box);
}

// --- Between ranks ---------------------------------------------------------------------------------------------------

void Movement::gather_inputs(OperationId id, bool stationary_only) {
    const Operation& operation = graph_[id];
    for (std::size_t argument = 0; argument < operation.inputs.size(); ++argument) {
        const TensorId tensor = operation.inputs[argument];
        const bool gathers = emitter_.shape().loads || emitter_.shape().gathers;
        if (is_stationary(tensor) ? !gathers : stationary_only) continue;
        const BoundaryRule rule = rule_of(operation, static_cast<int>(argument));
        if (is_gathered(id, argument, rule)) continue;
        if (plan_.ranks > 1 && !relay_argument(id, argument, rule)) exchange_argument(id, argument, rule);
        // What does not change is gathered once, also for shares that are yet to come.
        const bool all = is_stationary(tensor) && layout_.recuttable[id.index()];
        for (const Tile& share : shares_of(id)) {
            const Box points = all ? points_of(graph_, plan_, id, me_) : share.box;
            ShortVector<Box, 4> needs;
            for (const BoundAccess& access : operation.bound->reads) {
                const bool same = access.argument == static_cast<int>(argument);
                const bool matches = same || (operation.inputs[static_cast<std::size_t>(access.argument)] == tensor &&
                                              rule_of(operation, access.argument) == rule);
                if (matches) needs.push_back(touched_box(access, points, graph_[tensor].shape));
            }
            bring(tensor, rule, share.lane, needs);
        }
    }
}

/// Whether another operation that reads the same of the argument's tensor on every rank and lane has had it gathered
/// since it was made. Takes note that this one will have it now. Which ranks send what to whom is not changed by it:
/// gathering again would move nothing.
bool Movement::is_gathered(OperationId id, std::size_t argument, const BoundaryRule& rule) {
    const TensorId tensor = graph_[id].inputs[argument];
    const BufferId buffer = emitter_.buffer_of(tensor, layout_.instance_for(tensor, rule));
    ShortVector<Gathered, most_remembered>& before = gathered_[buffer.index()];
    for (const Gathered& other : before) {
        if (reads_alike({id, argument}, other)) return true;
    }
    if (before.size() == most_remembered) before.erase(before.begin());
    before.push_back({id, argument});
    return false;
}

bool Movement::reads_alike(const Gathered& a, const Gathered& b) const {
    const Operation& first = graph_[a.operation];
    const Operation& second = graph_[b.operation];
    const bool same_points =
        plan_[a.operation].points == plan_[b.operation].points &&
        layout_.recuttable[a.operation.index()] == layout_.recuttable[b.operation.index()] &&
        (first.bound.is(second.bound) || first.bound->index_space() == second.bound->index_space());
    if (!same_points || rule_of(first, static_cast<int>(a.argument)) != rule_of(second, static_cast<int>(b.argument)) ||
        !same_accesses(first, second, first.inputs[a.argument]))
        return false;
    const ShortVector<Tile, 1> x = shares_of(a.operation), y = shares_of(b.operation);
    return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                      [](const Tile& p, const Tile& q) { return p.lane == q.lane && p.box == q.box; });
}

/// The ranks that may need what this one owns of `tensor` for their part of an operation.
std::vector<Rank> Movement::readers(OperationId id, TensorId tensor, const BoundaryRule& rule) const {
    const Operation& operation = graph_[id];
    const Box owned = owned_box(graph_, plan_, tensor, me_);
    std::vector<Rank> found;
    for (const BoundAccess& access : operation.bound->reads) {
        const bool matches = operation.inputs[static_cast<std::size_t>(access.argument)] == tensor &&
                             rule_of(operation, access.argument) == rule;
        if (!matches) continue;
        const std::vector<Rank> ranks = readers_of(graph_, plan_, {id, access, tensor, rule}, owned);
        found.insert(found.end(), ranks.begin(), ranks.end());
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

void Movement::gather_copy(const CarryCopy& copy) {
    const auto needs = [&](Rank rank) { return std::vector<Box>{owned_box(graph_, plan_, copy.input, rank)}; };
    const std::vector<Rank> askers = owners_of(graph_, plan_, copy.input, owned_box(graph_, plan_, copy.value, me_));
    moved_[emitter_.buffer_of(copy.value, 0).index()].exchanged = true;
    exchange(copy.value, {}, {needs, askers});
    bring(copy.value, {}, LaneChoice::cpu_lane, needs(me_));
}

void Movement::gather_everywhere(TensorId tensor) {
    const std::vector<Box> whole = {Box::whole(graph_[tensor].shape)};
    const Relay& relay = relays_.to_all(tensor);
    const BufferId buffer = emitter_.buffer_of(tensor, 0);
    const bool relays = relay.is_candidate && is_untouched(buffer);
    if (relays) carry_out(relay, tensor, 0);
    moved_[buffer.index()].exchanged = true;
    if (relays && relay.whole) {
        bring(tensor, {}, LaneChoice::cpu_lane, whole);
        return;
    }
    std::vector<Rank> all;  // nobody asks a rank that has nothing
    const bool owns = !owned_box(graph_, plan_, tensor, me_).empty();
    for (int rank = 0; owns && rank < plan_.ranks; ++rank) all.emplace_back(rank);
    exchange(tensor, {}, {[&](Rank) { return whole; }, all});
    bring(tensor, {}, LaneChoice::cpu_lane, whole);
}

/// Messages: what this rank needs and others own comes into its host's memory, and the other way round.
std::vector<Movement::Message> Movement::exchange(TensorId tensor, const BoundaryRule& rule, const Demand& demand) {
    std::vector<Message> messages;
    if (plan_.ranks == 1) return messages;
    const std::size_t instance = layout_.instance_for(tensor, rule);
    const BufferId buffer = emitter_.buffer_of(tensor, instance);
    std::vector<Rank> askers = demand.askers;
    if (!std::binary_search(askers.begin(), askers.end(), me_))
        askers.insert(std::lower_bound(askers.begin(), askers.end(), me_), me_);
    // Each begins with the rank after it, so that not all send to the first rank first, and to the last one last.
    std::rotate(askers.begin(), std::lower_bound(askers.begin(), askers.end(), me_), askers.end());
    for (const Rank rank : askers) {
        const TransferRequest request{&graph_, &plan_, tensor, rule, instance, demand.needs(rank), rank};
        if (request.needs.empty() || (rank != me_ && !concerns_me(request))) continue;
        for (const Transfer& transfer : transfers_to(request, available(buffer, instance, tensor, rank))) {
            if (transfer.kind != HaloPiece::Kind::move) continue;
            if (rank == me_ && transfer.source_rank != me_) {
                messages.push_back({transfer.source_rank, false, transfer.target});
            } else if (rank != me_ && transfer.source_rank == me_) {
                messages.push_back({rank, true, transfer.source});
            } else {
                continue;
            }
            pass_on(messages.back(), tensor, instance);
        }
    }
    return messages;
}

void Movement::pass_on(const Message& message, TensorId tensor, std::size_t instance) {
    if (message.sends) {
        const BufferId own = emitter_.buffer_of(tensor, 0);
        place(0, own, message.box);
        emitter_.emit_send(message.peer, tensor, own, message.box);
        return;
    }
    const BufferId buffer = emitter_.buffer_of(tensor, instance);
    emitter_.emit_receive(message.peer, tensor, buffer, message.box);
    wrote(buffer, 0, message.box);
}

/// Whether another rank's needs touch anything that this rank owns: most do not, and are not looked at further.
bool Movement::concerns_me(const TransferRequest& request) const {
    const Box owned = owned_box(graph_, plan_, request.tensor, me_);
    if (owned.empty()) return false;
    for (const Box& need : request.needs) {
        for (const HaloPiece& piece : halo_pieces(need, graph_[request.tensor].shape, request.rule)) {
            if (piece.kind == HaloPiece::Kind::move && overlap(piece.source, owned)) return true;
        }
    }
    return false;
}

// --- Between the memories of this rank -------------------------------------------------------------------------------

/// Makes what one lane needs valid in its memory, halos included.
void Movement::bring(TensorId tensor, const BoundaryRule& rule, int lane, std::span<const Box> needs) {
    const std::size_t instance = layout_.instance_for(tensor, rule);
    const BufferId buffer = emitter_.buffer_of(tensor, instance);
    const int memory = layout_.lanes.memory_of(lane);
    Region& there = valid(buffer, memory);
    if (std::all_of(needs.begin(), needs.end(), [&](const Box& box) { return there.contains(box); })) return;
    Found& found = transfers_within({tensor, rule, instance, needs}, there);
    if (found.stays_in_host) {
        bring_again(found, tensor, instance, lane);
        there = found.after;
        return;
    }
    for (const Transfer& transfer : found.transfers) arrive(transfer, tensor, instance, lane);
    found.stays_in_host = memories_ == 1;
    if (found.stays_in_host) found.after = there;
}

/// With one memory what is valid has nowhere else to come from: only the copies are left to be made.
void Movement::bring_again(const Found& found, TensorId tensor, std::size_t instance, int lane) {
    const BufferId own = emitter_.buffer_of(tensor, 0);
    const BufferId buffer = emitter_.buffer_of(tensor, instance);
    for (const Transfer& transfer : found.transfers) {
        if (transfer.kind != HaloPiece::Kind::move) {
            emit_boundary(transfer, tensor, buffer, lane);
        } else if (!is_in_place(transfer, instance)) {
            emit_copy(transfer, tensor, own, buffer, lane);
        }
    }
}

/// What is not there of what is needed, cut along tiles, in the order in which it can be brought. Valid until the next
/// call.
Movement::Found& Movement::transfers_within(const Wanted& wanted, const Region& there) {
    constexpr std::size_t most_found = 4;
    const Box owned = points_.owned(wanted.tensor);
    for (Found& one : found_) {
        if (is_found_for(one, wanted, owned, there)) return one;
    }
    Found fresh;
    fresh.tensor = wanted.tensor;
    fresh.instance = wanted.instance;
    fresh.shape = graph_[wanted.tensor].shape;
    fresh.rule = wanted.rule;
    fresh.needs.assign(wanted.needs.begin(), wanted.needs.end());
    fresh.owned = owned;
    fresh.there.assign(there.boxes().begin(), there.boxes().end());
    const TransferRequest request{&graph_, &plan_, wanted.tensor, wanted.rule, wanted.instance, fresh.needs, me_};
    Region have = there;
    for (const Transfer& transfer : transfers_to(request, have))
        add_along_tiles(transfer, wanted.tensor, fresh.transfers);
    if (found_.size() < most_found) return found_.emplace_back(std::move(fresh));
    Found& oldest = found_[next_found_++ % most_found];
    oldest = std::move(fresh);
    return oldest;
}

/// Those of who makes `tensor` on this rank, if there are several; null: what is copied of it is not cut.
const std::vector<Tile>* Movement::tiles_of_producer(TensorId tensor) const {
    const TensorId head = layout_.versions.families[static_cast<std::size_t>(layout_.versions[tensor].family)].head;
    if (graph_[head].kind != Tensor::Kind::computed) return nullptr;
    const OperationId producer = graph_[head].producer;
    const std::vector<Tile>& tiles = layout_.tiles[producer.index()];
    return graph_[producer].kernel->is_fold() || tiles.size() < 2 ? nullptr : &tiles;
}

void Movement::arrive(const Transfer& transfer, TensorId tensor, std::size_t instance, int lane) {
    const int memory = layout_.lanes.memory_of(lane);
    const BufferId buffer = emitter_.buffer_of(tensor, instance);
    if (transfer.kind == HaloPiece::Kind::move) {
        if (is_in_place(transfer, instance)) {
            place(memory, buffer, transfer.target);
        } else {
            move_within(transfer, tensor, instance, lane);
        }
        return;
    }
    if (transfer.kind == HaloPiece::Kind::clamp) place(memory, buffer, transfer.source);
    emit_boundary(transfer, tensor, layout_.in_memory(buffer, memory), lane);
    wrote(buffer, memory, transfer.target);
}

/// Whether it is in the host's memory where it is read: a message has brought it, or it has been made there.
bool Movement::is_in_place(const Transfer& transfer, std::size_t instance) const {
    return transfer.source_rank != me_ || (instance == 0 && transfer.source == transfer.target);
}

void Movement::emit_boundary(const Transfer& transfer, TensorId tensor, BufferId buffer, int lane) {
    Instruction move;
    move.kind = InstructionKind::boundary;
    move.tensor = tensor;
    move.box = transfer.target;
    Touched touched;
    if (transfer.kind == HaloPiece::Kind::clamp) touched.reads.push_back({buffer, transfer.source});
    touched.writes.push_back({buffer, transfer.target});
    emitter_.emit_on(lane, std::move(move), touched);
}

void Movement::emit_copy(const Transfer& transfer, TensorId tensor, BufferId from, BufferId to, int lane) {
    Instruction move;
    move.kind = InstructionKind::copy;
    move.tensor = tensor;
    move.box = transfer.target;
    Touched touched;
    touched.reads.push_back({from, transfer.source});
    touched.writes.push_back({to, transfer.target});
    emitter_.emit_on(lane, std::move(move), touched);
}

/// From where a version is made into an instance of it, or around a periodic edge.
void Movement::move_within(const Transfer& transfer, TensorId tensor, std::size_t instance, int lane) {
    const int memory = layout_.lanes.memory_of(lane);
    const BufferId own = emitter_.buffer_of(tensor, 0);
    const BufferId buffer = emitter_.buffer_of(tensor, instance);
    const BufferId own_there = layout_.in_memory(own, memory);
    const bool fits = own_there.valid() && layout_[own_there].box.contains(transfer.source);
    if (!fits) {
        place(0, own, transfer.source);
        upload(memory, own, transfer.source, layout_.in_memory(buffer, memory), transfer.target);
    } else {
        place(memory, own, transfer.source);
        emit_copy(transfer, tensor, own_there, layout_.in_memory(buffer, memory), lane);
    }
    wrote(buffer, memory, transfer.target);
}

/// A local copy or boundary cut where the tiles that made its source are cut, so that the first parts of a halo are
/// there before the last tile is done: else every step would wait for the whole one before. Messages stay whole.
void Movement::add_along_tiles(const Transfer& whole, TensorId tensor, std::vector<Transfer>& pieces) const {
    const std::vector<Tile>* const tiles = tiles_of_producer(tensor);
    if (whole.source_rank != me_ || tiles == nullptr) {
        pieces.push_back(whole);
        return;
    }
    const TensorId head = layout_.versions.families[static_cast<std::size_t>(layout_.versions[tensor].family)].head;
    const Operation& producer = graph_[graph_[head].producer];
    const auto output = std::find(producer.outputs.begin(), producer.outputs.end(), head) - producer.outputs.begin();
    Parts parts;
    for (const Tile& tile : *tiles) {
        const Box made =
            touched_box(producer.bound->writes[static_cast<std::size_t>(output)], tile.box, graph_[head].shape);
        add_part(whole, made, parts);
    }
    if (covers(parts.transfers, whole)) {
        pieces.insert(pieces.end(), parts.transfers.begin(), parts.transfers.end());
    } else {
        pieces.push_back(whole);
    }
}

void Movement::place(int memory, BufferId host, const Box& box) {
    if (valid(host, memory).contains(box)) return;
    Region missing(box);
    for (const Box& have : valid(host, memory).boxes()) missing.subtract(have);
    for (const Box& piece : missing.boxes()) {
        if (memory > 0) {
            place(0, host, piece);
            upload(memory, host, piece, layout_.in_memory(host, memory), piece);
        } else {
            Region rest(piece);
            for (int other = 1; other < layout_.lanes.memory_count(); ++other) {
                Region part = rest;
                Region there;
                for (const Box& have : valid(host, other).boxes()) {
                    Region common = part;
                    common.intersect(have);
                    for (const Box& found : common.boxes()) there.add(found);
                }
                for (const Box& found : there.boxes()) {
                    download(other, host, found);
                    rest.subtract(found);
                }
            }
            MANIPLE_CHECK(rest.empty(), "no memory holds " + to_string(piece) + " of " + layout_[host].name);
        }
        wrote(host, memory, piece);
    }
}

/// The next bytes of a gpu lane's staging buffer. Who used them before is waited for as any other hazard.
Box Movement::staged(int gpu, std::int64_t bytes) {
    std::int64_t& at = staging_at_[static_cast<std::size_t>(gpu)];
    const std::int64_t size = layout_[layout_.staging[static_cast<std::size_t>(gpu)]].box.hi[0];
    if (at + bytes > size) at = 0;
    const Box box(Extents{at}, Extents{at + bytes});
    at += (bytes + staging_alignment - 1) / staging_alignment * staging_alignment;
    return box;
}

/// `box` in pieces that leave room in the staging buffer for others.
std::vector<Box> Movement::staged_pieces(int gpu, const Box& box, std::int64_t element_bytes) const {
    const std::int64_t size = layout_[layout_.staging[static_cast<std::size_t>(gpu)]].box.hi[0];
    std::vector<Box> pieces;
    cut_to(box, std::max<std::int64_t>(1, size / 4 / element_bytes), pieces);
    return pieces;
}

void Movement::emit_move(int lane, InstructionKind kind, const Use& from, const Use& to, const Box& box) {
    Instruction move;
    move.kind = kind;
    move.box = box;
    move.reads.push_back(from);
    move.writes.push_back(to);
    emitter_.emit_on(lane, std::move(move));
}

void Movement::upload(int memory, BufferId from, const Box& source, BufferId to, const Box& target) {
    const int gpu = memory - 1;
    const BufferId staging = layout_.staging[static_cast<std::size_t>(gpu)];
    const std::int64_t element_bytes = layout_[from].element_bytes;
    for (const Box& piece : staged_pieces(gpu, target, element_bytes)) {
        const Use bytes{staging, staged(gpu, piece.volume() * element_bytes)};
        emit_move(LaneChoice::cpu_lane, InstructionKind::pack, {from, matching(source, target, piece)}, bytes, piece);
        emit_move(gpu, InstructionKind::upload, bytes, {to, piece}, piece);
    }
}

void Movement::download(int memory, BufferId host, const Box& box) {
    const int gpu = memory - 1;
    const BufferId staging = layout_.staging[static_cast<std::size_t>(gpu)];
    const std::int64_t element_bytes = layout_[host].element_bytes;
    for (const Box& piece : staged_pieces(gpu, box, element_bytes)) {
        const Use bytes{staging, staged(gpu, piece.volume() * element_bytes)};
        emit_move(gpu, InstructionKind::download, {layout_.in_memory(host, memory), piece}, bytes, piece);
        emit_move(LaneChoice::cpu_lane, InstructionKind::unpack, bytes, {host, piece}, piece);
    }
}

}  // namespace maniple
