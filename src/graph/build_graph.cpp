#include <algorithm>
#include <exception>
#include <map>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "graph/expression_builder.hpp"
#include "graph/graph.hpp"
#include "graph/order.hpp"
#include "graph/prune.hpp"
#include "graph/scope.hpp"
#include "graph/supported.hpp"

namespace maniple {

namespace {

/// Builds a graph entry by entry; an entry with an error is dropped, and so, silently, is what uses it.
class GraphBuilder {
public:
    GraphBuilder(const Job& job, const Catalogue& catalogue, const KernelRegistry& registry)
        : job_(job), catalogue_(catalogue), scope_(job), expressions_(graph_, scope_, registry) {}

    Graph build() {
        graph_.name = job_.name;
        graph_.loop = job_.loop.has_value();
        graph_.steps = job_.loop ? job_.loop->steps : 1;
        for (const InputSpec& input : job_.inputs) add_input(input);
        for (const std::size_t entry : order_entries(job_))
            guarded([&] { return add_entry(job_.graph[entry]); }, job_.graph[entry].names);
        for (const NameList& list : job_.after) add_controls(list);
        for (const PlaceSpec& spec : job_.places) pin(spec);
        if (job_.loop) add_loop(*job_.loop);
        for (std::size_t i = 0; i < job_.outputs.size(); ++i) guarded([&] { return add_output(i); }, {});
        if (!errors_.empty()) throw JobError(by_place(std::move(errors_)));
        if (unavailable_) std::rethrow_exception(unavailable_);
        warn_unused();
        return prune(std::move(graph_));
    }

    /// The errors of a job of which some names are broken. Outputs are left out: what can be wrong with them is known.
    std::vector<Diagnostic> errors_beside(const std::set<std::string>& broken) {
        for (const std::string& name : broken) scope_.define_failed(name);
        for (const InputSpec& input : job_.inputs) {
            if (!broken.contains(input.name)) add_input(input);
        }
        for (const std::size_t number : order_entries(job_)) {
            const GraphEntry& entry = job_.graph[number];
            const bool whole = std::none_of(entry.names.begin(), entry.names.end(),
                                            [&](const std::string& name) { return broken.contains(name); });
            if (whole && !entry.names.empty()) guarded([&] { return add_entry(entry); }, entry.names);
        }
        return std::move(errors_);
    }

private:
    void add_loop(const LoopSpec& loop) {
        for (const CarrySpec& carry : loop.carry) guarded([&] { return add_carry(carry); }, {});
        if (!loop.until) return;
        graph_.check = loop.check;
        guarded(
            [&] {
                if (uses_failed(*loop.until)) return false;
                graph_.until = expressions_.condition(*loop.until, "until");
                return true;
            },
            {});
    }

    void warn_unused() {
        const std::vector<bool> needed = needed_tensors(graph_);
        const auto is_needed = [&](const std::string& name) {
            const ExpressionValue* value = scope_.find(name);
            const TensorId* id = value == nullptr ? nullptr : std::get_if<TensorId>(value);
            return id == nullptr || needed[id->index()];
        };
        for (const InputSpec& input : job_.inputs) {
            if (!is_needed(input.name)) warn(input.place, "input '" + input.name + "' is used by no output");
        }
        for (const std::string& name : job_.unused_constants)
            warn(job_.constant_places.at(name), "constant '" + name + "' is never used");
        for (const GraphEntry& entry : job_.graph) {
            if (std::none_of(entry.names.begin(), entry.names.end(), is_needed))
                warn(entry.name_places[0], "'" + entry.names[0] + "' is used by no output: it is not computed");
        }
        std::stable_sort(graph_.warnings.begin(), graph_.warnings.end(), [](const Diagnostic& a, const Diagnostic& b) {
            return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
        });
    }

    void warn(const Place& place, std::string message) {
        graph_.warnings.push_back({place, std::move(message), {}, {}, true});
    }

    /// The operations of one entry wait for those of others.
    void add_controls(const NameList& list) {
        const auto [first, end] = operations_of_[list.name];
        for (const std::string& name : list.after) {
            const auto [other_first, other_end] = operations_of_[name];
            for (std::size_t i = first; i < end; ++i) {
                for (std::size_t k = other_first; k < other_end; ++k)
                    graph_.operations[i].after.push_back(OperationId(k));
            }
        }
    }

    /// The operations of one entry are computed on the lane that `place:` names.
    void pin(const PlaceSpec& spec) {
        const auto [first, end] = operations_of_[spec.name];
        const LanePin::Lane lane = spec.lane == "cpu" ? LanePin::Lane::cpu : LanePin::Lane::gpu;
        for (std::size_t i = first; i < end; ++i) graph_.operations[i].pin = {lane, spec.device, spec.lane_place};
    }

    /// Runs `add`; an error of the job file is kept and `names` count as failed.
    template <class Add>
    void guarded(Add&& add, const std::vector<std::string>& names) {
        try {
            if (add()) return;
        } catch (const JobError& error) {
            errors_.insert(errors_.end(), error.diagnostics().begin(), error.diagnostics().end());
        } catch (const UnavailableError&) {
            // What is wrong in the job comes first: it stays wrong when this is built in.
            if (!unavailable_) unavailable_ = std::current_exception();
        }
        for (const std::string& name : names) scope_.define_failed(name);
    }

    void add_input(const InputSpec& spec) {
        Tensor tensor;
        tensor.name = spec.name;
        tensor.place = spec.place;
        if (spec.from) {
            const InputFacts* facts = catalogue_.find(spec.name);
            MANIPLE_CHECK(facts != nullptr, "input " + spec.name + " is not in the catalogue");
            tensor.kind = Tensor::Kind::input;
            tensor.input = static_cast<int>(facts - catalogue_.inputs.data());
            tensor.shape = facts->shape;
            tensor.dtype = spec.dtype.value_or(facts->dtype);
            tensor.attributes_from = tensor.input;
            for (int axis = 0; axis < tensor.shape.rank(); ++axis) tensor.axes.push_back({tensor.input, axis});
        } else {
            tensor.kind = Tensor::Kind::fill;
            tensor.fill = *spec.fill;
            tensor.dtype = spec.dtype.value_or(spec.fill->kind == Fill::Kind::iota ? DType::i64 : DType::f32);
            for (const std::int64_t extent : *spec.shape) tensor.shape.push_back(extent);
            tensor.axes.resize(static_cast<std::size_t>(tensor.shape.rank()));
        }
        guarded(
            [&] {
                scope_.define(spec.name, expressions_.add_tensor(std::move(tensor)));
                return true;
            },
            {spec.name});
    }

    /// False if it uses a name whose definition failed.
    bool add_entry(const GraphEntry& entry) {
        if (uses_failed(entry.expression)) return false;
        const std::size_t first = graph_.operations.size();
        std::vector<ExpressionValue> values = expressions_.evaluate(entry.expression, entry.names[0]);
        if (is_carried(entry.expression)) {
            // A name of its own keeps the value that the input has in this step, also after the carry.
            values[0] = expressions_.copied(std::get<TensorId>(values[0]), entry.names[0], entry.name_places[0]);
        }
        for (const std::string& name : entry.names) operations_of_[name] = {first, graph_.operations.size()};
        if (values.size() != entry.names.size()) {
            throw JobError(entry.name_places[0], "'" + entry.expression.name + "' gives " +
                                                     std::to_string(values.size()) +
                                                     (values.size() == 1 ? " tensor" : " tensors") + ", found " +
                                                     std::to_string(entry.names.size()) + " names");
        }
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (const TensorId* id = std::get_if<TensorId>(&values[i]);
                id != nullptr && graph_[*id].kind == Tensor::Kind::computed) {
                if (entry.expression.kind == Expression::Kind::call) graph_.tensors[id->index()].name = entry.names[i];
            }
            scope_.define(entry.names[i], values[i]);
        }
        return true;
    }

    /// Whether `expression` is the bare name of an input that the loop carries.
    bool is_carried(const Expression& expression) const {
        if (expression.kind != Expression::Kind::name || !job_.loop) return false;
        const auto& carries = job_.loop->carry;
        return std::any_of(carries.begin(), carries.end(),
                           [&](const CarrySpec& carry) { return carry.input == expression.name; });
    }

    bool uses_failed(const Expression& expression) const {
        if (expression.kind == Expression::Kind::name && scope_.failed(expression.name)) return true;
        return std::any_of(expression.arguments.begin(), expression.arguments.end(),
                           [&](const Expression& argument) { return uses_failed(argument); });
    }

    bool add_carry(const CarrySpec& spec) {
        if (scope_.failed(spec.input) || scope_.failed(spec.value)) return false;
        const TensorId input = tensor_named(spec.input, spec.input_place);
        const TensorId value = tensor_named(spec.value, spec.value_place);
        const Tensor& from = graph_[value];
        const Tensor& to = graph_[input];
        if (from.shape != to.shape || from.dtype != to.dtype) {
            throw JobError(spec.value_place, "'" + spec.value + "' " + to_string(from.shape) + " " +
                                                 std::string(name_of(from.dtype)) + " cannot be carried into '" +
                                                 spec.input + "' " + to_string(to.shape) + " " +
                                                 std::string(name_of(to.dtype)) + ": shape and type must be equal");
        }
        graph_.carries.push_back({input, value});
        return true;
    }

    TensorId tensor_named(const std::string& name, const Place& place) {
        const ExpressionValue* value = scope_.find(name);
        if (value == nullptr) throw JobError(place, "unknown name '" + name + "'", nearest_word(name, scope_.names()));
        if (const TensorId* id = std::get_if<TensorId>(value)) return *id;
        const Number& number = std::get<Number>(*value);
        return expressions_.as_tensor(number, number.is_integer ? DType::i64 : DType::f64, place);
    }

    bool add_output(std::size_t number) {
        const OutputSpec& spec = job_.outputs[number];
        if (scope_.failed(spec.name)) return false;
        GraphOutput output;
        output.spec = number;
        output.every = spec.every.value_or(0);
        output.tensor = tensor_named(spec.name, spec.place);
        // A series is written before the carry, so it shows the input as this step found it.
        if (const Carry* carry = graph_.carry_of(output.tensor); carry != nullptr && output.every == 0)
            output.after_carry = carry->value;
        graph_.outputs.push_back(output);
        return true;
    }

    const Job& job_;
    const Catalogue& catalogue_;
    Scope scope_;
    Graph graph_;
    ExpressionBuilder expressions_;
    std::map<std::string, std::pair<std::size_t, std::size_t>> operations_of_;  ///< of each entry: first and end
    std::vector<Diagnostic> errors_;
    std::exception_ptr unavailable_;  ///< the first thing that is not built in yet
};

}  // namespace

std::vector<Diagnostic> find_graph_errors(const JobReading& reading, const Catalogue& catalogue,
                                          const KernelRegistry& registry) {
    if (!reading.names_known) return {};
    try {
        return GraphBuilder(reading.job, catalogue, registry).errors_beside(reading.broken);
    } catch (const JobError& cycle) {
        // A name that is defined twice may close a cycle that is none.
        return reading.broken.empty() ? cycle.diagnostics() : std::vector<Diagnostic>{};
    }
}

Graph build_graph(const Job& job, const Catalogue& catalogue, const KernelRegistry& registry) {
    refuse_unsupported(job);
    return GraphBuilder(job, catalogue, registry).build();
}

const Carry* Graph::carry_of(TensorId input) const {
    const auto found =
        std::find_if(carries.begin(), carries.end(), [&](const Carry& carry) { return carry.input == input; });
    return found == carries.end() ? nullptr : &*found;
}

double Operation::flops() const { return kernel->flops_per_point * static_cast<double>(bound->index_space().volume()); }

}  // namespace maniple
