#include "program/lane_claims.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "program/device_boxes.hpp"

namespace maniple {

namespace {

/// Consecutive pieces of staged bytes share no cache line, nor any alignment that a device asks for.
constexpr std::int64_t staging_alignment = 256;

std::int64_t aligned(std::int64_t bytes) {
    return (bytes + staging_alignment - 1) / staging_alignment * staging_alignment;
}

bool computes(const Layout& layout, OperationId id, int gpu) {
    const std::vector<int> lanes = layout.lanes.of(id);
    return std::find(lanes.begin(), lanes.end(), gpu) != lanes.end();
}

/// The buffers of one gpu lane.
class ClaimRoom {
public:
    ClaimRoom(const Graph& graph, Layout& layout, int gpu) : graph_(graph), layout_(layout), gpu_(gpu) {}

    ClaimBuffers make() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const OperationId id(i);
            if (layout_.claimed[i] && computes(layout_, id, gpu_) && !layout_.tiles[i].empty()) add(id);
        }
        if (staging_bytes_ > 0) {
            layout_.buffers.push_back({fmt::format("staging of claims on gpu {}", gpu_),
                                       Box(Extents{0}, Extents{staging_bytes_}),
                                       1,
                                       {Memory::Kind::staging, gpu_}});
            buffers_.staging = BufferId(layout_.buffers.size() - 1);
        }
        return std::move(buffers_);
    }

private:
    void add(OperationId id) {
        const Operation& operation = graph_[id];
        for (std::size_t i = 0; i < operation.inputs.size(); ++i) {
            const TensorId input = operation.inputs[i];
            add_tensor(input, layout_.instance_for(input, rule_of(operation, static_cast<int>(i))));
        }
        if (!operation.kernel->is_fold()) {
            for (const TensorId output : operation.outputs) add_tensor(output, 0);
        }
        for (const BufferId states : {layout_.folds[id.index()].tiles, layout_.folds[id.index()].own}) {
            if (states.valid()) add_copy(states);
        }
        for (const Tile& tile : layout_.tiles[id.index()])
            staging_bytes_ = std::max(staging_bytes_, most_bytes(operation, tile));
    }

    void add_tensor(TensorId tensor, std::size_t instance) {
        const int slots = layout_.versions.families[static_cast<std::size_t>(layout_.versions[tensor].family)].slots;
        const std::size_t first = layout_.instances_of(tensor)[instance].first.index();
        for (int slot = 0; slot < slots; ++slot) add_copy(BufferId(first + static_cast<std::size_t>(slot)));
    }

    void add_copy(BufferId host) {
        if (buffers_.copies.size() <= host.index()) buffers_.copies.resize(host.index() + 1);
        if (buffers_.copies[host.index()].valid()) return;
        const BufferSpec spec = layout_[host];
        layout_.buffers.push_back({fmt::format("{} for claims on gpu {}", spec.name, gpu_),
                                   spec.box,
                                   spec.element_bytes,
                                   {Memory::Kind::device, gpu_}});
        buffers_.copies[host.index()] = BufferId(layout_.buffers.size() - 1);
    }

    /// Of what is staged for a tile; what is read twice counts twice, and an access may become a box for each side.
    std::int64_t most_bytes(const Operation& operation, const Tile& tile) const {
        std::int64_t bytes = 0;
        const auto add = [&](const Box& box, std::int64_t element_bytes) {
            bytes += box.volume() * element_bytes + (2 * box.rank() + 1) * staging_alignment;
        };
        for (const BoundAccess& access : operation.bound->reads) {
            const Tensor& tensor = graph_[operation.inputs[static_cast<std::size_t>(access.argument)]];
            add(touched_box(access, tile.box, tensor.shape), static_cast<std::int64_t>(size_of(tensor.dtype)));
        }
        if (operation.kernel->is_fold()) {
            add(kept_of_points(operation, tile.box), operation.kernel->types[operation.types].state_bytes);
            return bytes;
        }
        for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
            const Tensor& tensor = graph_[operation.outputs[i]];
            add(touched_box(operation.bound->writes[i], tile.box, tensor.shape),
                static_cast<std::int64_t>(size_of(tensor.dtype)));
        }
        return bytes;
    }

    const Graph& graph_;
    Layout& layout_;
    int gpu_;
    ClaimBuffers buffers_;
    std::int64_t staging_bytes_ = 0;
};

class FormBuilder {
public:
    FormBuilder(const Layout& layout, const Program& program, int gpu)
        : layout_(layout), program_(program), gpu_(gpu), in_place_(layout.lanes.uses_host_memory(gpu)),
          buffers_(layout.claim_buffers.empty() ? none_ : layout.claim_buffers[static_cast<std::size_t>(gpu)]) {}

    LaneForms build() {
        forms_.program.rank = program_.rank;
        forms_.program.shape = program_.shape;
        forms_.by_chunk.resize(program_.chunks.size());
        for (std::size_t i = 0; i < program_.chunks.size(); ++i) {
            if (!program_.chunks[i].claimable) continue;
            const Instruction& instruction = program_.instructions[program_.chunks[i].instructions.front().index()];
            if (computes(layout_, instruction.operation, gpu_)) add(instruction, forms_.by_chunk[i]);
        }
        return std::move(forms_);
    }

private:
    void add(Instruction compute, ClaimForm& form) {
        form.chunk = ChunkId(forms_.program.chunks.size());
        Chunk& chunk = forms_.program.chunks.emplace_back();
        chunk.lane = LaneKind::gpu;
        chunk.gpu = gpu_;
        compute.after.clear();
        compute.claimable = false;
        const Instruction on_host = compute;
        staged_bytes_ = 0;
        if (!in_place_) {
            for (const Use& use : parts_of(on_host.reads)) {
                const ClaimPassage passage = stage(use);
                compute.after.push_back(move(InstructionKind::upload, passage));
                form.packed.push_back(passage);
            }
            put_on_lane(compute);
        }
        const InstructionId computed = emit(std::move(compute));
        if (in_place_) return;
        for (const Use& use : parts_of(on_host.writes)) {
            const ClaimPassage passage = stage(use);
            forms_.program.instructions[move(InstructionKind::download, passage).index()].after.push_back(computed);
            form.unpacked.push_back(passage);
        }
    }

    /// The same elements, each once unless they fall into very many boxes.
    template <class Uses>
    static std::vector<Use> parts_of(const Uses& uses) {
        std::vector<Use> parts;
        for (const Use& use : uses) {
            Region missing(use.box);
            for (const Use& part : parts) {
                if (part.buffer == use.buffer) missing.subtract(part.box);
            }
            // As most_bytes() counts; elements that are moved twice do no harm.
            if (missing.boxes().size() > static_cast<std::size_t>(2 * use.box.rank() + 1)) missing = Region(use.box);
            for (const Box& box : missing.boxes()) parts.push_back({use.buffer, box});
        }
        return parts;
    }

    ClaimPassage stage(const Use& use) {
        const ClaimPassage passage{use.buffer, use.box, buffers_.staging, staged_bytes_};
        staged_bytes_ += aligned(use.box.volume() * layout_[use.buffer].element_bytes);
        MANIPLE_CHECK(staged_bytes_ <= layout_[buffers_.staging].bytes(),
                      "a claimed tile needs more than the staging buffer of gpu " + std::to_string(gpu_));
        return passage;
    }

    InstructionId move(InstructionKind kind, const ClaimPassage& passage) {
        const std::int64_t bytes = passage.box.volume() * layout_[passage.host].element_bytes;
        const Use staged{passage.staging, Box(Extents{passage.offset_bytes}, Extents{passage.offset_bytes + bytes})};
        const Use there{on_lane(passage.host), passage.box};
        Instruction move;
        move.kind = kind;
        move.box = passage.box;
        move.reads.push_back(kind == InstructionKind::upload ? staged : there);
        move.writes.push_back(kind == InstructionKind::upload ? there : staged);
        return emit(std::move(move));
    }

    void put_on_lane(Instruction& compute) const {
        const auto put = [this](Use& use) { use.buffer = on_lane(use.buffer); };
        compute.reads.change(put);
        compute.writes.change(put);
        for (Argument& argument : compute.arguments) argument.buffer = on_lane(argument.buffer);
    }

    BufferId on_lane(BufferId host) const { return buffers_.copies[host.index()]; }

    InstructionId emit(Instruction instruction) {
        instruction.lane = LaneKind::gpu;
        instruction.gpu = gpu_;
        instruction.bytes = bytes_of(layout_, instruction.reads) + bytes_of(layout_, instruction.writes);
        const InstructionId id(forms_.program.instructions.size());
        forms_.program.instructions.push_back(std::move(instruction));
        forms_.program.chunks.back().instructions.push_back(id);
        return id;
    }

    const Layout& layout_;
    const Program& program_;
    int gpu_;
    bool in_place_;
    const ClaimBuffers none_;
    const ClaimBuffers& buffers_;
    LaneForms forms_;
    std::int64_t staged_bytes_ = 0;
};

}  // namespace

bool is_claimed_by_lanes(const Plan& plan, const LaneChoice& lanes, OperationId id) {
    return plan.sharing == LaneSharing::dynamic && plan.claiming_ranks <= 1 && lanes.of(id).size() > 1;
}

void add_claim_buffers(const Graph& graph, Layout& layout) {
    if (std::find(layout.claimed.begin(), layout.claimed.end(), true) == layout.claimed.end()) return;
    for (int gpu = 0; gpu < static_cast<int>(layout.lanes.gpus.size()); ++gpu) {
        const bool apart = !layout.lanes.uses_host_memory(gpu);
        layout.claim_buffers.push_back(apart ? ClaimRoom(graph, layout, gpu).make() : ClaimBuffers{});
    }
}

LaneForms build_lane_forms(const Layout& layout, const Program& program, int gpu) {
    return FormBuilder(layout, program, gpu).build();
}

}  // namespace maniple
