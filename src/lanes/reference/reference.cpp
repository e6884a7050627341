#include "lanes/reference/reference.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "lanes/arguments.hpp"
#include "lanes/domain.hpp"
#include "lanes/generate.hpp"

namespace maniple {

namespace {

/// A whole tensor, perhaps with a halo.
struct Field {
    Box box;
    std::size_t element_bytes = 0;
    TensorBytes bytes;

    Field() = default;
    Field(const Box& covered, std::size_t element) : box(covered), element_bytes(element) {
        bytes.resize(static_cast<std::size_t>(covered.volume()) * element);
    }
    Block block() { return {bytes.data(), element_bytes, box}; }
};

/// Where the element of a tensor of `shape` that stands for `at` is; false: it is zero.
bool resolve(Extents& at, const Shape& shape, const BoundaryRule& rule) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
        if (at[axis] >= 0 && at[axis] < shape[axis]) continue;
        switch (rule[static_cast<std::size_t>(axis)]) {
            case Boundary::clamp: at[axis] = std::clamp<std::int64_t>(at[axis], 0, shape[axis] - 1); break;
            case Boundary::periodic: at[axis] = ((at[axis] % shape[axis]) + shape[axis]) % shape[axis]; break;
            case Boundary::zero: return false;
            case Boundary::none:
                broken_invariant(__FILE__, __LINE__, "an element outside a tensor without a boundary rule");
        }
    }
    return true;
}

class ReferenceRun {
public:
    ReferenceRun(const Graph& graph, const InputLoader& load)
        : graph_(graph), fields_(graph.tensors.size()), outputs_(graph.outputs.size()) {
        for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
            const Tensor& tensor = graph.tensors[i];
            fields_[i] = Field(Box::whole(tensor.shape), size_of(tensor.dtype));
            if (tensor.kind == Tensor::Kind::input) fields_[i].bytes = load(tensor);
            if (tensor.kind == Tensor::Kind::fill || tensor.kind == Tensor::Kind::constant)
                generate(tensor, fields_[i].box, fields_[i].block());
        }
    }

    std::vector<TensorBytes> run() {
        for (std::int64_t step = 0; step < graph_.steps; ++step) {
            for (const Operation& operation : graph_.operations) compute(operation);
            const bool over = is_over(step);
            write_outputs(step, over);
            if (over) break;
            carry();
        }
        return std::move(outputs_);
    }

private:
    /// Argument `number` with every element that any access may reach, looked up one by one.
    Field padded(const Operation& operation, int number) {
        const TensorId id = operation.inputs[static_cast<std::size_t>(number)];
        const Tensor& tensor = graph_[id];
        Box reach = Box::whole(tensor.shape);
        for (const BoundAccess& access : operation.bound->reads) {
            if (access.argument == number)
                reach = bounding(reach, touched_box(access, operation.bound->index_space(), tensor.shape));
        }
        Field& whole = fields_[id.index()];
        Field result(reach, whole.element_bytes);
        for_each_coordinate(reach, [&](const Extents& at) {
            Extents source = at;
            std::byte* target = result.block().at(at);
            if (resolve(source, tensor.shape, operation.boundary)) {
                std::memcpy(target, whole.block().at(source), whole.element_bytes);
            } else {
                std::memset(target, 0, whole.element_bytes);
            }
        });
        return result;
    }

    void call(const Operation& operation, maniple_function function, const Box& points,
              const std::vector<maniple_tensor>& tensors) {
        maniple_call call = call_over(operation, points);
        std::int32_t violation = 0;
        call.tensors = tensors.data();
        call.parameters = operation.parameters.data();
        call.violation = &violation;
        function(&call);
        if (violation != 0) {
            throw KernelError(operation.kernel->name + " leaves the box that its signature declares, tensor " +
                              std::to_string(violation));
        }
    }

    void compute(const Operation& operation) {
        const maniple_variant* variant = operation.kernel->variant(operation.types, "checked");
        MANIPLE_CHECK(variant != nullptr, operation.kernel->name + " has no checked variant");
        for (const ElementDomain& domain : operation.domains) {
            Field& field = fields_[operation.inputs[static_cast<std::size_t>(domain.argument)].index()];
            check_domain(graph_, operation, domain, read_only(field.block()), field.box);
        }
        std::vector<Field> arguments;
        std::vector<maniple_tensor> inputs;
        for (std::size_t i = 0; i < operation.inputs.size(); ++i)
            arguments.push_back(padded(operation, static_cast<int>(i)));
        for (std::size_t i = 0; i < operation.inputs.size(); ++i)
            inputs.push_back(input_view(operation, static_cast<int>(i), arguments[i].block()));
        std::vector<maniple_tensor> outputs;
        for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
            outputs.push_back(
                output_view(operation, static_cast<int>(i), fields_[operation.outputs[i].index()].block()));
        }
        if (operation.kernel->is_fold()) {
            fold(operation, *variant, outputs, inputs);
        } else {
            outputs.insert(outputs.end(), inputs.begin(), inputs.end());
            call(operation, variant->compute, operation.bound->index_space(), outputs);
        }
    }

    void fold(const Operation& operation, const maniple_variant& variant, std::vector<maniple_tensor> outputs,
              const std::vector<maniple_tensor>& inputs) {
        Box results = operation.bound->index_space();
        Box state_box{Extents{0}, Extents{1}};
        for (int index = 0; index < results.rank(); ++index) {
            if (operation.bound->indices[static_cast<std::size_t>(index)].contracted) {
                results.hi[index] = 1;
            } else {
                state_box.lo.push_back(0);
                state_box.hi.push_back(results.hi[index]);
            }
        }
        Field states(state_box, static_cast<std::size_t>(variant.state_bytes));
        const maniple_tensor state = state_view(operation, states.block(), 0);
        call(operation, variant.init, results, {state});
        std::vector<maniple_tensor> tensors = {state};
        tensors.insert(tensors.end(), inputs.begin(), inputs.end());
        call(operation, variant.accumulate, operation.bound->index_space(), tensors);
        outputs.push_back(state);
        call(operation, variant.finish, results, outputs);
    }

    /// Whether `until` ends the loop after `step`.
    bool is_over(std::int64_t step) {
        if (!graph_.until.valid() || (step + 1) % graph_.check != 0) return false;
        return *fields_[graph_.until.index()].bytes.data() != std::byte{0};
    }

    void write_outputs(std::int64_t step, bool over) {
        for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
            const GraphOutput& output = graph_.outputs[i];
            const bool due = output.every > 0 ? (step + 1) % output.every == 0 : over || step + 1 == graph_.steps;
            if (!due) continue;
            const bool carried = output.after_carry.valid() && !over;
            const TensorBytes& bytes = fields_[(carried ? output.after_carry : output.tensor).index()].bytes;
            outputs_[i].insert(outputs_[i].end(), bytes.begin(), bytes.end());
        }
    }

    void carry() {
        std::vector<TensorBytes> values;
        for (const Carry& carry : graph_.carries) values.push_back(fields_[carry.value.index()].bytes);
        for (std::size_t i = 0; i < graph_.carries.size(); ++i)
            fields_[graph_.carries[i].input.index()].bytes = values[i];
    }

    const Graph& graph_;
    std::vector<Field> fields_;  ///< by TensorId
    std::vector<TensorBytes> outputs_;
};

}  // namespace

std::vector<TensorBytes> evaluate_reference(const Graph& graph, const InputLoader& load) {
    return ReferenceRun(graph, load).run();
}

}  // namespace maniple
