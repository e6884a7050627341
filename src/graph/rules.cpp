#include "graph/rules.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "job/values.hpp"

namespace maniple {

namespace {

using Step = Formula::Step;

std::size_t argument_of(const BindRequest& request, const std::string& tensor) {
    const std::vector<std::string> names = request.kernel->signature.input_names();
    const auto found = std::find(names.begin(), names.end(), tensor);
    MANIPLE_CHECK(found != names.end(), request.kernel->name + " has no input " + tensor);
    return static_cast<std::size_t>(found - names.begin());
}

std::int64_t integer_of(const BindRequest& request, const std::string& name) {
    for (const auto& [parameter, value] : request.integers) {
        if (parameter == name) return value;
    }
    broken_invariant(__FILE__, __LINE__, name + " is no integer parameter of " + request.kernel->name);
}

std::optional<double> find_real(const BindRequest& request, const std::string& name) {
    for (const auto& [parameter, value] : request.reals) {
        if (parameter == name) return value;
    }
    return std::nullopt;
}

/// Whether the condition is one of f64: it names a real parameter.
bool is_real(const BindRequest& request, const Condition& condition) {
    const auto names_real = [&](const Step& step) {
        return step.kind == Step::Kind::parameter && find_real(request, step.name).has_value();
    };
    return std::any_of(condition.left.steps.begin(), condition.left.steps.end(), names_real) ||
           std::any_of(condition.right.steps.begin(), condition.right.steps.end(), names_real);
}

/// "2.5", as a job has it.
std::string value_text(const BindRequest& request, const std::string& name) {
    const std::optional<double> real = find_real(request, name);
    return real ? text_of(Number{false, 0, *real}) : std::to_string(integer_of(request, name));
}

/// Where the axes of a formula begin: behind an ellipsis, if names follow it.
int first_named_axis(const BindRequest& request, const std::string& tensor, const Shape& shape) {
    for (const Access& access : request.kernel->signature.inputs) {
        if (access.tensor != tensor || !access.has_ellipsis() || access.subscripts.size() == 1) continue;
        return shape.rank() - static_cast<int>(access.named().size());
    }
    return 0;
}

FormulaScope scope_of(const BindRequest& request) {
    FormulaScope scope;
    scope.integer = [&](const std::string& name) { return integer_of(request, name); };
    scope.real = [&](const std::string& name) {
        const std::optional<double> real = find_real(request, name);
        return real ? *real : static_cast<double>(integer_of(request, name));
    };
    scope.extent = [&](const std::string& tensor, int axis) {
        const std::size_t argument = argument_of(request, tensor);
        const Shape& shape = request.inputs[argument];
        const int from = first_named_axis(request, tensor, shape) + axis;
        if (from >= 0 && from < shape.rank()) return shape[from];
        throw JobError(request.input_places[argument],
                       request.kernel->name + " needs axis " + std::to_string(axis) + " of its argument " + tensor +
                           ", '" + request.input_texts[argument] + "' has " + std::to_string(shape.rank()));
    };
    return scope;
}

const Place* place_of_parameter(const BindRequest& request, const std::string& name) {
    for (const auto& [parameter, place] : request.parameter_places) {
        if (parameter == name) return &place;
    }
    return nullptr;
}

/// Of the names in some formulas: where the call wrote the first of them, and their values as text.
struct Named {
    Place place;
    std::string values;
};

Named names_of(const BindRequest& request, const std::vector<const Formula*>& formulas) {
    std::optional<Place> place;
    std::vector<std::string> values;
    for (const Formula* const formula : formulas) {
        for (const Step& step : formula->steps) {
            std::string value;
            if (step.kind == Step::Kind::extent) {
                const std::size_t argument = argument_of(request, step.name);
                if (!place) place = request.input_places[argument];
                value = "'" + request.input_texts[argument] + "' " + to_string(request.inputs[argument]);
            } else if (step.kind == Step::Kind::parameter) {
                const Place* const written = place_of_parameter(request, step.name);
                if (!place && written != nullptr) place = *written;
                value = step.name + "=" + value_text(request, step.name);
            }
            const bool known = std::find(values.begin(), values.end(), value) != values.end();
            if (!value.empty() && !known) values.push_back(value);
        }
    }
    return {place.value_or(request.kernel_place), values.empty() ? "" : ", found " + join(values, ", ")};
}

[[noreturn]] void refuse(const BindRequest& request, const std::vector<const Formula*>& formulas,
                         const std::string& what) {
    const Named named = names_of(request, formulas);
    throw JobError(named.place, what + named.values);
}

std::int64_t value_of(const BindRequest& request, const Formula& formula, const std::string& what) {
    const std::optional<std::int64_t> value = evaluate_integer(formula, scope_of(request));
    if (!value) {
        refuse(request, {&formula}, what + " of " + request.kernel->name + ", " + formula.text + ", has no value");
    }
    return *value;
}

}  // namespace

void check_requirements(const BindRequest& request) {
    for (const Condition& condition : request.kernel->rules.requirements) {
        const FormulaScope scope = scope_of(request);
        const bool holds =
            is_real(request, condition) ? evaluate_real(condition, scope) : evaluate(condition, scope).value_or(false);
        if (holds) continue;
        refuse(request, {&condition.left, &condition.right}, request.kernel->name + " needs " + condition.text);
    }
}

std::int64_t extent_by_rule(const BindRequest& request, const std::string& index, const Formula& formula) {
    const std::int64_t extent = value_of(request, formula, "the extent of index " + index);
    if (extent >= 0) return extent;
    refuse(request, {&formula},
           "index " + index + " of " + request.kernel->name + " would have " + std::to_string(extent) + " elements, " +
               formula.text);
}

std::vector<ElementDomain> domains_of(const BindRequest& request) {
    std::vector<ElementDomain> domains;
    for (const KernelRules::Domain& domain : request.kernel->rules.domains) {
        const std::string what = "an end of the domain of " + domain.tensor;
        domains.push_back({static_cast<int>(argument_of(request, domain.tensor)),
                           value_of(request, domain.range.from, what), value_of(request, domain.range.to, what)});
    }
    return domains;
}

}  // namespace maniple
