#include "embed/span_lane.hpp"

namespace maniple {

namespace {

/// Where the elements of `part` stand row-major without gaps in `block`, or null.
template <class Byte>
Byte* gapless(const BasicBlock<Byte>& block, const Box& part) {
    if (part.empty() || !block.box.contains(part)) return nullptr;
    int axis = 0;
    while (axis < part.rank() && part.extent(axis) == 1) ++axis;  // one row of all: only what is behind counts
    for (int behind = axis + 1; behind < part.rank(); ++behind) {
        if (part.extent(behind) != block.box.extent(behind)) return nullptr;
    }
    return block.at(part.lo);
}

}  // namespace

class SpanProgram final : public LaneProgram {
public:
    SpanProgram(SpanLane& lane, const Program& program) : lane_(lane), program_(program) {}

    void submit(ChunkId chunk, const Execution& execution, Completion& done) override {
        for (const InstructionId id : program_.chunks[chunk.index()].instructions)
            lane_.carry_out(program_.instructions[id.index()], execution);
        done.finished(chunk, nullptr);
    }

private:
    SpanLane& lane_;
    const Program& program_;
};

SpanLane::SpanLane(const Graph& graph, const Plan& plan, Arena& arena) : graph_(graph), arena_(arena) {
    const Layout& layout = arena.layout();
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const TensorId id(i);
        if (graph[id].kind != Tensor::Kind::input) continue;
        const auto number = static_cast<std::size_t>(graph[id].input);
        while (inputs_.size() <= number) inputs_.emplace_back();
        Input& input = inputs_[number];
        input.tensor = id;
        input.box = owned_box(graph, plan, id, layout.rank);
        // A carried input's storage holds the values of later steps when an execution is over.
        const BufferId buffer = layout.instances_of(id)[0].first;
        if (graph.carry_of(id) == nullptr) input.in_place = gapless(arena.block(buffer), input.box);
    }
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        const GraphOutput& output = graph.outputs[i];
        Output& kept = outputs_.emplace_back();
        kept.box = written_box(graph, plan, i, layout.rank);
        kept.row_bytes = kept.box.volume() * static_cast<std::int64_t>(size_of(graph[output.tensor].dtype));
        if (output.every > 0)
            kept.rows = HostBytes(static_cast<std::size_t>(graph.steps / output.every * kept.row_bytes));
    }
}

std::unique_ptr<LaneProgram> SpanLane::prepare(const Program& program) {
    return std::make_unique<SpanProgram>(*this, program);
}

std::byte* SpanLane::writable(Input& input) const {
    if (input.in_place != nullptr) {
        input.source = nullptr;
        return input.in_place;
    }
    const std::size_t bytes = static_cast<std::size_t>(input.box.volume()) * size_of(graph_[input.tensor].dtype);
    if (input.own.size() != bytes) input.own = HostBytes(bytes);
    input.source = input.own.data();
    return input.own.data();
}

const std::byte* SpanLane::elements_of(std::size_t number) {
    Output& output = outputs_[number];
    if (graph_.outputs[number].every > 0) return output.rows.data();
    if (output.row_bytes == 0) return nullptr;
    const BufferId buffer(output.buffer.load(std::memory_order_relaxed));
    MANIPLE_CHECK(buffer.valid(), "output " + std::to_string(number) + " has not been computed");
    const ConstBlock block = std::as_const(arena_).block(buffer);
    if (const std::byte* elements = gapless(block, output.box); elements != nullptr) return elements;
    if (output.packed.size() == 0) output.packed = HostBytes(static_cast<std::size_t>(output.row_bytes));
    copy_box(block, output.box, {output.packed.data(), block.element_bytes, output.box}, output.box);
    return output.packed.data();
}

void SpanLane::carry_out(const Instruction& instruction, const Execution& execution) {
    if (instruction.kind == InstructionKind::read) {
        const Input& input = inputs_[instruction.file_number];
        const Use& use = instruction.writes[0];
        if (input.source == nullptr) return;
        copy_box({input.source, size_of(graph_[input.tensor].dtype), input.box}, instruction.box,
                 arena_.block(use.buffer), use.box);
        return;
    }
    Output& output = outputs_[instruction.file_number];
    const Use& use = instruction.reads[0];
    if (instruction.every == 0) {
        output.buffer.store(use.buffer.value, std::memory_order_relaxed);  // partner: elements_of(), after the run
        return;
    }
    const std::int64_t row = (execution.first_step + instruction.step + 1) / instruction.every - 1;
    const ConstBlock from = read_only(arena_.block(use.buffer));
    copy_box(from, use.box, {output.rows.data() + row * output.row_bytes, from.element_bytes, output.box},
             instruction.box);
}

}  // namespace maniple
