#include "program/pool_hazards.hpp"

#include <algorithm>
#include <bit>
#include <iterator>

#include "base/whole_numbers.hpp"

namespace maniple {

namespace {

/// Of a pool's bytes.
Box box_of(std::int64_t first, std::int64_t end) { return {Extents{first}, Extents{end}}; }

}  // namespace

PoolBytes bytes_in_pool(const Layout& layout, const Use& use) {
    const BufferSpec& buffer = layout[use.buffer];
    std::int64_t first = 0, last = 0, row = 1;
    for (int axis = use.box.rank() - 1; axis >= 0; --axis) {
        first += (use.box.lo[axis] - buffer.box.lo[axis]) * row;
        last += (use.box.hi[axis] - 1 - buffer.box.lo[axis]) * row;
        row *= buffer.box.extent(axis);
    }
    return {capped_sum(buffer.pool_byte, first * buffer.element_bytes),
            capped_sum(buffer.pool_byte, (last + 1) * buffer.element_bytes), last + 1 - first == use.box.volume()};
}

PoolHazards::PoolHazards(const Layout& layout) : layout_(layout) {
    std::vector<BufferId> pooled;
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
        if (is_in_pool(BufferId(i)) && !layout.buffers[i].box.empty()) pooled.emplace_back(i);
    }
    used_ = !pooled.empty();
    if (!used_) return;
    members_.resize(layout.buffers.size());
    std::sort(pooled.begin(), pooled.end(), [&](BufferId a, BufferId b) { return place_of(a) < place_of(b); });
    BufferId last;  // of those before, the one that ends last
    for (const BufferId id : pooled) {
        member(id).end = capped_sum(layout[id].pool_byte, layout[id].bytes());
        if (last.valid() && layout[id].pool_byte < member(last).end)
            member(id).has_neighbours = member(last).has_neighbours = true;
        if (!last.valid() || member(last).end < member(id).end) last = id;
    }
}

int PoolHazards::length_class(BufferId id) const {
    return static_cast<int>(
        std::bit_width(static_cast<std::uint64_t>(members_[id.index()].end - layout_[id].pool_byte)));
}

/// Others that have some of the bytes [first, end), of which there are accesses left.
std::vector<BufferId> PoolHazards::neighbours_in_use(BufferId buffer, std::int64_t first, std::int64_t end) const {
    std::vector<BufferId> found;
    for (const auto& [length, all] : in_use_) {
        const std::int64_t longest = (std::int64_t{1} << std::min(length, 62)) - 1;
        for (auto at = all.lower_bound({first - longest, BufferId{}}); at != all.end() && at->first < end; ++at) {
            if (at->second != buffer && first < members_[at->second.index()].end) found.push_back(at->second);
        }
    }
    return found;
}

void PoolHazards::add(BufferId buffer, const Box& bytes, InstructionId id) {
    LiveAccesses& accesses = member(buffer).accesses;
    if (accesses.is_empty() && member(buffer).has_neighbours) in_use_[length_class(buffer)].insert(place_of(buffer));
    accesses.add(bytes, id);
}

void PoolHazards::cut(BufferId buffer, const Box& bytes) {
    LiveAccesses& accesses = member(buffer).accesses;
    accesses.cut(bytes);
    if (!accesses.is_empty()) return;
    accesses = {};
    in_use_[length_class(buffer)].erase(place_of(buffer));
}

void PoolHazards::order(Touched& touched, InstructionId id) {
    if (!used_) return;
    for (const Use& use : touched.writes) {
        if (is_in_pool(use.buffer) && !use.box.empty()) write(use, id, touched);
    }
    for (const Use& use : touched.reads) {
        if (!is_in_pool(use.buffer) || use.box.empty()) continue;
        // What it reads was written after all that was there before.
        const PoolBytes bytes = bytes_in_pool(layout_, use);
        add(use.buffer, box_of(bytes.first, bytes.end), id);
    }
}

void PoolHazards::write(const Use& use, InstructionId id, Touched& touched) {
    const PoolBytes bytes = bytes_in_pool(layout_, use);
    const Box written = box_of(bytes.first, bytes.end);
    for (const BufferId other : neighbours_in_use(use.buffer, bytes.first, bytes.end)) {
        Member& neighbour = member(other);
        Followed by;
        neighbour.accesses.find(written, by);
        std::copy_if(by.begin(), by.end(), std::back_inserter(touched.after),
                     [&](InstructionId one) { return one != id; });
        neighbour.written = {};
        neighbour.written_elements = 0;
        if (bytes.gapless) cut(other, written);
    }
    add(use.buffer, written, id);
    Member& member = this->member(use.buffer);
    if (!member.has_neighbours) return;
    member.written.cut(use.box);
    member.written.add(use.box, id);
    member.written_elements += use.box.volume();
    const BufferSpec& buffer = layout_[use.buffer];
    const std::int64_t all = buffer.box.volume();
    if (member.written_elements < all || member.written.volume_in(buffer.box) < all) return;
    // Whoever touches these bytes from now on waits for those that wrote them, and thereby for the neighbours.
    for (const BufferId other : neighbours_in_use(use.buffer, buffer.pool_byte, member.end))
        cut(other, box_of(buffer.pool_byte, member.end));
    member.written = {};
    member.written_elements = 0;
}

std::vector<BufferId> PoolHazards::overwritten_by(const Use& use) const {
    if (!used_ || !is_in_pool(use.buffer) || use.box.empty()) return {};
    const PoolBytes bytes = bytes_in_pool(layout_, use);
    return neighbours_in_use(use.buffer, bytes.first, bytes.end);
}

}  // namespace maniple
