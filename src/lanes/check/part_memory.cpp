#include "lanes/check/part_memory.hpp"

#include <cstring>

namespace maniple {

namespace {

/// The smallest box with all of `boxes`; an axis that is read whole is there even if no point is.
Box extent_of(const std::vector<Box>& boxes, const std::vector<bool>& whole, const Shape& shape) {
    Box result = Box::nothing(shape.rank());
    for (const Box& box : boxes) result = bounding(result, box);
    if (!result.empty()) return result;
    result = Box(Extents(shape.rank()), Extents(shape.rank()));
    for (int axis = 0; axis < shape.rank(); ++axis) {
        if (whole[static_cast<std::size_t>(axis)]) result.hi[axis] = shape[axis];
    }
    return result;
}

}  // namespace

PartMemory::PartMemory(const Sample& sample, const SampleCut& cut, bool dense, Random& random)
    : sample_(sample), cut_(cut), types_(sample.operation.kernel->types[sample.operation.types]), seed_(random.next()) {
    for (const Box& points : cut.points) add_slab(points, dense, random);
    if (sample.operation.kernel->is_fold()) add_states(dense, random);
    for (std::size_t i = 0; i < sample.outputs.size(); ++i) {
        const DType type = types_.outputs[i];
        written_.push_back(touched_box(sample.operation.bound->writes[i], cut.kept, sample.outputs[i]));
        const std::vector<bool> fixed(static_cast<std::size_t>(sample.outputs[i].rank()), false);
        outputs_.emplace_back(written_.back(), size_of(type), type, fixed, dense, random);
    }
}

void PartMemory::add_slab(const Box& points, bool dense, Random& random) {
    Slab slab{points, {}, {}};
    for (std::size_t input = 0; input < sample_.inputs.size(); ++input) {
        const Shape& shape = sample_.inputs[input];
        std::vector<Box> reads;
        std::vector<bool> whole(static_cast<std::size_t>(shape.rank()), false);
        for (const BoundAccess& access : sample_.operation.bound->reads) {
            if (access.argument != static_cast<int>(input)) continue;
            for (std::size_t axis = 0; axis < whole.size(); ++axis)
                whole[axis] = whole[axis] || access.axes[axis].whole;
            reads.push_back(touched_box(access, points, shape));
        }
        const DType type = types_.inputs[input];
        slab.inputs.emplace_back(extent_of(reads, whole, shape), size_of(type), type, whole, dense, random);
        slab.reads.push_back(std::move(reads));
    }
    slabs_.push_back(std::move(slab));
}

void PartMemory::add_states(bool dense, Random& random) {
    state_box_ = Box{Extents{0}, Extents{1}};  // the number of the part
    for (const int index : sample_.operation.bound->kept()) {
        state_box_.lo.push_back(cut_.kept.lo[index]);
        state_box_.hi.push_back(cut_.kept.hi[index]);
    }
    std::vector<bool> fixed(static_cast<std::size_t>(state_box_.rank()), false);
    fixed[0] = true;
    const std::size_t states = slabs_.size() == 1 ? 1 : slabs_.size() + 1;
    for (std::size_t i = 0; i < states; ++i) {
        states_.emplace_back(state_box_, static_cast<std::size_t>(types_.state_bytes), std::nullopt, fixed, dense,
                             random);
    }
}

void PartMemory::fill(const std::vector<Field>& values, Pattern around, Pattern before) {
    Random seeds(seed_);
    for (Slab& slab : slabs_) {
        for (std::size_t input = 0; input < slab.inputs.size(); ++input) {
            slab.inputs[input].fill(around, seeds.next());
            for (const Box& box : slab.reads[input]) slab.inputs[input].put(values[input].block(), box);
            slab.inputs[input].remember();
        }
    }
    for (std::vector<GuardedBlock>* blocks : {&states_, &outputs_}) {
        for (GuardedBlock& block : *blocks) {
            block.fill(before, seeds.next());
            block.remember();
        }
    }
}

std::vector<KernelTask> PartMemory::tasks() {
    using Kind = KernelTask::Kind;
    std::vector<KernelTask> tasks;
    std::vector<Block> outputs;
    for (GuardedBlock& output : outputs_) outputs.push_back(output.block());
    const bool fold = sample_.operation.kernel->is_fold();
    for (std::size_t i = 0; i < slabs_.size(); ++i) {
        KernelTask task{fold ? Kind::accumulate : Kind::compute, slabs_[i].points, outputs, {}};
        if (fold) task.writes = {states_[i].block()};
        for (GuardedBlock& input : slabs_[i].inputs) task.reads.push_back(input.block());
        tasks.push_back(std::move(task));
    }
    if (!fold) return tasks;
    if (slabs_.size() > 1) {
        KernelTask merge{Kind::merge, cut_.kept, {states_.back().block()}, {}};
        for (std::size_t i = 0; i < slabs_.size(); ++i) merge.reads.push_back(states_[i].block());
        tasks.push_back(std::move(merge));
    }
    tasks.push_back({Kind::finish, cut_.kept, outputs, {states_.back().block()}});
    return tasks;
}

std::optional<std::string> PartMemory::changed_outside() const {
    const Signature& signature = sample_.operation.kernel->signature;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        if (outputs_[i].changed_outside({written_[i]})) return signature.output_names()[i];
    }
    for (const GuardedBlock& state : states_) {
        if (state.changed_outside({state_box_})) return "the states";
    }
    for (const Slab& slab : slabs_) {
        for (std::size_t i = 0; i < slab.inputs.size(); ++i) {
            if (slab.inputs[i].changed_outside({})) return signature.input_names()[i];
        }
    }
    return std::nullopt;
}

std::vector<Field> PartMemory::collect(const std::byte* (GuardedBlock::*element)(const Extents&) const) const {
    std::vector<Field> fields;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        Field field(written_[i], types_.outputs[i]);
        const Block block = field.block();
        for_each_coordinate(written_[i], [&](const Extents& at) {
            std::memcpy(block.at(at), (outputs_[i].*element)(at), block.element_bytes);
        });
        fields.push_back(std::move(field));
    }
    return fields;
}

}  // namespace maniple
