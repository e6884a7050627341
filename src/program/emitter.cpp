#include "program/emitter.hpp"

#include <algorithm>

#include "base/huge_pages.hpp"
#include "base/whole_numbers.hpp"

namespace maniple {

namespace {

std::vector<bool> buffers_apart(const Layout& layout) {
    std::vector<bool> apart;
    for (const BufferSpec& buffer : layout.buffers) apart.push_back(buffer.memory.kind == Memory::Kind::piece);
    return apart;
}

/// Of one step, roughly and rather too many: what is not used is never touched.
std::size_t expected_instructions(const Graph& graph, const Layout& layout) {
    constexpr std::size_t halo_moves = 8;
    std::size_t count = graph.tensors.size();
    for (std::size_t i = 0; i < layout.tiles.size(); ++i) count += layout.tiles[i].size();
    for (const Operation& operation : graph.operations) count += operation.boundary.empty() ? 0 : halo_moves;
    return count;
}

}  // namespace

Emitter::Emitter(const Graph& graph, const Layout& layout, const BlockShape& shape)
    : graph_(graph), layout_(layout), hazards_(buffers_apart(layout)), pool_(layout) {
    facts_.reserve(layout.buffers.size());
    for (const BufferSpec& buffer : layout.buffers) facts_.push_back({buffer.element_bytes, buffer.storage.valid()});
    find_only();
    for (const Operation& operation : graph.operations) {
        if (!operation.after.empty()) computed_by_.resize(graph.operations.size());
        if (!operation.domains.empty()) checked_by_.resize(graph.operations.size());
    }
    reserve(expected_instructions(graph, layout));
    program_.rank = layout.rank;
    program_.shape = shape;
}

void Emitter::find_only() {
    if (layout_.instances.empty()) return;
    only_.reserve(layout_.versions.members.size());
    for (const Versions::Member& member : layout_.versions.members) {
        const auto family = static_cast<std::size_t>(member.family);
        const bool changes = !layout_.versions.families[family].stationary;
        only_.push_back(changes ? BufferId{} : layout_.instances[family][0].first);
    }
}

void Emitter::reserve(std::size_t instructions) {
    if (instructions <= program_.instructions.capacity()) return;
    program_.instructions.reserve(instructions);
    prefer_huge_pages(program_.instructions.data(), instructions * sizeof(Instruction));
}

void Emitter::begin_step(int step) {
    // Steps are about equally long: instructions are not moved again and again while they grow in number.
    const std::size_t emitted = program_.instructions.size();
    const auto left = static_cast<std::size_t>(program_.shape.steps - step);
    if (step > 0) reserve(emitted + (emitted - step_begin_ + 8) * (left + 1));
    step_begin_ = emitted;
    step_ = step;
    for (std::vector<std::vector<InstructionId>>* const of_step : {&computed_by_, &checked_by_}) {
        for (std::size_t i = 0; i < of_step->size(); ++i) {
            if (graph_.operations[i].in_loop) (*of_step)[i].clear();
        }
    }
}

BufferId Emitter::buffer_in_slot(TensorId tensor, std::size_t instance, std::int64_t step) const {
    const int slot = layout_.versions.slot(tensor, program_.shape, step);
    return BufferId(layout_.instances_of(tensor)[instance].first.index() + static_cast<std::size_t>(slot));
}

/// `after:` orders what a rank computes; what it waits for from others follows from data alone.
void Emitter::follow_controls(Instruction& instruction, InstructionId id) {
    if (computed_by_.empty() || !instruction.operation.valid()) return;
    for (const OperationId other : graph_[instruction.operation].after) {
        const std::vector<InstructionId>& earlier = computed_by_[other.index()];
        instruction.after.append(earlier.begin(), earlier.end());
    }
    computed_by_[instruction.operation.index()].push_back(id);
}

/// What an operation computes waits until its inputs are known to be good, on whatever lane.
void Emitter::follow_checks(Instruction& instruction, InstructionId id) {
    if (checked_by_.empty() || !instruction.operation.valid()) return;
    std::vector<InstructionId>& checks = checked_by_[instruction.operation.index()];
    if (instruction.kind == InstructionKind::check) {
        checks.push_back(id);
    } else {
        instruction.after.append(checks.begin(), checks.end());
    }
}

/// Buffers that have the bytes of one are that one, by the coordinates of its box.
void Emitter::order(Touched& touched, InstructionId id) {
    const auto is_shared = [&](const Use& use) { return facts_[use.buffer.index()].shared; };
    if (std::any_of(touched.reads.begin(), touched.reads.end(), is_shared) ||
        std::any_of(touched.writes.begin(), touched.writes.end(), is_shared)) {
        for (Use& use : touched.reads) use = in_storage(layout_, use);
        for (Use& use : touched.writes) use = in_storage(layout_, use);
        pool_.order(touched, id);
    }
    hazards_.order(touched, id);
}

std::int64_t Emitter::bytes_in(const Touched& touched) const {
    std::int64_t bytes = 0;
    const auto add = [&](const Use& use) {
        bytes = capped_sum(bytes, use.box.volume() * facts_[use.buffer.index()].element_bytes);
    };
    std::for_each(touched.reads.begin(), touched.reads.end(), add);
    std::for_each(touched.writes.begin(), touched.writes.end(), add);
    return bytes;
}

void Emitter::add(Instruction&& given, Touched& touched) {
    const InstructionId id(program_.instructions.size());
    Instruction& instruction = program_.instructions.emplace_back(std::move(given));
    instruction.step = step_;
    instruction.position = position_;
    follow_controls(instruction, id);
    follow_checks(instruction, id);
    if (instruction.kind != InstructionKind::decide) instruction.bytes += bytes_in(touched);
    if (instruction.chained) instruction.after.emplace_back(id.value - 1);
    touched.after.append(instruction.after.begin(), instruction.after.end());
    order(touched, id);
    instruction.after.clear();
    instruction.after.append(touched.after.begin(), touched.after.end());
}

void Emitter::emit(Instruction&& instruction) {
    Touched touched;
    for (const Use& use : instruction.reads) touched.reads.push_back(use);
    for (const Use& use : instruction.writes) touched.writes.push_back(use);
    add(std::move(instruction), touched);
}

namespace {

void put_on(int lane, Instruction& instruction) {
    instruction.lane = lane == LaneChoice::cpu_lane ? LaneKind::cpu : LaneKind::gpu;
    instruction.gpu = lane == LaneChoice::cpu_lane ? -1 : lane;
}

}  // namespace

void Emitter::emit_on(int lane, Instruction&& instruction) {
    put_on(lane, instruction);
    emit(std::move(instruction));
}

void Emitter::emit_on(int lane, Instruction&& instruction, Touched& touched) {
    put_on(lane, instruction);
    for (const Use& use : touched.reads) instruction.reads.push_back(use);
    for (const Use& use : touched.writes) instruction.writes.push_back(use);
    add(std::move(instruction), touched);
}

// --- Again -----------------------------------------------------------------------------------------------------------

void Stretch::add(Instruction&& instruction) {
    const auto number = static_cast<std::uint32_t>(instructions.size());
    const auto add_access = [&](const Use& use, bool writes) {
        if (patterns.size() <= use.buffer.index()) patterns.resize(use.buffer.index() + 1);
        AccessPattern& pattern = patterns[use.buffer.index()];
        pattern.accesses.push_back({number, writes, use.box});
        pattern.writes = pattern.writes || writes;
    };
    for (const Use& use : instruction.reads) add_access(use, false);
    for (const Use& use : instruction.writes) add_access(use, true);
    instructions.push_back(std::move(instruction));
}

void Emitter::repeat(std::span<const Repeated> stretches) {
    const InstructionId first(program_.instructions.size());
    const std::size_t length = stretches.front().stretch->instructions.size();
    if (followed_.size() < length * stretches.size()) followed_.resize(length * stretches.size());
    for (std::size_t i = 0; i < length * stretches.size(); ++i) followed_[i].clear();
    order_again(stretches, first);
    Followed* after = followed_.data();
    for (std::size_t i = 0; i < length; ++i) {
        for (const Repeated& one : stretches) add_again(one, i, *after++);
    }
}

void Emitter::order_again(std::span<const Repeated> stretches, InstructionId first) {
    for (std::size_t member = 0; member < stretches.size(); ++member) {
        const Subjects& subjects = stretches[member].subjects;
        std::vector<AccessPattern>& patterns = stretches[member].stretch->patterns;
        const Hazards::Numbering number{InstructionId(first.index() + member), stretches.size()};
        for (std::size_t i = 0; i < patterns.size(); ++i) {
            if (!patterns[i].accesses.empty() && !hazards_.is_apart(subjects.buffers[i]))
                hazards_.order_again(subjects.buffers[i], patterns[i], number, std::span(followed_).subspan(member));
        }
    }
}

void Emitter::add_again(const Repeated& repeated, std::size_t place, Followed& after) {
    const InstructionId id(program_.instructions.size());
    const Subjects& subjects = repeated.subjects;
    const auto actual = [&](BufferId one) { return subjects.buffers[one.index()]; };
    Instruction& instruction = program_.instructions.emplace_back(repeated.stretch->instructions[place]);
    instruction.step = step_;
    instruction.position = position_;
    instruction.operation = subjects.operation;
    instruction.chained = repeated.goes_on;
    instruction.tensor = subjects.tensors[instruction.tensor.index()];
    instruction.reads.rename(actual);
    instruction.writes.rename(actual);
    for (Argument& argument : instruction.arguments) argument.buffer = actual(argument.buffer);
    if (instruction.chained) after.emplace_back(id.index() - 1);
    if (after.size() > 1) {
        std::sort(after.begin(), after.end());
        after.erase(std::unique(after.begin(), after.end()), after.end());
    }
    instruction.after.append(after.begin(), after.end());
}

namespace {

/// Turns ids into their places among `all`.
template <class Kind, std::size_t room>
class PlacesIn {
public:
    explicit PlacesIn(const ShortVector<Kind, room>& all) : all_(all) {}

    Kind operator()(Kind id) {
        const auto found = std::find(all_.begin(), all_.end(), id);
        complete_ = complete_ && found != all_.end();
        return Kind(static_cast<std::size_t>(found - all_.begin()));
    }
    bool complete() const { return complete_; }

private:
    const ShortVector<Kind, room>& all_;
    bool complete_ = true;
};

}  // namespace

std::optional<Stretch> Emitter::stretch_from(std::size_t first, const Subjects& subjects) const {
    PlacesIn buffer_place(subjects.buffers);
    PlacesIn tensor_place(subjects.tensors);
    Stretch stretch;
    for (std::size_t i = first; i < program_.instructions.size(); ++i) {
        Instruction copy = program_.instructions[i];
        if (copy.operation != subjects.operation) return {};
        copy.after.clear();
        copy.tensor = tensor_place(copy.tensor);
        copy.reads.rename(buffer_place);
        copy.writes.rename(buffer_place);
        for (Argument& argument : copy.arguments) argument.buffer = buffer_place(argument.buffer);
        stretch.add(std::move(copy));
    }
    if (!buffer_place.complete() || !tensor_place.complete()) return {};
    return stretch;
}

void Emitter::emit_send(Rank to, TensorId tensor, BufferId buffer, const Box& box, MessageKind kind) {
    Instruction send;
    send.kind = InstructionKind::send;
    send.lane = LaneKind::net;
    send.tensor = tensor;
    send.peer = to;
    send.tag = sent_[to]++;
    send.box = box;
    send.reads.push_back({buffer, box});
    const std::int64_t bytes = box.volume() * layout_[buffer].element_bytes;
    ++program_.message_count;
    program_.message_bytes += bytes;
    program_.messages[kind].add(bytes);
    emit(std::move(send));
}

void Emitter::emit_receive(Rank from, TensorId tensor, BufferId buffer, const Box& box) {
    Instruction receive;
    receive.kind = InstructionKind::receive;
    receive.lane = LaneKind::net;
    receive.tensor = tensor;
    receive.peer = from;
    receive.tag = received_[from]++;
    receive.box = box;
    receive.writes.push_back({buffer, box});
    emit(std::move(receive));
}

Program Emitter::finish() {
    program_.chunks = build_chunks(program_.instructions, layout_.lanes.point_ns);
    return std::move(program_);
}

}  // namespace maniple
