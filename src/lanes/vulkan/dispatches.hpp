// lanes/vulkan/dispatches.hpp: kernel instructions as calls of shaders: windows, cuts, segments of a fold.
#pragma once

#include <vector>

#include "lanes/vulkan/recording.hpp"

namespace maniple {

/// Stages of one instruction, one behind the other; the commands within one have no order.
using Stages = std::vector<std::vector<Command>>;

/// Finds room for states between the stages of a fold.
class ScratchTable {
public:
    /// New storages are numbered from `first` on.
    explicit ScratchTable(std::size_t first) : first_(first) {}
    StorageId add(std::int64_t bytes) {
        bytes_.push_back(bytes);
        return StorageId(first_ + bytes_.size() - 1);
    }
    std::vector<std::int64_t> take() { return std::move(bytes_); }

private:
    std::size_t first_;
    std::vector<std::int64_t> bytes_;
};

/// What all kernel instructions of a recording share. Borrows everything.
struct DispatchContext {
    const Graph& graph;
    const Layout& layout;
    const DeviceLimits& limits;
    ScratchTable& scratch;
};

/// A kernel instruction: compute, accumulate, merge or finish.
/// Errors: as build_recording().
Stages kernel_stages(const DispatchContext& context, const Instruction& instruction, InstructionId id);

/// Into how many segments a fold of `contracted` points is cut where the whole operation keeps `kept` points: enough to
/// fill a large device. The same on every device and for every cut of the kept indices, as is the order of its sums.
std::int64_t segments_of(std::int64_t kept, std::int64_t contracted, bool ellipsis);

}  // namespace maniple
