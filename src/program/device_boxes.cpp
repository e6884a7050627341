#include "program/device_boxes.hpp"

#include <algorithm>
#include <set>

#include "program/halo.hpp"

namespace maniple {

namespace {

class DeviceBoxFinder {
public:
    DeviceBoxFinder(const Graph& graph, const Plan& plan, const Layout& layout)
        : graph_(graph), plan_(plan), layout_(layout) {
        for (std::size_t family = 0; family < layout.versions.families.size(); ++family) {
            const int rank = graph[layout.versions.families[family].head].shape.rank();
            const std::vector<Box> none(static_cast<std::size_t>(layout.lanes.memory_count()), Box::nothing(rank));
            boxes_.emplace_back(layout.instances[family].size(), none);
        }
    }

    DeviceBoxes find() {
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            for (const Tile& tile : layout_.tiles[i]) add_tile(graph_.operations[i], reach_of(OperationId(i), tile));
            for (const FinishShare& share : layout_.finishes[i]) add_finish(OperationId(i), share);
        }
        for (std::size_t family = 0; family < boxes_.size(); ++family) add_repeated(family);
        return std::move(boxes_);
    }

private:
    Box& box_in(TensorId tensor, std::size_t instance, int memory) {
        const auto family = static_cast<std::size_t>(layout_.versions[tensor].family);
        return boxes_[family][instance][static_cast<std::size_t>(memory)];
    }

    /// What the tile's lane may have to compute.
    Tile reach_of(OperationId id, const Tile& tile) const {
        if (!layout_.recuttable[id.index()]) return tile;
        return {points_of(graph_, plan_, id, layout_.rank), 0, tile.lane};
    }

    void add_finish(OperationId id, const FinishShare& share) {
        const Operation& operation = graph_[id];
        const Box kept = layout_.recuttable[id.index()]
                             ? kept_of_points(operation, points_of(graph_, plan_, id, layout_.rank))
                             : share.kept;
        add_writes(operation, points_over_kept(operation, kept), share.lane);
    }

    void add_tile(const Operation& operation, const Tile& tile) {
        const int memory = layout_.lanes.memory_of(tile.lane);
        if (memory == 0) return;
        for (const BoundAccess& access : operation.bound->reads) {
            const TensorId tensor = operation.inputs[static_cast<std::size_t>(access.argument)];
            const std::size_t instance = layout_.instance_for(tensor, rule_of(operation, access.argument));
            Box& box = box_in(tensor, instance, memory);
            box = bounding(box, touched_box(access, tile.box, graph_[tensor].shape));
        }
        if (!operation.kernel->is_fold()) add_writes(operation, tile.box, tile.lane);
    }

    void add_writes(const Operation& operation, const Box& points, int lane) {
        const int memory = layout_.lanes.memory_of(lane);
        if (memory == 0) return;
        for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
            const TensorId tensor = operation.outputs[i];
            Box& box = box_in(tensor, 0, memory);
            box = bounding(box, touched_box(operation.bound->writes[i], points, graph_[tensor].shape));
        }
    }

    /// Elements inside the tensor that a clamped halo repeats.
    void add_repeated(std::size_t family) {
        const Shape& shape = graph_[layout_.versions.families[family].head].shape;
        for (std::size_t instance = 0; instance < boxes_[family].size(); ++instance) {
            const BoundaryRule& rule = layout_.instances[family][instance].rule;
            if (rule.empty()) continue;
            for (Box& box : boxes_[family][instance]) {
                if (box.empty()) continue;
                Box all = box;
                for (const HaloPiece& piece : halo_pieces(box, shape, rule)) {
                    if (piece.kind == HaloPiece::Kind::clamp) all = bounding(all, piece.source);
                }
                box = all;
            }
        }
    }

    const Graph& graph_;
    const Plan& plan_;
    const Layout& layout_;
    DeviceBoxes boxes_;
};

/// By TensorId: whether the host sees it.
std::vector<bool> leaving_tensors(const Graph& graph, const Layout& layout) {
    std::vector<bool> leaves(graph.tensors.size(), false);
    const auto leave = [&](TensorId id) {
        if (id.valid()) leaves[id.index()] = true;
    };
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) leaves[i] = graph.tensors[i].kind != Tensor::Kind::computed;
    leave(graph.until);
    for (const Operation& operation : graph.operations) {
        for (const ElementDomain& domain : operation.domains)
            leave(operation.inputs[static_cast<std::size_t>(domain.argument)]);  // checked by the cpu
        if (!operation.twin_of.valid()) continue;
        for (const TensorId output : operation.outputs) leave(output);
        for (const TensorId output : graph[operation.twin_of].outputs) leave(output);
    }
    for (const GraphOutput& output : graph.outputs) {
        leave(output.tensor);
        leave(output.after_carry);
    }
    for (const CarryCopy& copy : layout.versions.copies) {
        leave(copy.input);
        leave(copy.value);
    }
    return leaves;
}

}  // namespace

DeviceBoxes find_device_boxes(const Graph& graph, const Plan& plan, const Layout& layout) {
    return DeviceBoxFinder(graph, plan, layout).find();
}

std::vector<bool> find_what_stays_on_a_gpu(const Graph& graph, const Plan& plan, const Layout& layout) {
    std::vector<bool> stays(layout.versions.families.size(), false);
    if (plan.ranks > 1 || layout.lanes.gpus.empty()) return stays;
    const std::vector<bool> leaves = leaving_tensors(graph, layout);
    std::vector<std::set<int>> lanes(stays.size());
    std::vector<bool> leave(stays.size(), false);
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const auto family = static_cast<std::size_t>(layout.versions[TensorId(i)].family);
        leave[family] = leave[family] || leaves[i];
        if (leave[family]) continue;
        const auto add_lanes = [&](OperationId id) {
            for (const Tile& tile : layout.tiles[id.index()]) lanes[family].insert(tile.lane);
            for (const FinishShare& share : layout.finishes[id.index()]) lanes[family].insert(share.lane);
        };
        add_lanes(graph.tensors[i].producer);
        for (const OperationId reader : graph.tensors[i].readers) add_lanes(reader);
    }
    for (std::size_t family = 0; family < stays.size(); ++family)
        stays[family] =
            !leave[family] && lanes[family].size() == 1 && layout.lanes.memory_of(*lanes[family].begin()) > 0;
    return stays;
}

Box points_over_kept(const Operation& operation, const Box& kept) {
    const int rank = static_cast<int>(operation.bound->indices.size());
    Box points{Extents(rank, 0), Extents(rank, 1)};
    const auto indices = operation.bound->kept();
    for (std::size_t i = 0; i < indices.size(); ++i) {
        points.lo[indices[i]] = kept.lo[static_cast<int>(i)];
        points.hi[indices[i]] = kept.hi[static_cast<int>(i)];
    }
    return points;
}

Box kept_of_points(const Operation& operation, const Box& points) {
    Box kept;
    for (const int index : operation.bound->kept()) {
        kept.lo.push_back(points.lo[index]);
        kept.hi.push_back(points.hi[index]);
    }
    return kept;
}

}  // namespace maniple
