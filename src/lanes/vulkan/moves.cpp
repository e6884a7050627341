#include "lanes/vulkan/moves.hpp"

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "lanes/vulkan/windows.hpp"

namespace maniple {

namespace {

/// More runs than this go through the shader: a driver takes each as a command of its own.
constexpr std::int64_t most_runs = 64;
/// Without a shader: rows that take about as long as a command does.
constexpr std::int64_t most_long_runs = 4096;
constexpr std::int64_t least_long_run_bytes = 4096;

StridedEnd end_of(const Layout& layout, const Use& use, const Box& over, std::int64_t element_bytes) {
    const Box& all = layout[use.buffer].box;
    StridedEnd end;
    end.storage = StorageId(use.buffer.index());
    end.strides.resize(static_cast<std::size_t>(all.rank()));
    std::int64_t step = element_bytes;
    for (int axis = all.rank() - 1; axis >= 0; --axis) {
        const bool repeated = use.box.extent(axis) == 1 && over.extent(axis) != 1;
        end.strides[static_cast<std::size_t>(axis)] = repeated ? 0 : step;
        end.offset_bytes += (use.box.lo[axis] - all.lo[axis]) * step;
        step *= all.extent(axis);
    }
    return end;
}

/// `box` in row-major order from byte `use.box.lo[0]` of a staging buffer.
StridedEnd dense_end(const Use& use, const Box& box, std::int64_t element_bytes) {
    StridedEnd end;
    end.storage = StorageId(use.buffer.index());
    end.offset_bytes = use.box.lo[0];
    end.strides.resize(static_cast<std::size_t>(box.rank()));
    std::int64_t step = element_bytes;
    for (int axis = box.rank() - 1; axis >= 0; --axis) {
        end.strides[static_cast<std::size_t>(axis)] = step;
        step *= box.extent(axis);
    }
    return end;
}

void erase_axis(Move& move, std::size_t axis) {
    const auto at = static_cast<std::ptrdiff_t>(axis);
    move.extents.erase(move.extents.begin() + at);
    move.from.strides.erase(move.from.strides.begin() + at);
    move.to.strides.erase(move.to.strides.begin() + at);
}

/// Whether axis `axis` and the one after it are one axis on this end.
bool joined(const StridedEnd& end, const std::vector<std::int64_t>& extents, std::size_t axis) {
    return end.strides[axis] == end.strides[axis + 1] * extents[axis + 1];
}

/// Calls visit(byte of `from`, byte of `to`) for each run of bytes.
template <class Visit>
void for_each_run(const Move& move, Visit&& visit) {
    const std::size_t outer = move.extents.size() - 1;
    std::vector<std::int64_t> at(outer, 0);
    std::int64_t from = move.from.offset_bytes;
    std::int64_t to = move.to.offset_bytes;
    for (;;) {
        visit(from, to);
        std::size_t axis = outer;
        for (; axis > 0; --axis) {
            from += move.from.strides[axis - 1];
            to += move.to.strides[axis - 1];
            if (++at[axis - 1] < move.extents[axis - 1]) break;
            from -= move.from.strides[axis - 1] * move.extents[axis - 1];
            to -= move.to.strides[axis - 1] * move.extents[axis - 1];
            at[axis - 1] = 0;
        }
        if (axis == 0) return;
    }
}

bool is_empty(const Move& move) { return std::find(move.extents.begin(), move.extents.end(), 0) != move.extents.end(); }

std::int64_t count_of_runs(const Move& move) {
    std::int64_t runs = 1;
    for (std::size_t axis = 0; axis + 1 < move.extents.size(); ++axis) runs *= move.extents[axis];
    return runs;
}

std::vector<Command> as_runs(const Move& move, InstructionId instruction) {
    const std::int64_t bytes = move.extents.back();
    std::vector<Command> commands(1);
    commands[0].instruction = instruction;
    if (move.zero) {
        RunZeros& zeros = commands[0].work.emplace<RunZeros>();
        zeros.to = move.to.storage;
        for_each_run(move, [&](std::int64_t, std::int64_t to) { zeros.runs.push_back({to, bytes}); });
    } else {
        RunCopy& copy = commands[0].work.emplace<RunCopy>();
        copy.from = move.from.storage;
        copy.to = move.to.storage;
        for_each_run(move, [&](std::int64_t from, std::int64_t to) { copy.runs.push_back({from, to, bytes}); });
    }
    return commands;
}

/// The largest of 4, 2 and 1 that divides every offset, stride and the run.
int unit_of(const Move& move) {
    std::uint64_t bits = 4;
    const auto add = [&](std::int64_t value) { bits |= static_cast<std::uint64_t>(value); };
    add(move.extents.back());
    add(move.to.offset_bytes);
    if (!move.zero) add(move.from.offset_bytes);
    for (std::size_t axis = 0; axis + 1 < move.extents.size(); ++axis) {
        add(move.to.strides[axis]);
        if (!move.zero) add(move.from.strides[axis]);
    }
    return static_cast<int>(bits & (~bits + 1));
}

bool has_shader(int unit_bytes, const DeviceLimits& limits) {
    const std::uint32_t needed = unit_bytes == 1 ? MANIPLE_GPU_STORAGE_8 : unit_bytes == 2 ? MANIPLE_GPU_STORAGE_16 : 0;
    return (limits.features & needed) == needed;
}

/// A piece of a move, `piece` counting units on its last axis.
class BoxCopyWriter {
public:
    BoxCopyWriter(const Move& move, int unit_bytes, const DeviceLimits& limits)
        : move_(move), unit_(unit_bytes), limits_(limits) {}

    Span span(const StridedEnd& end, const Box& piece) const {
        std::int64_t first = end.offset_bytes / unit_;
        std::int64_t last = first;
        for (int axis = 0; axis < piece.rank(); ++axis) {
            first += piece.lo[axis] * stride(end, axis);
            last += (piece.hi[axis] - 1) * stride(end, axis);
        }
        return {first, last + 1};
    }

    PieceSize size_of(const Box& piece) const {
        PieceSize size;
        size.add(piece.volume(), max_points(limits_));
        size.add(window(move_.to, piece).bytes, limits_.max_window_bytes);
        if (!move_.zero) size.add(window(move_.from, piece).bytes, limits_.max_window_bytes);
        return size;
    }

    BoxCopy write(const Box& piece) const {
        BoxCopy copy;
        copy.unit_bytes = static_cast<int>(unit_);
        copy.to = window(move_.to, piece);
        copy.from = move_.zero ? copy.to : window(move_.from, piece);
        copy.call.points = static_cast<std::uint32_t>(piece.volume());
        copy.call.zero = move_.zero ? 1 : 0;
        copy.call.to_offset = offset(move_.to, piece, copy.to);
        copy.call.from_offset = move_.zero ? 0 : offset(move_.from, piece, copy.from);
        for (int axis = 0; axis < piece.rank(); ++axis) {
            if (piece.extent(axis) == 1) continue;
            const std::size_t next = copy.call.rank++;
            copy.call.extent[next] = static_cast<std::uint32_t>(piece.extent(axis));
            copy.call.to_stride[next] = static_cast<std::uint32_t>(stride(move_.to, axis));
            copy.call.from_stride[next] = static_cast<std::uint32_t>(move_.zero ? 0 : stride(move_.from, axis));
        }
        copy.groups = groups_for(piece.volume(), limits_);
        return copy;
    }

private:
    std::int64_t stride(const StridedEnd& end, int axis) const {
        const bool last = static_cast<std::size_t>(axis) + 1 == move_.extents.size();
        return last ? 1 : end.strides[static_cast<std::size_t>(axis)] / unit_;
    }
    Window window(const StridedEnd& end, const Box& piece) const {
        return window_over(end.storage, span(end, piece), unit_, limits_);
    }
    std::uint32_t offset(const StridedEnd& end, const Box& piece, const Window& window) const {
        return static_cast<std::uint32_t>(span(end, piece).first - window.offset_bytes / unit_);
    }

    const Move& move_;
    std::int64_t unit_;
    const DeviceLimits& limits_;
};

}  // namespace

Move move_of(const Layout& layout, const Instruction& instruction) {
    const bool zero = instruction.kind == InstructionKind::boundary && instruction.reads.empty();
    const Use& to = instruction.writes[0];
    const Use& from = zero ? to : instruction.reads[0];
    const bool uploads = instruction.kind == InstructionKind::upload;
    const bool downloads = instruction.kind == InstructionKind::download;
    const Box& over = downloads ? from.box : to.box;
    const std::int64_t element_bytes = layout[downloads ? from.buffer : to.buffer].element_bytes;
    Move move;
    move.zero = zero;
    for (int axis = 0; axis < over.rank(); ++axis) move.extents.push_back(over.extent(axis));
    if (over.absent) move.extents.push_back(0);
    move.from = uploads ? dense_end(from, over, element_bytes) : end_of(layout, from, over, element_bytes);
    move.to = downloads ? dense_end(to, over, element_bytes) : end_of(layout, to, over, element_bytes);
    if (over.absent) {
        move.from.strides.push_back(0);
        move.to.strides.push_back(0);
    }
    // The bytes of an element are the last axis.
    move.extents.push_back(element_bytes);
    move.from.strides.push_back(1);
    move.to.strides.push_back(1);
    return move;
}

Move compacted(Move move) {
    for (std::size_t axis = move.extents.size() - 1; axis-- > 0;) {
        if (move.extents[axis] == 1) erase_axis(move, axis);
    }
    for (std::size_t axis = move.extents.size() - 1; axis-- > 0;) {
        if (!joined(move.to, move.extents, axis) || (!move.zero && !joined(move.from, move.extents, axis))) continue;
        move.extents[axis + 1] *= move.extents[axis];
        erase_axis(move, axis);
    }
    return move;
}

bool is_for_copy_queue(const Move& loose) {
    const Move move = compacted(loose);
    const std::int64_t runs = count_of_runs(move);
    return !move.zero && (runs <= most_runs || (runs <= most_long_runs && move.extents.back() >= least_long_run_bytes));
}

std::vector<Command> copy_queue_commands(const Move& loose, InstructionId instruction) {
    const Move move = compacted(loose);
    return is_empty(move) ? std::vector<Command>{} : as_runs(move, instruction);
}

std::vector<Command> move_commands(const Move& loose, InstructionId instruction, const DeviceLimits& limits) {
    const Move move = compacted(loose);
    if (is_empty(move)) return {};
    const std::int64_t runs = count_of_runs(move);
    const int unit = unit_of(move);
    const bool few = runs <= most_runs && (unit == 4 || !move.zero);
    if (few || (!has_shader(unit, limits) && !move.zero)) return as_runs(move, instruction);
    if (!has_shader(unit, limits)) {
        throw UnavailableError("the device has no " + std::to_string(8 * unit) + "-bit storage, which zeros of " +
                               std::to_string(unit) + " bytes need");
    }
    const BoxCopyWriter writer(move, unit, limits);
    Box box{Extents(static_cast<int>(move.extents.size())), Extents(move.extents)};
    box.hi[box.rank() - 1] /= unit;
    const std::vector<Cutting> cutting(move.extents.size(), Cutting::freely);
    const Grid grid = cut_grid(
        box, cutting, [&](const Box& piece) { return writer.size_of(piece); }, "a copy");
    std::vector<Command> commands;
    for (const Box& piece : grid.kept) {
        commands.emplace_back().instruction = instruction;
        commands.back().work.emplace<BoxCopy>(writer.write(piece));
    }
    return commands;
}

}  // namespace maniple
