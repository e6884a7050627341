#include "program/layout.hpp"

#include <algorithm>

#include "program/halo.hpp"
#include "program/tiles.hpp"

namespace maniple {

namespace {

/// Adds an axis in front: states are numbered along it.
Box with_parts(const Box& box, std::int64_t lo, std::int64_t hi) {
    Box result{Extents{lo}, Extents{hi}};
    for (int axis = 0; axis < box.rank(); ++axis) {
        result.lo.push_back(box.lo[axis]);
        result.hi.push_back(box.hi[axis]);
    }
    result.absent = box.absent;
    return result;
}

class LayoutBuilder {
public:
    LayoutBuilder(const Graph& graph, const Plan& plan, Rank rank) : graph_(graph), plan_(plan) {
        layout_.rank = rank;
        layout_.versions = find_versions(graph);
        layout_.instances.resize(layout_.versions.families.size());
        layout_.folds.resize(graph.operations.size());
    }

    Layout build() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            layout_.tiles.push_back(cut_tiles(graph_, plan_, layout_.versions, OperationId(i), layout_.rank));
        }
        for (std::size_t family = 0; family < layout_.versions.families.size(); ++family)
            add_family(static_cast<int>(family));
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (graph_.operations[i].kernel->is_fold()) add_fold(OperationId(i));
        }
        return std::move(layout_);
    }

private:
    BufferId add_buffer(std::string name, const Box& box, std::int64_t element_bytes) {
        if (checked_bytes(box.shape(), element_bytes) < 0)
            throw UnavailableError("'" + name + "' " + to_string(box) + " is too large");
        layout_.buffers.push_back({std::move(name), box, element_bytes, {}});
        return BufferId(layout_.buffers.size() - 1);
    }

    void add_family(int number) {
        const Family& family = layout_.versions.families[static_cast<std::size_t>(number)];
        std::vector<Instance>& instances = layout_.instances[static_cast<std::size_t>(number)];
        const int rank = graph_[family.head].shape.rank();
        instances.push_back({{}, Box::nothing(rank), {}});
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
            const TensorId tensor(i);
            if (layout_.versions[tensor].family != number) continue;
            grow(instances[0], owned_box(graph_, plan_, tensor, layout_.rank));
            if (tensor == graph_.until) grow(instances[0], Box::whole(graph_[tensor].shape));
            for (const OperationId reader : graph_[tensor].readers) add_reader(reader, tensor, instances);
        }
        for (const CarryCopy& copy : layout_.versions.copies) {
            if (layout_.versions[copy.value].family == number)
                grow(instances[0], owned_box(graph_, plan_, copy.input, layout_.rank));
        }
        for (std::size_t i = 0; i < instances.size(); ++i) allocate(instances[i], family, i);
    }

    static void grow(Instance& instance, const Box& box) { instance.box = bounding(instance.box, box); }

    void add_reader(OperationId reader, TensorId tensor, std::vector<Instance>& instances) {
        const Operation& operation = graph_[reader];
        for (const BoundAccess& access : operation.bound.reads) {
            if (operation.inputs[static_cast<std::size_t>(access.argument)] != tensor) continue;
            Instance& instance = instance_under(rule_of(operation, access.argument), instances);
            const Box points = points_of(graph_, plan_, reader, layout_.rank);
            if (!points.empty()) grow(instance, touched_box(access, points, graph_[tensor].shape));
        }
    }

    /// The first rule that occurs becomes instance 0's; a different one gets an instance of its own.
    static Instance& instance_under(const BoundaryRule& rule, std::vector<Instance>& instances) {
        if (rule.empty() || instances[0].rule == rule) return instances[0];
        if (instances[0].rule.empty()) {
            instances[0].rule = rule;
            return instances[0];
        }
        for (Instance& instance : instances) {
            if (instance.rule == rule) return instance;
        }
        instances.push_back({rule, Box::nothing(static_cast<int>(rule.size())), {}});
        return instances.back();
    }

    void allocate(Instance& instance, const Family& family, std::size_t number) {
        const Tensor& tensor = graph_[family.head];
        for (int slot = 0; slot < family.slots; ++slot) {
            std::string name = tensor.name;
            if (number > 0) name += "/" + std::to_string(number);
            if (family.slots > 1) name += "@" + std::to_string(slot);
            const BufferId id = add_buffer(name, instance.box, static_cast<std::int64_t>(size_of(tensor.dtype)));
            if (slot == 0) instance.first = id;
        }
    }

    void add_fold(OperationId id) {
        const Operation& operation = graph_[id];
        const std::int64_t bytes = operation.kernel->types[operation.types].state_bytes;
        const Box points = points_of(graph_, plan_, id, layout_.rank);
        const Box results = results_of(graph_, plan_, id, layout_.rank);
        FoldBuffers& fold = layout_.folds[id.index()];
        if (!points.empty()) {
            Box kept;
            for (const int index : operation.bound.kept()) {
                kept.lo.push_back(points.lo[index]);
                kept.hi.push_back(points.hi[index]);
            }
            int parts = 1;
            for (const Tile& tile : layout_.tiles[id.index()]) parts = std::max(parts, tile.contracted_part + 1);
            if (parts > 1) fold.tiles = add_buffer(operation.name + "/tile states", with_parts(kept, 0, parts), bytes);
            fold.own = add_buffer(operation.name + "/state",
                                  with_parts(kept, layout_.rank.value, layout_.rank.value + 1), bytes);
        }
        if (!results.empty() && plan_[id].combines) {
            fold.gathered =
                add_buffer(operation.name + "/gathered states", with_parts(results, 0, plan_[id].points.parts), bytes);
            fold.merged = add_buffer(operation.name + "/merged state", with_parts(results, 0, 1), bytes);
        }
    }

    const Graph& graph_;
    const Plan& plan_;
    Layout layout_;
};

}  // namespace

std::size_t Layout::instance_for(TensorId id, const BoundaryRule& rule) const {
    const std::vector<Instance>& all = instances_of(id);
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!rule.empty() && all[i].rule == rule) return i;
    }
    return 0;
}

std::int64_t Layout::total_bytes() const {
    std::int64_t bytes = 0;
    for (const BufferSpec& buffer : buffers) bytes += buffer.bytes();
    return bytes;
}

BoundaryRule rule_of(const Operation& operation, int argument) {
    if (operation.boundary.empty()) return {};
    BoundaryRule rule(operation.boundary.size(), Boundary::none);
    bool any = false;
    for (const BoundAccess& access : operation.bound.reads) {
        if (access.argument != argument) continue;
        for (std::size_t axis = 0; axis < access.axes.size(); ++axis) {
            if (access.axes[axis].lo >= access.axes[axis].hi) continue;
            rule[axis] = operation.boundary[axis];
            any = true;
        }
    }
    return any ? rule : BoundaryRule{};
}

std::vector<Box> needs_of(const Graph& graph, const Plan& plan, OperationId id, TensorId tensor,
                          const BoundaryRule& rule, Rank rank) {
    const Operation& operation = graph[id];
    const Box points = points_of(graph, plan, id, rank);
    std::vector<Box> needs;
    if (points.empty()) return needs;
    for (const BoundAccess& access : operation.bound.reads) {
        const bool matches = operation.inputs[static_cast<std::size_t>(access.argument)] == tensor &&
                             rule_of(operation, access.argument) == rule;
        if (matches) needs.push_back(touched_box(access, points, graph[tensor].shape));
    }
    return needs;
}

Layout build_layout(const Graph& graph, const Plan& plan, Rank rank) {
    return LayoutBuilder(graph, plan, rank).build();
}

}  // namespace maniple
