#include "plan/block_cost.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace maniple {

namespace {

// Rates of an ordinary node whose ranks share one network card. Only their ratios matter here.
constexpr double touch_ns_per_byte = 0.1;
constexpr double flop_ns = 0.1;
constexpr double latency_ns = 2000;
constexpr double message_ns_per_byte = 1;
/// What each piece of consecutive elements costs more, where a message is packed and unpacked, or a file is met.
constexpr double run_ns = 2;
constexpr double file_ns_per_byte = 0.5;
constexpr double file_run_ns = 200;

/// Pieces of consecutive elements that `box` has in a block of `whole`.
double runs_in(const Box& box, const Box& whole) {
    double runs = static_cast<double>(box.volume());
    for (int axis = box.rank() - 1; axis >= 0 && runs > 0; --axis) {
        runs /= static_cast<double>(box.extent(axis));
        if (box.extent(axis) != whole.extent(axis)) break;
    }
    return runs;
}

class OperationCost {
public:
    OperationCost(const Graph& graph, const Plan& plan, const Expectation& expectation, OperationId id)
        : graph_(graph), plan_(plan), expectation_(expectation), id_(id), operation_(graph[id]),
          middle_(middle_of(plan[id].points)), times_(expectation.times[id.index()]) {}

    Cost find() {
        add_work();
        const Box points = points_of(graph_, plan_, id_, middle_);
        for (const BoundAccess& read : operation_.bound->reads) {
            if (!points.empty()) add_read(read, points);
        }
        add_combining();
        for (std::size_t i = 0; i < operation_.outputs.size(); ++i) add_output(i);
        return cost_;
    }

private:
    static Rank middle_of(const BlockGrid& grid) {
        std::vector<std::vector<int>> parts;
        for (const Cut& cut : grid.cuts) parts.push_back({cut.parts / 2});
        return grid.ranks_at(parts).front();
    }

    void add_work() {
        const Box busiest = points_of(graph_, plan_, id_, plan_[id_].points.first);
        cost_.work += times_ * work_ns(graph_, operation_, static_cast<double>(busiest.volume()));
    }

    void add_read(const BoundAccess& read, const Box& points) {
        const TensorId input = operation_.inputs[static_cast<std::size_t>(read.argument)];
        const Tensor& tensor = graph_[input];
        const double element = static_cast<double>(size_of(tensor.dtype));
        const Box need = within(touched_box(read, points, tensor.shape), tensor.shape);
        if (need.empty()) return;
        if (tensor.kind != Tensor::Kind::computed && !tensor.in_loop) {
            if (tensor.kind != Tensor::Kind::input) return;
            cost_.files += static_cast<double>(need.volume()) * element * file_ns_per_byte +
                           runs_in(need, Box::whole(tensor.shape)) * file_run_ns;
            return;
        }
        const Box have = expected_box(input).value_or(core_of(read, points, tensor.shape));
        add_message(need, have, element);
    }

    /// Inside of the tensor; beyond its ends where these are another rank's other end.
    Box within(Box need, const Shape& shape) const {
        for (int axis = 0; axis < shape.rank(); ++axis) {
            const bool periodic = !operation_.boundary.empty() &&
                                  operation_.boundary[static_cast<std::size_t>(axis)] == Boundary::periodic;
            const bool cut = need.extent(axis) < shape[axis];
            if (periodic && cut) continue;
            need.lo[axis] = std::max<std::int64_t>(need.lo[axis], 0);
            need.hi[axis] = std::min(need.hi[axis], shape[axis]);
        }
        return need;
    }

    static Box core_of(const BoundAccess& read, const Box& points, const Shape& shape) {
        BoundAccess core = read;
        for (AxisMap& map : core.axes) map.lo = map.hi = (map.lo + map.hi) / 2;
        return touched_box(core, points, shape);
    }

    /// Where the middle rank's part of a tensor is, or will be; nothing is known of a tensor that can be where it suits.
    std::optional<Box> expected_box(TensorId id) const {
        const TensorId made = graph_[id].kind == Tensor::Kind::computed ? id : computed_source(graph_, id);
        if (made.valid() && expectation_.placed[graph_[made].producer.index()])
            return owned_box(graph_, plan_, id, middle_);
        const auto& grid = expectation_.grids[static_cast<std::size_t>(expectation_.classes[id])];
        if (!grid) return std::nullopt;
        return grid->block(Box::whole(graph_[id].shape), middle_);
    }

    void add_message(const Box& need, const Box& have, double element) {
        Region missing(need);
        missing.subtract(have);
        double neighbours = 1;
        for (int axis = 0; axis < need.rank() && !have.empty(); ++axis) {
            const auto extent = static_cast<double>(have.extent(axis));
            const auto below = static_cast<double>(std::max<std::int64_t>(0, have.lo[axis] - need.lo[axis]));
            const auto above = static_cast<double>(std::max<std::int64_t>(0, need.hi[axis] - have.hi[axis]));
            neighbours *= 1 + std::ceil(below / extent) + std::ceil(above / extent);
        }
        if (!have.empty()) neighbours -= 1;
        neighbours = std::min(neighbours, static_cast<double>(plan_.ranks));
        if (missing.empty()) return;
        cost_.messages += times_ * latency_ns * std::max(1.0, neighbours);
        for (const Box& box : missing.boxes()) {
            const double runs = runs_in(box, bounding(need, have));
            cost_.bytes += times_ * (static_cast<double>(box.volume()) * element * message_ns_per_byte + runs * run_ns);
        }
    }

    void add_combining() {
        const OperationPlacement& placement = plan_[id_];
        if (!placement.combines || operation_.bound->index_space().empty()) return;
        const Rank first = placement.points.first;
        const auto group = static_cast<unsigned>(combining_ranks(graph_, plan_, id_, first).size());
        const Box results = results_of(graph_, plan_, id_, first);
        const double state_bytes = static_cast<double>(operation_.kernel->types[operation_.types].state_bytes);
        const bool tree = placement.finishers == 1;
        const double rounds = tree ? std::bit_width(group - 1) : static_cast<double>(group);
        cost_.messages += times_ * latency_ns * rounds;
        cost_.bytes += times_ * message_ns_per_byte * rounds * static_cast<double>(results.volume()) * state_bytes;
    }

    /// Results that are expected elsewhere, and those that go to a file.
    void add_output(std::size_t number) {
        const TensorId id = operation_.outputs[number];
        const Tensor& tensor = graph_[id];
        const double element = static_cast<double>(size_of(tensor.dtype));
        const Box owned = owned_box(graph_, plan_, id, middle_);
        const auto& grid = expectation_.grids[static_cast<std::size_t>(expectation_.classes[id])];
        if (grid && !tensor.readers.empty()) {
            const Box expected = grid->block(Box::whole(tensor.shape), middle_);
            if (!expected.empty()) add_message(expected, owned, element);
        }
        cost_.files += expectation_.written[id.index()] * runs_in(owned, Box::whole(tensor.shape)) * file_run_ns;
    }

    const Graph& graph_;
    const Plan& plan_;
    const Expectation& expectation_;
    OperationId id_;
    const Operation& operation_;
    Rank middle_;
    double times_;
    Cost cost_;
};

/// How often each operation has to be computed: in every step what is carried needs, else when it is looked at.
std::vector<double> times_of(const Graph& graph) {
    const auto steps = static_cast<double>(graph.steps);
    std::vector<double> needed(graph.tensors.size(), 0);
    const auto need = [&](TensorId id, double times) { needed[id.index()] = std::max(needed[id.index()], times); };
    for (const Carry& carry : graph.carries) need(carry.value, steps);
    if (graph.until.valid()) need(graph.until, steps / static_cast<double>(graph.check));
    for (const GraphOutput& output : graph.outputs)
        need(output.tensor, output.every > 0 ? steps / static_cast<double>(output.every) : 1);
    std::vector<double> times(graph.operations.size(), 0);
    for (std::size_t i = graph.operations.size(); i-- > 0;) {
        const Operation& operation = graph.operations[i];
        for (const TensorId output : operation.outputs) times[i] = std::max(times[i], needed[output.index()]);
        if (!operation.in_loop) times[i] = std::min(times[i], 1.0);
        for (const TensorId input : operation.inputs) need(input, times[i]);
    }
    return times;
}

}  // namespace

Expectation nothing_placed(const Graph& graph) {
    Expectation expectation;
    expectation.placed.resize(graph.operations.size(), false);
    expectation.classes = find_classes(graph);
    expectation.grids.resize(expectation.classes.members.size());
    expectation.times = times_of(graph);
    expectation.written.resize(graph.tensors.size(), 0);
    for (const GraphOutput& output : graph.outputs) {
        expectation.written[output.tensor.index()] +=
            output.every > 0 ? static_cast<double>(graph.steps / output.every) : 1;
    }
    return expectation;
}

Cost& Cost::operator+=(const Cost& other) {
    work += other.work;
    bytes += other.bytes;
    messages += other.messages;
    files += other.files;
    return *this;
}

double work_ns(const Graph& graph, const Operation& operation, double points) {
    double bytes = 0;
    for (const TensorId input : operation.inputs) bytes += static_cast<double>(size_of(graph[input].dtype));
    for (const TensorId output : operation.outputs) bytes += static_cast<double>(size_of(graph[output].dtype));
    return points * (bytes * touch_ns_per_byte + operation.kernel->flops_per_point * flop_ns);
}

double message_ns(double bytes) { return bytes > 0 ? latency_ns + bytes * message_ns_per_byte : 0; }

Cost cost_of(const Graph& graph, const Plan& plan, const Expectation& expectation, OperationId operation) {
    return OperationCost(graph, plan, expectation, operation).find();
}

}  // namespace maniple
