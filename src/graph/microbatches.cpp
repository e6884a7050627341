#include "graph/microbatches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace maniple {

namespace {

class Rewriter {
public:
    Rewriter(const Graph& graph, const Batch& batch, const MicrobatchOrder& order)
        : graph_(graph), batch_(batch), order_(order), whole_(graph.tensors.size()), pieces_(graph.tensors.size()),
          copies_(graph.operations.size()) {
        for (const int column : order.column_of) {
            const auto count = static_cast<std::size_t>(column) + 1;
            if (before_.size() < count) before_.resize(count);
        }
        result_.graph.name = graph.name;
        result_.graph.steps = graph.steps;
        result_.graph.loop = graph.loop;
        result_.graph.check = graph.check;
        result_.graph.warnings = graph.warnings;
    }

    MicrobatchedGraph rewrite() {
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
            if (graph_.tensors[i].kind == Tensor::Kind::computed) continue;
            if (order_.splits_inputs && is_read_by_rows(TensorId(i))) {
                for (int number = 0; number < order_.microbatches; ++number) {
                    Tensor piece = graph_.tensors[i];
                    piece.microbatch = number;
                    pieces_[i].push_back(add_tensor(std::move(piece)));
                }
            } else {
                whole_[i] = add_tensor(graph_.tensors[i]);
            }
        }
        for (int phase = 0; phase < batch_.phases; ++phase) add_phase(phase);
        for (const GraphOutput& output : graph_.outputs) {
            result_.graph.outputs.push_back(
                {whole(output.tensor), whole(output.after_carry), output.spec, output.every});
        }
        for (const Carry& carry : graph_.carries)
            result_.graph.carries.push_back({whole(carry.input), whole(carry.value)});
        result_.graph.until = whole(graph_.until);
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) link_pieces(TensorId(i));
        return std::move(result_);
    }

private:
    TensorId whole(TensorId id) const { return id.valid() ? whole_[id.index()] : id; }

    TensorId add_tensor(Tensor tensor) {
        tensor.readers.clear();
        result_.graph.tensors.push_back(std::move(tensor));
        return TensorId(result_.graph.tensors.size() - 1);
    }

    OperationId add_operation(Operation operation, OperationId original) {
        const OperationId id(result_.graph.operations.size());
        for (const TensorId input : operation.inputs) {
            std::vector<OperationId>& readers = result_.graph.tensors[input.index()].readers;
            if (readers.empty() || readers.back() != id) readers.push_back(id);
        }
        for (const TensorId output : operation.outputs) result_.graph.tensors[output.index()].producer = id;
        result_.graph.operations.push_back(std::move(operation));
        result_.origins.push_back({original, 0});
        copies_[original.index()].push_back(id);
        return id;
    }

    void add_phase(int phase) {
        std::vector<std::vector<OperationId>> by_stage(order_.column_of.size());
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            if (batch_.phase[i] != phase) continue;
            if (batch_.has(OperationId(i))) {
                by_stage[static_cast<std::size_t>(order_.stage_of[i])].emplace_back(i);
            } else {
                add_whole(OperationId(i));
            }
        }
        for (const MicrobatchTask& task : order_.tasks[static_cast<std::size_t>(phase)])
            add_task(task, by_stage[static_cast<std::size_t>(task.stage)]);
        for (const std::vector<OperationId>& operations : by_stage) {
            for (const OperationId id : operations) {
                for (const TensorId output : graph_[id].outputs) {
                    if (batch_.is_joined[output.index()]) add_join(output);
                }
            }
        }
    }

    /// Whether an input is nothing but rows for the batch's operations.
    bool is_read_by_rows(TensorId id) const {
        const auto is_it = [&](TensorId other) { return other == id; };
        for (const GraphOutput& output : graph_.outputs) {
            if (is_it(output.tensor) || is_it(output.after_carry)) return false;
        }
        for (const Carry& carry : graph_.carries) {
            if (is_it(carry.input) || is_it(carry.value)) return false;
        }
        const std::vector<OperationId>& readers = graph_[id].readers;
        return !is_it(graph_.until) && std::all_of(readers.begin(), readers.end(), [&](OperationId reader) {
            const std::vector<TensorId>& inputs = graph_[reader].inputs;
            for (std::size_t argument = 0; argument < inputs.size(); ++argument) {
                if (is_it(inputs[argument]) && !batch_.by_rows[reader.index()][argument]) return false;
            }
            return true;
        });
    }

    /// The copies of what an operation comes `after`.
    std::vector<OperationId> controls(const Operation& operation) const {
        std::vector<OperationId> after;
        for (const OperationId other : operation.after) {
            const std::vector<OperationId>& all = copies_[other.index()];
            after.insert(after.end(), all.begin(), all.end());
        }
        return after;
    }

    void add_whole(OperationId id) {
        Operation operation = graph_[id];
        for (TensorId& input : operation.inputs) input = whole(input);
        for (TensorId& output : operation.outputs) {
            const TensorId original = output;
            output = whole_[original.index()] = add_tensor(graph_[original]);
        }
        operation.after = controls(operation);
        if (operation.twin_of.valid()) operation.twin_of = copies_[operation.twin_of.index()].front();
        add_operation(std::move(operation), id);
    }

    OperationId add_piece(OperationId id, int microbatch) {
        Operation operation = graph_[id];
        const auto number = static_cast<std::size_t>(microbatch);
        BoundSignature::Index& index =
            operation.bound.edit().indices[static_cast<std::size_t>(batch_.index[id.index()])];
        const Rows rows = rows_of(batch_.rows, order_.microbatches, microbatch);
        index.from = rows.first;
        index.to = rows.end;
        for (std::size_t argument = 0; argument < operation.inputs.size(); ++argument) {
            TensorId& input = operation.inputs[argument];
            const std::vector<TensorId>& pieces = pieces_[input.index()];
            input = batch_.by_rows[id.index()][argument] && !pieces.empty() ? pieces[number] : whole(input);
        }
        for (TensorId& output : operation.outputs) {
            Tensor piece = graph_[output];
            piece.microbatch = microbatch;
            std::vector<TensorId>& pieces = pieces_[output.index()];
            pieces.resize(static_cast<std::size_t>(order_.microbatches));
            output = pieces[number] = add_tensor(std::move(piece));
        }
        operation.after = controls(operation);
        if (operation.twin_of.valid()) operation.twin_of = newest_of(operation.twin_of);
        return add_operation(std::move(operation), id);
    }

    /// The copy of `id` in the task that is being added.
    OperationId newest_of(OperationId id) const { return copies_[id.index()].back(); }

    void add_task(const MicrobatchTask& task, const std::vector<OperationId>& operations) {
        const std::size_t first = result_.graph.operations.size();
        for (const OperationId id : operations) add_piece(id, task.microbatch);
        const std::size_t end = result_.graph.operations.size();
        std::array<std::vector<OperationId>, 2> last;  // those that nobody in the task reads, by in_loop
        const auto column = static_cast<std::size_t>(order_.column_of[static_cast<std::size_t>(task.stage)]);
        for (std::size_t i = first; i < end; ++i) {
            Operation& operation = result_.graph.operations[i];
            const std::size_t loop = operation.in_loop ? 1 : 0;
            const bool begins = std::none_of(operation.inputs.begin(), operation.inputs.end(), [&](TensorId input) {
                const OperationId producer = result_.graph[input].producer;
                return producer.valid() && producer.index() >= first &&
                       result_.graph[producer].in_loop == operation.in_loop;
            });
            if (begins)
                operation.after.insert(operation.after.end(), before_[column][loop].begin(),
                                       before_[column][loop].end());
            if (is_last(operation, end)) last[loop].emplace_back(i);
        }
        for (const std::size_t loop : {0, 1}) {
            if (!last[loop].empty()) before_[column][loop] = last[loop];
        }
    }

    bool is_last(const Operation& operation, std::size_t end) const {
        return std::all_of(operation.outputs.begin(), operation.outputs.end(), [&](TensorId output) {
            const std::vector<OperationId>& readers = result_.graph[output].readers;
            return std::none_of(readers.begin(), readers.end(), [&](OperationId reader) {
                return reader.index() < end && result_.graph[reader].in_loop == operation.in_loop;
            });
        });
    }

    void add_join(TensorId id) {
        const Tensor& tensor = graph_[id];
        const Operation& producer = graph_[tensor.producer];
        Operation join = copying_operation(graph_, id);
        join.name = producer.name;
        join.joins = true;
        BoundSignature& bound = join.bound.edit();
        BoundAccess access = bound.writes[0];
        join.inputs = pieces_[id.index()];
        for (int number = 0; number < order_.microbatches; ++number) {
            const Rows rows = rows_of(batch_.rows, order_.microbatches, number);
            access.argument = number;
            access.first_row = rows.first;
            access.end_row = rows.end;
            bound.reads.push_back(access);
        }
        join.outputs = {whole_[id.index()] = add_tensor(tensor)};
        add_operation(std::move(join), tensor.producer);
        copies_[tensor.producer.index()].pop_back();
        const auto output = std::find(producer.outputs.begin(), producer.outputs.end(), id);
        result_.origins.back().output = static_cast<std::size_t>(output - producer.outputs.begin());
    }

    int column_of(OperationId id) const {
        return order_.column_of[static_cast<std::size_t>(order_.stage_of[id.index()])];
    }

    /// How many pieces of what is handed on have memory. What comes back to the ranks that made it, which do one task after
    /// the other, is there no longer than their order says: more memory would not let them go on sooner. What others read
    /// as well has a second piece, so that one can be made while the one before is on its way.
    int depth_of(TensorId id) const {
        const Tensor& tensor = graph_[id];
        const int column = column_of(tensor.producer);
        const bool one_phase = std::all_of(tensor.readers.begin(), tensor.readers.end(), [&](OperationId reader) {
            return batch_.phase[reader.index()] == batch_.phase[tensor.producer.index()];
        });
        if (!one_phase || tensor.readers.empty() || column_of(tensor.readers.back()) != column) return order_.depth;
        const bool is_sent = std::any_of(tensor.readers.begin(), tensor.readers.end(),
                                         [&](OperationId reader) { return column_of(reader) != column; });
        return std::min(order_.depth, std::max(is_sent ? 2 : 1, most_alive(pieces_[id.index()])));
    }

    /// Of pieces that are made in their order, in the order of the graph.
    int most_alive(const std::vector<TensorId>& pieces) const {
        std::size_t most = 1, end = 0;
        for (std::size_t first = 0; first < pieces.size(); ++first) {
            const OperationId last_read = result_.graph[pieces[first]].readers.back();
            while (end < pieces.size() && result_.graph[pieces[end]].producer < last_read) ++end;
            most = std::max(most, end - first);
        }
        return static_cast<int>(most);
    }

    /// Says which piece each one follows, if all that read that one come before this one is made.
    void link_pieces(TensorId id) {
        const std::vector<TensorId>& pieces = pieces_[id.index()];
        const Tensor& tensor = graph_[id];
        if (pieces.empty() || tensor.kind != Tensor::Kind::computed || batch_.is_joined[id.index()]) return;
        const int stage = order_.stage_of[tensor.producer.index()];
        const bool stays = std::all_of(tensor.readers.begin(), tensor.readers.end(), [&](OperationId reader) {
            return order_.stage_of[reader.index()] == stage &&
                   batch_.phase[reader.index()] == batch_.phase[tensor.producer.index()];
        });
        const auto depth = static_cast<std::size_t>(stays ? 1 : depth_of(id));
        for (const TensorId piece : pieces) result_.graph.tensors[piece.index()].alive = static_cast<int>(depth);
        for (std::size_t number = depth; number < pieces.size(); ++number) {
            Tensor& piece = result_.graph.tensors[pieces[number].index()];
            const Tensor& earlier = result_.graph[pieces[number - depth]];
            const bool is_done = std::all_of(earlier.readers.begin(), earlier.readers.end(),
                                             [&](OperationId reader) { return reader < piece.producer; });
            if (is_done) piece.follows = pieces[number - depth];
        }
    }

    const Graph& graph_;
    const Batch& batch_;
    const MicrobatchOrder& order_;
    MicrobatchedGraph result_;
    std::vector<TensorId> whole_;                ///< by TensorId of the original
    std::vector<std::vector<TensorId>> pieces_;  ///< likewise, by microbatch
    std::vector<std::vector<OperationId>> copies_;
    std::vector<std::array<std::vector<OperationId>, 2>>
        before_;  ///< by column: the ends of its newest task, by in_loop
};

/// What an operation without code has in place of it, of every type.
const Kernel& copying_kernel() {
    static const Kernel kernel = [] {
        Kernel copy;
        copy.name = "copy";
        copy.documentation = "What is there already, somewhere else.";
        copy.signature = parse_signature("x[...] -> y[...]");
        for (const DType type :
             {DType::f32, DType::f64, DType::f16, DType::i32, DType::i64, DType::u8, DType::u32, DType::boolean}) {
            KernelTypes types;
            types.inputs = types.outputs = {type};
            types.exact = true;
            copy.types.push_back(types);
        }
        copy.exact = true;
        return copy;
    }();
    return kernel;
}

/// The number of `type` among its types.
std::size_t copying_types(DType type) {
    const std::vector<KernelTypes>& types = copying_kernel().types;
    const auto found =
        std::find_if(types.begin(), types.end(), [&](const KernelTypes& each) { return each.inputs.front() == type; });
    return static_cast<std::size_t>(found - types.begin());
}

}  // namespace

Operation copying_operation(const Graph& graph, TensorId of) {
    const Tensor& tensor = graph[of];
    const Operation& producer = graph[tensor.producer];
    Operation copy;
    copy.name = tensor.name;
    copy.kernel = &copying_kernel();
    copy.types = copying_types(tensor.dtype);
    copy.in_loop = producer.in_loop;
    copy.place = producer.place;
    BoundSignature bound;
    BoundAccess access;
    access.leading = tensor.shape.rank();
    for (int axis = 0; axis < tensor.shape.rank(); ++axis) {
        bound.indices.push_back({fmt::format("i{}", axis), tensor.shape[axis], false, false});
        access.axes.push_back({{{axis, 1}}, 0, 0, false});
    }
    bound.ellipsis = true;
    bound.ellipsis_axes = tensor.shape.rank();
    bound.writes = {access};
    copy.bound = std::move(bound);
    return copy;
}

Rows rows_of(std::int64_t rows, int count, int number) {
    const std::int64_t each = rows / count, longer = rows % count;
    const std::int64_t first = number * each + std::min<std::int64_t>(number, longer);
    return {first, first + each + (number < longer ? 1 : 0)};
}

MicrobatchedGraph in_microbatches(const Graph& graph, const Batch& batch, const MicrobatchOrder& order) {
    return Rewriter(graph, batch, order).rewrite();
}

}  // namespace maniple
