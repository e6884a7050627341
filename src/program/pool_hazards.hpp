// program/pool_hazards.hpp: what has to wait because buffers of a pool lie in the same bytes, one after the other.
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "program/hazards.hpp"
#include "program/layout.hpp"
#include "program/live_accesses.hpp"

namespace maniple {

/// The bytes of a pool from the first to the last element of a box of one of its buffers.
struct PoolBytes {
    std::int64_t first = 0;
    std::int64_t end = 0;
    bool gapless = true;  ///< every one of them belongs to the box
};

/// Requires: the buffer lies in a pool, the box is not empty.
PoolBytes bytes_in_pool(const Layout& layout, const Use& use);

/// Beside the hazards within a buffer (hazards.hpp): whoever writes to one waits for all that others did to the same bytes
/// before. Sees instructions in the same serial order. Between two buffers an access counts as all bytes from its first to
/// its last. Costs nothing where nothing is in a pool; else what there is in the bytes that are written, not what has been.
class PoolHazards {
public:
    /// Borrows `layout`.
    explicit PoolHazards(const Layout& layout);

    /// Adds to touched.after, perhaps some twice. Call once for each instruction. Uses are by storage (in_storage).
    void order(Touched& touched, InstructionId id);

    /// The buffers of the pool that lose something that they hold when `use` is written, before it is ordered.
    std::vector<BufferId> overwritten_by(const Use& use) const;

private:
    struct Member {
        std::int64_t end = 0;         ///< in the pool
        bool has_neighbours = false;  ///< that have some of its bytes
        LiveAccesses accesses;        ///< by bytes of the pool
        LiveAccesses written;         ///< since a neighbour was written
        std::int64_t written_elements = 0;
    };
    /// Those of which there are accesses left, by how long they are and where they begin: in [2^k, 2^(k+1)) bytes there
    /// are few to be looked at beside those that have a part of them.
    using InUse = std::map<int, std::set<std::pair<std::int64_t, BufferId>>>;

    bool is_in_pool(BufferId id) const { return layout_[id].pool_byte >= 0; }
    Member& member(BufferId id) { return members_[id.index()]; }
    std::pair<std::int64_t, BufferId> place_of(BufferId id) const { return {layout_[id].pool_byte, id}; }
    int length_class(BufferId id) const;
    std::vector<BufferId> neighbours_in_use(BufferId buffer, std::int64_t first, std::int64_t end) const;
    void add(BufferId buffer, const Box& bytes, InstructionId id);
    void cut(BufferId buffer, const Box& bytes);
    void write(const Use& use, InstructionId id, Touched& touched);

    const Layout& layout_;
    bool used_ = false;
    std::vector<Member> members_;  ///< by BufferId; empty without a pool
    InUse in_use_;
};

}  // namespace maniple
