#include "lanes/vulkan/dispatches.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "lanes/vulkan/instance.hpp"
#include "lanes/vulkan/kernel_call.hpp"

namespace maniple {

namespace {

/// A fold is cut into segments until so many invocations work at once, or so few points are left to each.
constexpr std::int64_t enough_invocations = 65536;
constexpr std::int64_t fewest_points = 32;
/// Without an ellipsis every group of a merge is a dispatch: fewer segments then.
constexpr std::int64_t most_segments_without_ellipsis = 256;
/// States that one invocation merges.
constexpr std::int64_t fan_in = 32;

class StageBuilder {
public:
    StageBuilder(const DispatchContext& context, const Instruction& instruction, InstructionId id)
        : context_(context), instruction_(instruction), id_(id), operation_(context.graph[instruction.operation]) {
        const maniple_gpu_variant* variant = operation_.kernel->gpu_variant(operation_.types);
        if (variant == nullptr) fail("has no shader for these types");
        variant_ = variant;
        if ((variant_->features & ~context.limits.features) != 0)
            throw UnavailableError("kernel " + operation_.kernel->name + " needs a device with " +
                                   features_text(variant_->features & ~context.limits.features));
    }

    Stages build() {
        if (instruction_.box.empty() && instruction_.kind != InstructionKind::accumulate) return {};
        switch (instruction_.kind) {
            case InstructionKind::compute: return {over_grid(compute_call())};
            case InstructionKind::finish: return {over_grid(finish_call())};
            case InstructionKind::accumulate: return accumulate();
            default: return merge();
        }
    }

private:
    [[noreturn]] void fail(const std::string& what) const {
        throw KernelError("kernel " + operation_.kernel->name + " " + what);
    }

    KernelCall call_of(const maniple_shader& shader) const {
        if (shader.words == nullptr) fail("has no shader for " + std::string(name_of(instruction_.kind)));
        KernelCall call;
        call.operation = &operation_;
        call.variant = variant_;
        call.shader = &shader;
        return call;
    }

    KernelArgument argument(KernelArgument::Role role, int number, const Argument& use) const {
        const BufferSpec& spec = context_.layout[use.buffer];
        return {role, number, StorageId(use.buffer.index()), spec.box, spec.element_bytes, use.part, 1};
    }

    KernelArgument state(const Argument& use) const { return argument(KernelArgument::Role::state, 0, use); }

    void add_outputs(KernelCall& call) const {
        for (std::size_t i = 0; i < operation_.outputs.size(); ++i) {
            call.arguments.push_back(
                argument(KernelArgument::Role::output, static_cast<int>(i), instruction_.arguments[i]));
        }
        call.inputs_from = call.arguments.size();
    }

    void add_inputs(std::size_t first, KernelCall& call) const {
        for (std::size_t i = 0; i < operation_.inputs.size(); ++i) {
            call.arguments.push_back(
                argument(KernelArgument::Role::input, static_cast<int>(i), instruction_.arguments[first + i]));
        }
    }

    KernelCall compute_call() const {
        KernelCall call = call_of(variant_->compute);
        add_outputs(call);
        add_inputs(operation_.outputs.size(), call);
        return call;
    }

    KernelCall finish_call() const {
        KernelCall call = call_of(variant_->finish);
        add_outputs(call);
        call.arguments.push_back(state(instruction_.arguments.back()));
        return call;
    }

    /// Contracted indices may be cut where pieces have states of their own.
    std::vector<Cutting> cutting(Cutting contracted) const {
        std::vector<Cutting> result;
        for (const BoundSignature::Index& index : operation_.bound->indices)
            result.push_back(index.whole ? Cutting::never : index.contracted ? contracted : Cutting::freely);
        return result;
    }

    Grid grid_of(const KernelCall& call, const Box& box, Cutting contracted) const {
        const DeviceLimits& limits = context_.limits;
        return cut_grid(
            box, cutting(contracted), [&](const Box& piece) { return size_of(call, piece, limits); },
            "kernel " + operation_.kernel->name);
    }

    bool fits(const KernelCall& call, const Box& piece) const {
        return size_of(call, piece, context_.limits).largest <= 1;
    }

    std::vector<Command> over_grid(const KernelCall& call) const {
        std::vector<Command> commands;
        for (const Box& piece : grid_of(call, instruction_.box, Cutting::never).kept)
            commands.push_back({id_, dispatch_over(call, piece, context_.limits)});
        return commands;
    }

    std::int64_t points_where(const Box& box, bool contracted) const {
        std::int64_t points = 1;
        for (std::size_t i = 0; i < operation_.bound->indices.size(); ++i) {
            const BoundSignature::Index& index = operation_.bound->indices[i];
            if (index.contracted == contracted) points *= box.extent(static_cast<int>(i));
        }
        return points;
    }

    /// The points of states over which merges go: contracted indices at [0, 1).
    Box state_points() const {
        Box box = instruction_.box;
        for (std::size_t i = 0; i < operation_.bound->indices.size(); ++i) {
            if (!operation_.bound->indices[i].contracted) continue;
            box.lo[static_cast<int>(i)] = 0;
            box.hi[static_cast<int>(i)] = 1;
        }
        return box;
    }

    /// `parts` states of every kept point of this instruction's box, without a storage yet.
    KernelArgument part_states(const KernelArgument& like, std::int64_t parts) const {
        KernelArgument states = like;
        states.box = Box{Extents{0}, Extents{parts}};
        const Box points = instruction_.box;
        for (const int index : operation_.bound->kept()) {
            states.box.lo.push_back(points.lo[index]);
            states.box.hi.push_back(points.hi[index]);
        }
        states.part = 0;
        states.parts = parts;
        return states;
    }

    Stages accumulate() const {
        const Box& box = instruction_.box;
        if (points_where(box, false) == 0) return {};
        KernelCall call = call_of(variant_->accumulate);
        call.accumulates = true;
        const KernelArgument target = state(instruction_.arguments[0]);
        call.segments = segments_for(target);
        call.arguments.push_back(call.segments == 1 ? target : part_states(target, call.segments));
        add_inputs(1, call);
        const Grid grid = grid_of(call, box, Cutting::contracted);
        const auto pieces = static_cast<std::int64_t>(grid.contracted.size());
        if (pieces * call.segments == 1) return {accumulate_pieces(call, grid)};
        KernelArgument parts = part_states(target, pieces * call.segments);
        parts.storage = context_.scratch.add(parts.box.volume() * parts.element_bytes);
        call.arguments[0] = parts;
        call.arguments[0].parts = call.segments;
        Stages stages{accumulate_pieces(call, grid)};
        add_merge_levels(parts, target, stages);
        return stages;
    }

    /// Fewer than segments_of() only where not even 128 MiB are seen at once.
    std::int64_t segments_for(const KernelArgument& target) const {
        const std::int64_t kept = points_where(operation_.bound->index_space(), false);
        std::int64_t segments = segments_of(kept, points_where(instruction_.box, true), operation_.bound->ellipsis);
        const std::int64_t part_bytes = points_where(instruction_.box, false) * target.element_bytes;
        while (segments > 1 && segments * part_bytes > context_.limits.max_window_bytes) segments /= 2;
        return segments;
    }

    std::vector<Command> accumulate_pieces(KernelCall call, const Grid& grid) const {
        std::vector<Command> commands;
        const std::int64_t first_part = call.arguments[0].part;
        for (const Box& kept : grid.kept) {
            for (std::size_t i = 0; i < grid.contracted.size(); ++i) {
                call.arguments[0].part = first_part + static_cast<std::int64_t>(i) * call.segments;
                commands.push_back({id_, dispatch_over(call, intersect(kept, grid.contracted[i]), context_.limits)});
            }
        }
        return commands;
    }

    KernelCall merge_call(const KernelArgument& target, const KernelArgument& other, std::int64_t parts_each) const {
        KernelCall call = call_of(variant_->merge);
        call.arguments = {target, other};
        call.segments = parts_each;
        return call;
    }

    /// `parts` down to one state in `target`, fan_in at a time.
    void add_merge_levels(KernelArgument parts, const KernelArgument& target, Stages& stages) const {
        while (parts.parts > fan_in) {
            KernelArgument next = part_states(target, (parts.parts + fan_in - 1) / fan_in);
            next.storage = context_.scratch.add(next.box.volume() * next.element_bytes);
            append(stages, merge_groups(parts, next));
            parts = next;
        }
        append(stages, merge_into(target, parts, true));
    }

    static void append(Stages& stages, Stages more) {
        for (std::vector<Command>& stage : more) stages.push_back(std::move(stage));
    }

    /// Side by side: the first stages of both, then the second ones…
    static void join(Stages& stages, Stages more) {
        if (stages.size() < more.size()) stages.resize(more.size());
        for (std::size_t i = 0; i < more.size(); ++i)
            std::move(more[i].begin(), more[i].end(), std::back_inserter(stages[i]));
    }

    /// Each part of `next` from fan_in of `parts`.
    Stages merge_groups(const KernelArgument& parts, const KernelArgument& next) const {
        Stages stages;
        const std::int64_t whole_groups = parts.parts / fan_in;
        KernelArgument from = parts;
        KernelArgument to = next;
        to.parts = whole_groups;
        from.parts = whole_groups * fan_in;
        KernelCall together = merge_call(to, from, fan_in);
        together.group_axis = {whole_groups, fan_in};
        const BoundSignature& bound = *operation_.bound;
        const auto named = bound.indices.size() - static_cast<std::size_t>(bound.ellipsis_axes);
        const bool room = std::max(bound.kept().size(), named == 0 ? 0 : bound.indices.size()) < MANIPLE_MAX_RANK;
        const bool at_once = has_free_axes(together) && room && fits(together, state_points());
        if (at_once) stages.push_back({{id_, dispatch_over(together, state_points(), context_.limits)}});
        for (std::int64_t group = at_once ? whole_groups : 0; group < next.parts; ++group) {
            to.part = next.part + group;
            to.parts = 1;
            from.part = parts.part + group * fan_in;
            from.parts = std::min(fan_in, parts.parts - group * fan_in);
            join(stages, merge_into(to, from, true));
        }
        return stages;
    }

    /// All parts of `from` in order into the one of `target`, in one stage if they fit a window together.
    Stages merge_into(const KernelArgument& target, const KernelArgument& from, bool fresh) const {
        KernelCall call = merge_call(target, from, from.parts);
        call.fresh = fresh;
        if (fits_when_cut(call)) return {over_states(call)};
        Stages stages;
        for (std::int64_t i = 0; i < from.parts; ++i) {
            call.arguments[1].part = from.part + i;
            call.arguments[1].parts = 1;
            call.segments = 1;
            call.fresh = fresh && i == 0;
            stages.push_back(over_states(call));
        }
        return stages;
    }

    /// Several parts lie far from each other where the kept points are many: no cut of these helps then.
    bool fits_when_cut(const KernelCall& call) const { return call.segments == 1 || fits(call, state_points()); }

    std::vector<Command> over_states(const KernelCall& call) const {
        std::vector<Command> commands;
        for (const Box& piece : grid_of(call, state_points(), Cutting::never).kept)
            commands.push_back({id_, dispatch_over(call, piece, context_.limits)});
        return commands;
    }

    /// Sources that are consecutive parts of one buffer go together.
    Stages merge() const {
        Stages stages;
        const KernelArgument target = state(instruction_.arguments[0]);
        for (std::size_t i = 1; i < instruction_.arguments.size();) {
            KernelArgument from = state(instruction_.arguments[i]);
            std::size_t next = i + 1;
            while (next < instruction_.arguments.size() &&
                   instruction_.arguments[next].buffer == instruction_.arguments[i].buffer &&
                   instruction_.arguments[next].part == from.part + from.parts) {
                ++from.parts;
                ++next;
            }
            append(stages, merge_into(target, from, i == 1));
            i = next;
        }
        return stages;
    }

    const DispatchContext& context_;
    const Instruction& instruction_;
    InstructionId id_;
    const Operation& operation_;
    const maniple_gpu_variant* variant_ = nullptr;
};

}  // namespace

std::int64_t segments_of(std::int64_t kept, std::int64_t contracted, bool ellipsis) {
    const std::int64_t wanted =
        std::min(enough_invocations / std::max<std::int64_t>(1, kept), contracted / fewest_points);
    const std::int64_t most = ellipsis ? wanted : std::min(wanted, most_segments_without_ellipsis);
    std::int64_t segments = 1;
    while (2 * segments <= most) segments *= 2;
    return segments;
}

Stages kernel_stages(const DispatchContext& context, const Instruction& instruction, InstructionId id) {
    return StageBuilder(context, instruction, id).build();
}

}  // namespace maniple
