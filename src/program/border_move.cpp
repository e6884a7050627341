#include "program/border_move.hpp"

#include <algorithm>

#include "plan/neighbours.hpp"
#include "program/emitter.hpp"

namespace maniple {

namespace {

/// A box that goes from where one rank had it to where another will have it.
struct Passage {
    Rank from;
    Rank to;
    Box box;
};

class MoveBuilder {
public:
    MoveBuilder(const BorderMove& move, const Layout& both, const BlockShape& next)
        : move_(move), next_(next), me_(move.after.rank), emitter_(move.graph, both, shape_of(next)) {}

    Program build() {
        const Versions& versions = move_.after.versions;
        // In the order in which they were made: of tensors that share memory the last one counts.
        for (std::size_t i = 0; i < move_.graph.tensors.size(); ++i) {
            if (move_.graph.tensors[i].kind != Tensor::Kind::computed) pass(TensorId(i));
        }
        for (const Operation& operation : move_.graph.operations) {
            for (const TensorId output : operation.outputs) {
                const int family = versions[output].family;
                if (versions.families[static_cast<std::size_t>(family)].stationary) pass(output);
            }
        }
        return emitter_.finish();
    }

private:
    static BlockShape shape_of(const BlockShape& next) {
        BlockShape shape;
        shape.phase = next.phase;
        shape.steps = 0;
        return shape;
    }

    /// Whether anything will read what does not change from step to step.
    bool is_read(TensorId tensor) const {
        const Graph& graph = move_.graph;
        const auto writes = [&](const GraphOutput& output) { return output.tensor == tensor; };
        const auto copies = [&](const CarryCopy& copy) { return copy.value == tensor; };
        const auto reads = [&](OperationId reader) { return graph[reader].in_loop; };
        const std::vector<CarryCopy>& all = move_.after.versions.copies;
        return tensor == graph.until || std::any_of(all.begin(), all.end(), copies) ||
               std::any_of(graph.outputs.begin(), graph.outputs.end(), writes) ||
               std::any_of(graph[tensor].readers.begin(), graph[tensor].readers.end(), reads);
    }

    /// The version of `tensor` that the next block begins with.
    void pass(TensorId tensor) {
        const int family = move_.after.versions[tensor].family;
        const bool changes = !move_.after.versions.families[static_cast<std::size_t>(family)].stationary;
        if (!changes && !is_read(tensor)) return;
        const auto slot = static_cast<std::size_t>(move_.after.versions.slot(tensor, next_, 0));
        const BufferId source(move_.before.instances_of(tensor)[0].first.index() + slot);
        const BufferId fresh(move_.after.instances_of(tensor)[0].first.index() + slot);
        if (move_.after[fresh].memory.kind == Memory::Kind::piece) return;  // nothing of it is kept
        const BufferId target(move_.before.buffers.size() + fresh.index());
        for (const Passage& passage : passages_to(tensor, me_)) {
            if (passage.from == me_) {
                copy(tensor, source, target, passage.box);
            } else {
                emitter_.emit_receive(passage.from, tensor, target, passage.box);
            }
        }
        const Box mine = owned_box(move_.graph, move_.from, tensor, me_);
        if (mine.empty()) return;
        for (const Rank other : owners_of(move_.graph, move_.to, tensor, mine)) {
            if (other == me_) continue;
            for (const Passage& passage : passages_to(tensor, other)) {
                if (passage.from == me_) emitter_.emit_send(other, tensor, source, passage.box);
            }
        }
    }

    /// The same on every rank, so that both ends of a message find each other.
    std::vector<Passage> passages_to(TensorId tensor, Rank rank) const {
        const Box owned = owned_box(move_.graph, move_.to, tensor, rank);
        if (owned.empty()) return {};
        std::vector<Rank> sources = owners_of(move_.graph, move_.from, tensor, owned);
        std::erase(sources, rank);
        sources.insert(sources.begin(), rank);
        Region missing(owned);
        std::vector<Passage> passages;
        for (const Rank source : sources) {
            const Box had = owned_box(move_.graph, move_.from, tensor, source);
            for (const Box& part : missing.boxes()) {
                const Box box = intersect(part, had);
                if (!box.empty()) passages.push_back({source, rank, box});
            }
            missing.subtract(had);
        }
        return passages;  // what is missing still is what nobody reads: boxes of loaded tensors may span it
    }

    void copy(TensorId tensor, BufferId source, BufferId target, const Box& box) {
        Instruction copy;
        copy.kind = InstructionKind::copy;
        copy.tensor = tensor;
        copy.box = box;
        copy.reads.push_back({source, box});
        copy.writes.push_back({target, box});
        emitter_.emit(std::move(copy));
    }

    const BorderMove& move_;
    const BlockShape& next_;
    Rank me_;
    Emitter emitter_;
};

}  // namespace

Layout joint_layout(const Layout& before, const Layout& after) {
    Layout both;
    both.rank = after.rank;
    both.lanes = after.lanes;
    both.versions = after.versions;
    both.buffers = before.buffers;
    for (BufferSpec buffer : after.buffers) {
        if (buffer.storage.valid()) buffer.storage = BufferId(before.buffers.size() + buffer.storage.index());
        both.buffers.push_back(std::move(buffer));
    }
    both.mirrors.resize(both.buffers.size());
    return both;
}

Program build_border_move(const BorderMove& move, const Layout& both, const BlockShape& next) {
    return MoveBuilder(move, both, next).build();
}

void set_gathering_block(const StepBlock& next, StepBlock& block) {
    block.first = next.first;
    block.shape = BlockShape();
    block.shape.phase = next.shape.phase;
    block.shape.steps = 0;
    block.shape.gathers = true;
}

}  // namespace maniple
