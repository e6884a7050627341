#include "program/repeats.hpp"

#include <algorithm>
#include <optional>

#include "program/tiles.hpp"

namespace maniple {

namespace {

/// Kinds that a new operation is compared with: the newest ones.
constexpr std::size_t most_compared = 16;
/// Instructions in all stretches: bounds the memory.
constexpr std::size_t most_instructions = 50'000;
/// Of one kind: where inputs are in ever new states, nothing is learnt of them.
constexpr std::size_t most_gatherings = 16;

template <class T, std::size_t room>
std::int32_t place_in(ShortVector<T, room>& all, T value) {
    const auto found = std::find(all.begin(), all.end(), value);
    const auto place = static_cast<std::int32_t>(found - all.begin());
    if (found == all.end()) all.push_back(value);
    return place;
}

}  // namespace

Repeats::Repeats(const Graph& graph, const Plan& plan, const Layout& layout, Emitter& emitter, Movement& movement,
                 KernelInstructions& kernels)
    : graph_(graph), plan_(plan), layout_(layout), emitter_(emitter), movement_(movement), kernels_(kernels),
      works_(layout.lanes.memory_count() == 1 && !emitter.has_order()),
      kind_of_(works_ ? graph.operations.size() : 0, -1) {}

bool Repeats::run(OperationId id) {
    if (!works_ || !kind(id).repeats) return false;
    gather(id);
    compute(id);
    made(id);
    return true;
}

// --- Operations of one kind ------------------------------------------------------------------------------------------

std::int32_t Repeats::kind_of(OperationId id) {
    std::int32_t& kind = kind_of_[id.index()];
    if (kind >= 0) return kind;
    const auto alike = [&](std::int32_t other) { return is_alike(kinds_[static_cast<std::size_t>(other)].first, id); };
    auto known = std::find_if(newest_.begin(), newest_.end(), alike);
    if (known == newest_.end()) {
        if (newest_.size() == most_compared) newest_.pop_back();
        newest_.push_back(static_cast<std::int32_t>(kinds_.size()));
        kinds_.push_back(make_kind(id));
        known = newest_.end() - 1;
    }
    kind = *known;
    std::rotate(newest_.begin(), known, known + 1);
    return kind;
}

bool Repeats::is_alike(OperationId a, OperationId b) const {
    const std::size_t i = a.index(), j = b.index();
    return layout_.kinds[i] == layout_.kinds[j] && layout_.tails[i] == layout_.tails[j] &&
           layout_.chained[i] == layout_.chained[j] && layout_.claimed[i] == layout_.claimed[j] &&
           layout_.chains[i].empty() == layout_.chains[j].empty() &&
           (layout_.tiles.are_one(i, j) || have_equal_tiles(layout_.tiles[i], layout_.tiles[j]));
}

bool Repeats::may_repeat(OperationId id) const {
    const Operation& operation = graph_[id];
    return operation.has_code() && operation.domains.empty() && !operation.twin_of.valid() &&
           (!operation.kernel->is_fold() || layout_.folds[id.index()].by_tile);
}

Repeats::Kind Repeats::make_kind(OperationId id) {
    const Operation& operation = graph_[id];
    Kind kind;
    kind.first = id;
    kind.repeats = may_repeat(id);
    kind.flops = kernels_.flops_of(id);
    kind.inputs.resize(operation.inputs.size());
    for (std::size_t i = 0; i < operation.inputs.size(); ++i)
        kind.inputs[i].rule = rule_of(operation, static_cast<int>(i));
    const std::vector<Tile>& tiles = layout_.tiles[id.index()];
    if (tiles.empty()) return kind;
    Box points = tiles.front().box;
    for (const Tile& tile : tiles) points = bounding(points, tile.box);
    for (const BoundAccess& access : operation.bound->reads) {
        const auto argument = static_cast<std::size_t>(access.argument);
        kind.inputs[argument].needs.push_back(touched_box(access, points, graph_[operation.inputs[argument]].shape));
    }
    return kind;
}

// --- Inputs ----------------------------------------------------------------------------------------------------------

void Repeats::gather(OperationId id) {
    Asked asked;
    if (movement_.has_numbers()) {
        if (has_inputs(id)) return;
        asked = ask(id);
    }
    if (!asked.has_key) {
        movement_.gather_inputs(id, false);
        return;
    }
    for (Gathering& known : kind(id).gatherings) {
        if (known.key != asked.key) continue;
        const Repeated again{&known.stretch, asked.subjects};
        emitter_.repeat({&again, 1});
        for (std::size_t i = 0; i < known.valid.size(); ++i)
            movement_.set_valid(asked.subjects.buffers[i], known.valid[i]);
        return;
    }
    const std::size_t first = emitter_.emitted();
    movement_.gather_inputs(id, false);
    learn(id, asked, first);
}

/// Whether nothing has to be brought.
bool Repeats::has_inputs(OperationId id) {
    Kind& kind = this->kind(id);
    const std::vector<TensorId>& inputs = graph_[id].inputs;
    for (std::size_t argument = 0; argument < inputs.size(); ++argument) {
        Input& input = kind.inputs[argument];
        const std::size_t instance = layout_.instance_for(inputs[argument], input.rule);
        if (is_brought_now(inputs[argument]) && !has_enough(input, emitter_.buffer_of(inputs[argument], instance)))
            return false;
    }
    return true;
}

/// What does not change has been brought by the first block.
bool Repeats::is_brought_now(TensorId id) const {
    const auto family = static_cast<std::size_t>(layout_.versions[id].family);
    return emitter_.shape().loads || emitter_.shape().gathers || !layout_.versions.families[family].stationary;
}

bool Repeats::has_enough(Input& input, BufferId buffer) {
    const int number = movement_.number_of_valid(buffer);
    if (number < 0) return false;
    const std::uint64_t bit = std::uint64_t{1} << number;
    if ((input.looked_at & bit) == 0) {
        const Region& valid = movement_.numbered(number);
        const bool all = std::ranges::all_of(input.needs, [&](const Box& box) { return valid.contains(box); });
        input.looked_at |= bit;
        input.enough |= all ? bit : 0;
    }
    return (input.enough & bit) != 0;
}

/// All that decides over what is brought to an operation's inputs.
Repeats::Asked Repeats::ask(OperationId id) {
    const Kind& kind = this->kind(id);
    const std::vector<TensorId>& inputs = graph_[id].inputs;
    Asked asked;
    asked.has_key = true;
    const auto add_buffer = [&](BufferId buffer) {
        asked.key.push_back(place_in(asked.subjects.buffers, buffer));
        asked.key.push_back(movement_.number_of_valid(buffer));
        asked.has_key = asked.has_key && asked.key.back() >= 0 && emitter_.may_repeat(buffer);
    };
    for (std::size_t argument = 0; argument < inputs.size(); ++argument) {
        const TensorId tensor = inputs[argument];
        const std::size_t instance = layout_.instance_for(tensor, kind.inputs[argument].rule);
        asked.key.push_back(number_of(tensor));
        asked.key.push_back(place_in(asked.subjects.tensors, tensor));
        asked.key.push_back(static_cast<std::int32_t>(instance));
        asked.key.push_back(is_brought_now(tensor) ? 1 : 0);
        add_buffer(emitter_.buffer_of(tensor, 0));
        if (instance > 0) add_buffer(emitter_.buffer_of(tensor, instance));
    }
    return asked;
}

/// The same for tensors of which the rank owns the same, made in the same tiles.
std::int32_t Repeats::number_of(TensorId id) {
    const Tensor& tensor = graph_[id];
    if (tensor.kind != Tensor::Kind::computed) return -1 - id.value;
    Kind& producer = kind(tensor.producer);
    if (producer.outputs.empty()) number_outputs(producer);
    const std::vector<TensorId>& outputs = graph_[tensor.producer].outputs;
    return producer.outputs[static_cast<std::size_t>(std::find(outputs.begin(), outputs.end(), id) - outputs.begin())];
}

/// Copies of what a fold makes are not cut along tiles, nor where there is one.
void Repeats::number_outputs(Kind& producer) {
    const Operation& operation = graph_[producer.first];
    const std::vector<Tile>& tiles = layout_.tiles[producer.first.index()];
    for (std::size_t output = 0; output < operation.outputs.size(); ++output) {
        const TensorId id = operation.outputs[output];
        std::vector<Box> boxes = {Box::whole(graph_[id].shape), owned_box(graph_, plan_, id, layout_.rank)};
        for (const Tile& tile : tiles) {
            if (!operation.kernel->is_fold() && tiles.size() > 1)
                boxes.push_back(touched_box(operation.bound->writes[output], tile.box, graph_[id].shape));
        }
        const auto known = std::find(made_boxes_.begin(), made_boxes_.end(), boxes);
        producer.outputs.push_back(static_cast<std::int32_t>(known - made_boxes_.begin()));
        if (known == made_boxes_.end()) made_boxes_.push_back(std::move(boxes));
    }
}

void Repeats::learn(OperationId id, const Asked& asked, std::size_t first) {
    Kind& kind = this->kind(id);
    const std::size_t count = emitter_.emitted() - first;
    if (kind.gatherings.size() == most_gatherings || instructions_ + count > most_instructions) return;
    std::optional<Stretch> stretch = emitter_.stretch_from(first, asked.subjects);
    if (!stretch) return;
    Gathering learnt{asked.key, std::move(*stretch), {}};
    for (const BufferId buffer : asked.subjects.buffers) {
        learnt.valid.push_back(movement_.number_of_valid(buffer));
        if (learnt.valid.back() < 0) return;
    }
    instructions_ += count;
    kind.gatherings.push_back(std::move(learnt));
}

// --- Kernels ---------------------------------------------------------------------------------------------------------

void Repeats::compute(OperationId id) {
    if (layout_.chained[id.index()]) return;  // where its chain ends
    const std::vector<OperationId>& chain = layout_.chains[id.index()];
    if (compute_again(chain.empty() ? std::span(&id, 1) : std::span(chain))) return;
    if (chain.empty()) {
        kernels_.add(id);
    } else {
        kernels_.add_chain(chain);
    }
}

bool Repeats::compute_again(std::span<const OperationId> operations) {
    stretches_.clear();
    bool known = true;
    for (const OperationId id : operations) {
        Kind& kind = this->kind(id);
        known = (kind.has_stretch || make_stretch(kind)) && known;  // each counts that it has been here
        stretches_.push_back({&kind.stretch, {}, id != operations.front()});
    }
    for (std::size_t i = 0; i < operations.size(); ++i) {
        if (!known || !find_subjects(operations[i], stretches_[i].subjects)) return false;
    }
    if (!layout_.tiles[operations.back().index()].empty()) emitter_.repeat(stretches_);
    for (const OperationId id : operations) emitter_.add_flops(kind(id).flops);
    return true;
}

/// Not for the first operation of a kind: there may be no other one.
bool Repeats::make_stretch(Kind& kind) {
    const std::vector<Tile>& tiles = layout_.tiles[kind.first.index()];
    if (kind.computed++ == 0 || instructions_ + tiles.size() > most_instructions) return false;
    const Operation& operation = graph_[kind.first];
    const std::size_t outputs = operation.outputs.size();
    for (const Tile& tile : tiles) {
        Touched touched;
        Instruction compute = kernels_.compute(kind.first, tile, false, touched);
        compute.bytes = emitter_.bytes_in(touched);
        compute.tensor = TensorId(std::size_t{0});
        for (std::size_t i = 0; i < compute.arguments.size(); ++i) compute.arguments[i].buffer = BufferId(i);
        for (std::size_t i = 0; i < touched.reads.size(); ++i) {
            const auto argument = static_cast<std::size_t>(operation.bound->reads[i].argument);
            compute.reads.push_back({BufferId(outputs + argument), touched.reads[i].box});
        }
        for (std::size_t i = 0; i < touched.writes.size(); ++i)
            compute.writes.push_back({BufferId(i), touched.writes[i].box});
        kind.stretch.add(std::move(compute));
    }
    instructions_ += tiles.size();
    kind.has_stretch = true;
    return true;
}

/// The buffers of its outputs, then those of its inputs. False where they have no storage of their own, or it writes
/// what it reads.
bool Repeats::find_subjects(OperationId id, Subjects& subjects) {
    const Operation& operation = graph_[id];
    const Kind& kind = this->kind(id);
    subjects.operation = id;
    subjects.tensors.push_back(operation.outputs[0]);
    for (const TensorId output : operation.outputs) subjects.buffers.push_back(emitter_.buffer_of(output, 0));
    const std::size_t outputs = subjects.buffers.size();
    for (std::size_t i = 0; i < operation.inputs.size(); ++i) {
        const std::size_t instance = layout_.instance_for(operation.inputs[i], kind.inputs[i].rule);
        const BufferId buffer = emitter_.buffer_of(operation.inputs[i], instance);
        const auto written_end = subjects.buffers.begin() + outputs;
        if (std::find(subjects.buffers.begin(), written_end, buffer) != written_end) return false;
        subjects.buffers.push_back(buffer);
    }
    return std::ranges::all_of(subjects.buffers, [&](BufferId buffer) { return emitter_.may_repeat(buffer); });
}

// --- Outputs ---------------------------------------------------------------------------------------------------------

void Repeats::made(OperationId id) {
    const Operation& operation = graph_[id];
    std::vector<int>& known = kind(id).made;
    for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
        const TensorId tensor = operation.outputs[i];
        if (!movement_.has_numbers() || known.size() < operation.outputs.size()) {
            movement_.made(tensor, emitter_.step());
        } else {
            const std::size_t instances = layout_.instances_of(tensor).size();
            movement_.set_valid(emitter_.buffer_of(tensor, 0), known[i]);
            for (std::size_t instance = 1; instance < instances; ++instance)
                movement_.set_valid(emitter_.buffer_of(tensor, instance), Movement::nothing);
        }
    }
    if (!movement_.has_numbers() || !known.empty()) return;
    for (const TensorId tensor : operation.outputs)
        known.push_back(movement_.number_of_valid(emitter_.buffer_of(tensor, 0)));
    if (std::ranges::find(known, -1) != known.end()) known.clear();
}

}  // namespace maniple
