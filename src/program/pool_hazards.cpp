#include "program/pool_hazards.hpp"

#include <algorithm>

namespace maniple {

PoolBytes bytes_in_pool(const Layout& layout, const Use& use) {
    const BufferSpec& buffer = layout[use.buffer];
    std::int64_t first = 0, last = 0, row = 1;
    for (int axis = use.box.rank() - 1; axis >= 0; --axis) {
        first += (use.box.lo[axis] - buffer.box.lo[axis]) * row;
        last += (use.box.hi[axis] - 1 - buffer.box.lo[axis]) * row;
        row *= buffer.box.extent(axis);
    }
    return {buffer.pool_byte + first * buffer.element_bytes, buffer.pool_byte + (last + 1) * buffer.element_bytes,
            last + 1 - first == use.box.volume()};
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
        const std::int64_t end = layout[pooled[i]].pool_byte + layout[pooled[i]].bytes();
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
        members_[use.buffer.index()].accesses.push_back({bytes.first, bytes.end, id});
    }
}

void PoolHazards::write(const Use& use, InstructionId id, Touched& touched) {
    Member& member = members_[use.buffer.index()];
    const PoolBytes bytes = bytes_in_pool(layout_, use);
    for (const BufferId other : member.neighbours) {
        Member& neighbour = members_[other.index()];
        for (const Access& access : neighbour.accesses) {
            if (access.first < bytes.end && bytes.first < access.end && access.by != id)
                touched.after.push_back(access.by);
        }
        if (bytes.gapless) forget(neighbour, bytes.first, bytes.end);
        neighbour.written = {};
        neighbour.written_elements = 0;
    }
    member.accesses.push_back({bytes.first, bytes.end, id});
    if (member.neighbours.empty()) return;
    member.written.cut(use.box);
    member.written.add(use.box, id);
    member.written_elements += use.box.volume();
    const BufferSpec& buffer = layout_[use.buffer];
    const std::int64_t all = buffer.box.volume();
    if (member.written_elements < all || member.written.volume_in(buffer.box) < all) return;
    // Whoever touches these bytes from now on waits for those that wrote them, and thereby for the neighbours.
    for (const BufferId other : member.neighbours)
        forget(members_[other.index()], buffer.pool_byte, buffer.pool_byte + buffer.bytes());
}

void PoolHazards::forget(Member& member, std::int64_t first, std::int64_t end) {
    std::vector<Access> left;
    for (const Access& access : member.accesses) {
        if (access.first >= end || first >= access.end) {
            left.push_back(access);
            continue;
        }
        if (access.first < first) left.push_back({access.first, first, access.by});
        if (end < access.end) left.push_back({end, access.end, access.by});
    }
    member.accesses = std::move(left);
}

std::vector<BufferId> PoolHazards::overwritten_by(const Use& use) const {
    std::vector<BufferId> others;
    if (!used_ || !is_in_pool(use.buffer) || use.box.empty()) return others;
    const PoolBytes bytes = bytes_in_pool(layout_, use);
    for (const BufferId other : members_[use.buffer.index()].neighbours) {
        const BufferSpec& buffer = layout_[other];
        if (buffer.pool_byte < bytes.end && bytes.first < buffer.pool_byte + buffer.bytes()) others.push_back(other);
    }
    return others;
}

}  // namespace maniple
