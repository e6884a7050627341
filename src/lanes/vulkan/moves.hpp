// lanes/vulkan/moves.hpp: copies, boundaries, uploads and downloads as commands.
#pragma once

#include <vector>

#include "lanes/vulkan/recording.hpp"
#include "tensor/box.hpp"

namespace maniple {

/// One end of a move: where coordinate 0 of each of its axes is, and the bytes to the next.
struct StridedEnd {
    StorageId storage;
    std::int64_t offset_bytes = 0;
    std::vector<std::int64_t> strides;
};

/// Bytes from one end to the other, over all coordinates of `extents`; zeros without `from`.
struct Move {
    std::vector<std::int64_t> extents;
    StridedEnd from;
    StridedEnd to;
    bool zero = false;
};

/// The move of `instruction`: copy, boundary, upload or download.
Move move_of(const Layout& layout, const Instruction& instruction);

/// The same bytes with the fewest axes: the last one is a run of bytes (stride 1 on both ends).
Move compacted(Move move);

/// Commands without an order among them. Few long runs are left to the device's copies, the rest to our shader.
std::vector<Command> move_commands(const Move& move, InstructionId instruction, const DeviceLimits& limits);

/// Whether a queue without shaders is good for it: its runs are few, or long.
bool is_for_copy_queue(const Move& move);
/// The device's copies alone. Requires: is_for_copy_queue(move).
std::vector<Command> copy_queue_commands(const Move& move, InstructionId instruction);

}  // namespace maniple
