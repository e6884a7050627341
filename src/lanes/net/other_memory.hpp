// lanes/net/other_memory.hpp: bytes in the memory of another process of this node, read from where they lie.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "lanes/net/box_runs.hpp"

namespace maniple {

/// What BoxRuns says, as one process tells it another: addresses are those of the process that made it.
class RemoteRuns {
public:
    RemoteRuns() = default;
    explicit RemoteRuns(const BoxRuns& runs);

    std::uint64_t data() const { return data_; }
    std::int64_t run_bytes() const { return run_bytes_; }
    std::span<const BoxRuns::Axis> axes() const { return {axes_.data(), static_cast<std::size_t>(axis_count_)}; }

private:
    static constexpr std::size_t most_axes = 7;  // what a tensor has, but for the one along which runs lie

    std::uint64_t data_ = 0;
    std::int64_t run_bytes_ = 0;
    std::int64_t axis_count_ = 0;
    std::array<BoxRuns::Axis, most_axes> axes_{};
};
static_assert(std::is_trivially_copyable_v<RemoteRuns>);

/// Whether the system lets this process read `process`, whose memory holds `expected` at `address`. Containers and hardened
/// machines forbid it.
bool can_read(pid_t process, std::uint64_t address, std::uint64_t expected);

/// Whether others may read these bytes that way: not what a device's driver has mapped.
bool is_readable(const BoxRuns& runs);

/// Copies what `process` has in `from` to `to`, one after the other in their orders. Requires: both have as many bytes; no
/// one writes to either. Errors: LinkError where the process, or its memory, is gone. Threads: any.
void read_runs(pid_t process, const RemoteRuns& from, const BoxRuns& to);

}  // namespace maniple
