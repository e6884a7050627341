// lanes/vulkan/recording.hpp: what the command buffers of a program will hold, as plain data: a test can look at it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "graph/graph.hpp"
#include "program/layout.hpp"
#include "program/program.hpp"

namespace maniple {

/// A buffer of the layout, under its number there, or behind these a scratch buffer of the recording.
using StorageId = Id<struct StorageTag>;

/// What a queue is for. What copies have no queue for goes with the kernels.
enum class QueueUse : std::uint8_t { kernels, uploads, downloads };
inline constexpr std::size_t queue_uses = 3;

/// A queue for copies from the host, or to it.
struct CopyQueue {
    bool apart = false;    ///< it is there
    bool computes = true;  ///< and runs shaders, too
};

/// What of a device decides how work is cut.
struct DeviceLimits {
    std::int64_t max_window_bytes = 0;
    std::int64_t window_alignment = 1;  ///< of the first byte of a window, a power of two
    std::int64_t max_groups_x = 65535;
    std::int64_t max_groups_y = 65535;
    std::uint32_t features = 0;  ///< MANIPLE_GPU_*
    CopyQueue uploads;
    CopyQueue downloads;
    /// Copies of less stay with the kernels of their chunk: a further submission would take longer than they do.
    std::int64_t least_apart_bytes = 0;
};

/// The part of a storage that a shader sees. Aligned, and no longer than DeviceLimits::max_window_bytes.
struct Window {
    StorageId storage;
    std::int64_t offset_bytes = 0;
    std::int64_t bytes = 0;
};

/// Work groups along x and y.
struct Groups {
    std::uint32_t x = 1;
    std::uint32_t y = 1;
};

/// One call of a kernel's shader.
struct Dispatch {
    const Kernel* kernel = nullptr;
    const maniple_shader* shader = nullptr;
    maniple_gpu_call call{};
    std::vector<Window> windows;  ///< bindings 1, 2, …; those before `inputs_from` are written
    std::size_t inputs_from = 1;
    bool target_is_read = false;  ///< a merge that goes on with its target
    Groups groups;
};

/// What box_copy.comp is told: its push constants. Offsets and strides in units.
struct BoxCopyCall {
    static constexpr int max_axes = max_rank + 1;
    std::uint32_t points = 0;
    std::uint32_t rank = 0;
    std::uint32_t from_offset = 0;
    std::uint32_t to_offset = 0;
    std::uint32_t zero = 0;  ///< writes zeros, reads nothing
    std::array<std::uint32_t, max_axes> extent{};
    std::array<std::uint32_t, max_axes> from_stride{};
    std::array<std::uint32_t, max_axes> to_stride{};
};

/// A copy of a box, or zeros in it, by a shader of ours.
struct BoxCopy {
    int unit_bytes = 4;  ///< 1, 2 or 4
    BoxCopyCall call;
    Window from;  ///< that of `to` where `call.zero`
    Window to;
    Groups groups;
};

/// Runs of bytes from one storage to another.
struct RunCopy {
    struct Run {
        std::int64_t from = 0;
        std::int64_t to = 0;
        std::int64_t bytes = 0;
    };
    StorageId from;
    StorageId to;
    std::vector<Run> runs;
};

/// Runs of zeros, all multiples of 4.
struct RunZeros {
    struct Run {
        std::int64_t to = 0;
        std::int64_t bytes = 0;
    };
    StorageId to;
    std::vector<Run> runs;
};

/// One thing that a command buffer does.
struct Command {
    InstructionId instruction;
    std::variant<Dispatch, BoxCopy, RunCopy, RunZeros> work;
};

/// Stages of a device as bits.
inline constexpr std::uint8_t stage_compute = 1;
inline constexpr std::uint8_t stage_transfer = 2;
inline constexpr std::uint8_t stage_host = 4;

/// Who reads and who writes a storage.
struct Accesses {
    std::uint8_t reads = 0;
    std::uint8_t writes = 0;

    bool operator==(const Accesses&) const = default;
};

/// Accesses `before` have happened, and are visible, when those of `after` begin.
struct StorageBarrier {
    StorageId storage;
    Accesses before;
    Accesses after;
};

/// Commands without an order among them, behind their barriers.
struct Layer {
    std::vector<StorageBarrier> barriers;
    std::vector<Command> commands;
};

/// Bytes of a staging buffer that the host writes before a chunk or reads after it.
struct StagingRange {
    BufferId buffer;
    std::int64_t offset_bytes = 0;
    std::int64_t bytes = 0;
};

/// What of a chunk one queue does.
struct PartId {
    ChunkId chunk;
    QueueUse queue = QueueUse::kernels;

    auto operator<=>(const PartId&) const = default;
};

/// A command buffer. It begins with a barrier behind all earlier submissions to the queue, then come these.
struct RecordedPart {
    QueueUse queue = QueueUse::kernels;
    std::vector<PartId> after;  ///< parts of other chunks of the lane that have to end before it begins
    std::vector<Layer> layers;
    std::vector<StorageBarrier> to_host;  ///< after the last layer
};

/// One chunk: what its kernels need from the host, the kernels, what the host needs of these, as far as these are apart.
/// Each part waits for the one before it.
struct RecordedChunk {
    ChunkId chunk;
    std::vector<RecordedPart> parts;  ///< at least one
    std::vector<StagingRange> uploads;
    std::vector<StagingRange> downloads;
    std::int64_t operations = 0;  ///< kernels, each with its step counted once
};

/// All chunks of one lane.
struct Recording {
    std::vector<RecordedChunk> chunks;
    std::vector<std::int64_t> scratch_bytes;  ///< storage layout.buffers.size() + i
};

/// What a command reads and writes.
struct Touch {
    StorageId storage;
    Accesses accesses;
};
std::vector<Touch> touches_of(const Command& command);

/// The chunks of gpu lane `gpu`. Pure.
/// Errors: KernelError for a kernel without a shader; UnavailableError for one that the device cannot run, or a tensor
/// that no cut brings into a window.
Recording build_recording(const Graph& graph, const Layout& layout, const Program& program, int gpu,
                          const DeviceLimits& limits);

}  // namespace maniple
