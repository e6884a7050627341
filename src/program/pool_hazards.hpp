// program/pool_hazards.hpp: what has to wait because buffers of a pool lie in the same bytes, one after the other.
#pragma once

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
/// its last. Costs nothing where nothing is in a pool.
class PoolHazards {
public:
    /// Borrows `layout`.
    explicit PoolHazards(const Layout& layout);

    /// Adds to touched.after, perhaps some twice. Call once for each instruction. Uses are by storage (in_storage).
    void order(Touched& touched, InstructionId id);

    /// The buffers of the pool that have lost what they held where `use` is written.
    std::vector<BufferId> overwritten_by(const Use& use) const;

private:
    struct Member {
        std::vector<BufferId> neighbours;  ///< that have some of its bytes
        LiveAccesses accesses;             ///< by bytes of the pool
        LiveAccesses written;              ///< since a neighbour was written
        std::int64_t written_elements = 0;
    };
    bool is_in_pool(BufferId id) const { return layout_[id].pool_byte >= 0; }
    void write(const Use& use, InstructionId id, Touched& touched);

    const Layout& layout_;
    bool used_ = false;
    std::vector<Member> members_;  ///< by BufferId; empty without a pool
};

}  // namespace maniple
