#include "program/pool_hazards.hpp"

#include <algorithm>
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
    std::sort(pooled.begin(), pooled.end(), [&](BufferId a, BufferId b) {
        return std::tie(layout[a].pool_byte, a) < std::tie(layout[b].pool_byte, b);
    });
    for (std::size_t i = 0; i < pooled.size(); ++i) {
        const std::int64_t end = capped_sum(layout[pooled[i]].pool_byte, layout[pooled[i]].bytes());
        for (std::size_t j = i + 1; j < pooled.size() && layout[pooled[j]].pool_byte < end; ++j) {
            members_[pooled[i].index()].neighbours.push_back(pooled[j]);
            members_[pooled[j].index()].neighbours.push_back(pooled[i]);
        }
    }
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
        members_[use.buffer.index()].accesses.add(box_of(bytes.first, bytes.end), id);
    }
}

void PoolHazards::write(const Use& use, InstructionId id, Touched& touched) {
    Member& member = members_[use.buffer.index()];
    const PoolBytes bytes = bytes_in_pool(layout_, use);
    const Box written = box_of(bytes.first, bytes.end);
    for (const BufferId other : member.neighbours) {
        Member& neighbour = members_[other.index()];
        Followed by;
        neighbour.accesses.find(written, by);
        std::copy_if(by.begin(), by.end(), std::back_inserter(touched.after),
                     [&](InstructionId one) { return one != id; });
        if (bytes.gapless) neighbour.accesses.cut(written);
        neighbour.written = {};
        neighbour.written_elements = 0;
    }
    member.accesses.add(written, id);
    if (member.neighbours.empty()) return;
    member.written.cut(use.box);
    member.written.add(use.box, id);
    member.written_elements += use.box.volume();
    const BufferSpec& buffer = layout_[use.buffer];
    const std::int64_t all = buffer.box.volume();
    if (member.written_elements < all || member.written.volume_in(buffer.box) < all) return;
    // Whoever touches these bytes from now on waits for those that wrote them, and thereby for the neighbours.
    for (const BufferId other : member.neighbours)
        members_[other.index()].accesses.cut(box_of(buffer.pool_byte, capped_sum(buffer.pool_byte, buffer.bytes())));
    member.written = {};
    member.written_elements = 0;
}

std::vector<BufferId> PoolHazards::overwritten_by(const Use& use) const {
    std::vector<BufferId> others;
    if (!used_ || !is_in_pool(use.buffer) || use.box.empty()) return others;
    const PoolBytes bytes = bytes_in_pool(layout_, use);
    for (const BufferId other : members_[use.buffer.index()].neighbours) {
        const BufferSpec& buffer = layout_[other];
        if (buffer.pool_byte < bytes.end && bytes.first < capped_sum(buffer.pool_byte, buffer.bytes()))
            others.push_back(other);
    }
    return others;
}

}  // namespace maniple
