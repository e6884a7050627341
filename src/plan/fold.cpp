#include "plan/fold.hpp"

#include <algorithm>

namespace maniple {

namespace {

/// What other operations have made of what an operation reads; each once.
std::vector<TensorId> computed_inputs(const Graph& graph, const Operation& operation) {
    std::vector<TensorId> computed;
    for (const TensorId input : operation.inputs) {
        const bool known = std::find(computed.begin(), computed.end(), input) != computed.end();
        if (!known && graph[input].kind == Tensor::Kind::computed) computed.push_back(input);
    }
    return computed;
}

/// Each element of its result needs of what has been computed only the elements at the same coordinates.
bool is_elementwise(const Graph& graph, const Operation& operation) {
    const std::vector<BoundAccess>& reads = operation.bound->reads;
    return std::all_of(reads.begin(), reads.end(), [&](const BoundAccess& read) {
        const TensorId input = operation.inputs[static_cast<std::size_t>(read.argument)];
        return graph[input].kind != Tensor::Kind::computed || read.axes == operation.bound->writes[0].axes;
    });
}

/// Whether to part an operation from the one `before` it would be odd: it alone reads what that one makes, and either goes
/// on with that alone element by element (an activation), or that one only brings together what it needs (a sum of two
/// branches).
bool goes_on_with(const Graph& graph, const Operation& operation, OperationId before) {
    const std::vector<TensorId> computed = computed_inputs(graph, operation);
    if (computed.size() != 1 || graph[computed[0]].producer != before) return false;
    const std::vector<OperationId>& readers = graph[computed[0]].readers;
    const auto others = std::count_if(readers.begin(), readers.end(),
                                      [&](OperationId reader) { return !graph[reader].twin_of.valid(); });
    if (others > 1) return false;
    const Operation& maker = graph[before];
    return is_elementwise(graph, operation) ||
           (computed_inputs(graph, maker).size() > 1 && is_elementwise(graph, maker));
}

class Folding {
public:
    Folding(const Graph& graph, const std::vector<double>& times, const std::vector<double>& work)
        : graph_(graph), step_of_(graph.operations.size()) {
        for (std::size_t i = 0; i < graph.operations.size(); ++i) {
            const Operation& operation = graph.operations[i];
            if (operation.twin_of.valid()) {
                step_of_[i] = step_of_[operation.twin_of.index()];
                continue;
            }
            const bool joins = !steps_.empty() && goes_on_with(graph, operation, steps_.back().operations.back());
            if (!joins) {
                steps_.emplace_back();
                work_.push_back(0);
            }
            steps_.back().operations.emplace_back(i);
            work_.back() += work[i];
            step_of_[i] = steps_.size() - 1;
        }
        find_crossings(times);
    }

    std::vector<FoldStep> take_all() {
        std::vector<FoldStep> taken;
        taken.reserve(steps_.size());
        std::size_t first = 0, end = steps_.size();
        double crossing = 0, work_first = 0, work_end = 0;  // of what is taken
        while (first < end) {
            const double at_first = take(first);
            bool from_end = false;
            double more = at_first;
            if (first + 1 < end) {
                give_back(first);
                const double at_end = take(end - 1);
                from_end = at_end < at_first || (at_end == at_first && work_end < work_first);
                if (from_end) {
                    more = at_end;
                } else {
                    give_back(end - 1);
                    take(first);
                }
            }
            const std::size_t number = from_end ? --end : first++;
            (from_end ? work_end : work_first) += work_[number];
            FoldStep& step = steps_[number];
            taken.push_back({std::move(step.operations), from_end, crossing});
            crossing += more;
        }
        return taken;
    }

private:
    /// A tensor that several steps meet in.
    struct Crossing {
        double bytes = 0;
        std::size_t maker = 0;
        std::size_t readers = 0;  ///< steps
        std::size_t taken = 0;    ///< of them
        bool is_maker_taken = false;

        double now() const {
            const bool crosses = is_maker_taken ? taken < readers : taken > 0;
            return crosses ? bytes : 0;
        }
    };

    void find_crossings(const std::vector<double>& times) {
        met_by_.resize(steps_.size());
        std::vector<std::size_t> readers;
        for (const Tensor& tensor : graph_.tensors) {
            if (tensor.kind != Tensor::Kind::computed) continue;
            const std::size_t maker = step_of_[tensor.producer.index()];
            readers.clear();
            for (const OperationId reader : tensor.readers) {
                const std::size_t step = step_of_[reader.index()];
                if (step != maker) readers.push_back(step);
            }
            std::sort(readers.begin(), readers.end());
            readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
            if (readers.empty()) continue;
            met_by_[maker].push_back(crossings_.size());
            for (const std::size_t reader : readers) met_by_[reader].push_back(crossings_.size());
            const double bytes = static_cast<double>(tensor.bytes()) * times[tensor.producer.index()];
            crossings_.push_back({bytes, maker, readers.size(), 0, false});
        }
    }

    /// By how much more crosses then.
    double take(std::size_t step) {
        double more = 0;
        for (const std::size_t met : met_by_[step]) {
            Crossing& crossing = crossings_[met];
            more -= crossing.now();
            if (crossing.maker == step) {
                crossing.is_maker_taken = true;
            } else {
                ++crossing.taken;
            }
            more += crossing.now();
        }
        return more;
    }

    void give_back(std::size_t step) {
        for (const std::size_t met : met_by_[step]) {
            Crossing& crossing = crossings_[met];
            if (crossing.maker == step) {
                crossing.is_maker_taken = false;
            } else {
                --crossing.taken;
            }
        }
    }

    const Graph& graph_;
    std::vector<double> work_;          ///< by step
    std::vector<FoldStep> steps_;       ///< in the graph's order
    std::vector<std::size_t> step_of_;  ///< by OperationId
    std::vector<Crossing> crossings_;
    std::vector<std::vector<std::size_t>> met_by_;  ///< by step: of crossings_
};

}  // namespace

std::vector<FoldStep> fold_steps(const Graph& graph, const std::vector<double>& times,
                                 const std::vector<double>& work) {
    return Folding(graph, times, work).take_all();
}

}  // namespace maniple
