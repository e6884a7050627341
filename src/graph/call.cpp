#include "graph/call.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace maniple {

namespace {

using Value = Expression::Value;
using Type = KernelParameter::Type;

Number number_of(const Value& value, const Scope& scope) {
    if (value.kind == Value::Kind::expression) return constant_value(value.expression.front(), scope);
    if (value.kind == Value::Kind::word) {
        Expression name;
        name.name = value.word;
        name.place = value.place;
        return constant_value(name, scope);
    }
    throw JobError(value.place, "found a list, expected a number");
}

std::int64_t integer_of(const Value& value, const Scope& scope) {
    const Number number = number_of(value, scope);
    if (!number.is_integer) throw JobError(value.place, "found a real number, expected an integer");
    return number.integer;
}

/// What divisions by 0 and overflows give is no value for a parameter.
double finite_number(const Value& value, const Scope& scope) {
    const double real = number_of(value, scope).real;
    if (std::isfinite(real)) return real;
    throw JobError(value.place,
                   "expected a finite number, found " + std::string(std::isnan(real) ? "NaN" : "infinity"));
}

bool boolean_of(const Value& value) {
    if (value.kind == Value::Kind::word && (value.word == "true" || value.word == "false")) return value.word == "true";
    const std::string found = value.kind == Value::Kind::word ? ", found '" + value.word + "'" : "";
    throw JobError(value.place, "expected true or false" + found);
}

Boundary boundary_of(const Value& value) {
    static const std::vector<std::string> words = {"clamp", "zero", "periodic"};
    if (value.kind != Value::Kind::word) throw JobError(value.place, "expected one of clamp, zero, periodic");
    const auto found = std::find(words.begin(), words.end(), value.word);
    if (found == words.end()) {
        throw JobError(value.place, "unknown boundary rule '" + value.word + "', expected one of clamp, zero, periodic",
                       nearest_word(value.word, words));
    }
    return static_cast<Boundary>(1 + (found - words.begin()));
}

DType dtype_of(const Value& value) {
    static const std::vector<std::string> words = {"f32", "f64", "f16", "i32", "i64", "u8", "u32", "bool"};
    const std::optional<DType> dtype = value.kind == Value::Kind::word ? parse_dtype(value.word) : std::nullopt;
    if (dtype) return *dtype;
    throw JobError(value.place, "expected an element type, one of " + join(words, ", "),
                   value.kind == Value::Kind::word ? nearest_word(value.word, words) : "");
}

class ParameterReader {
public:
    ParameterReader(const Kernel& kernel, const Scope& scope) : kernel_(kernel), scope_(scope) {}

    void read(const Expression::Parameter& given) {
        const KernelParameter* parameter = kernel_.parameter(given.name);
        if (parameter == nullptr) unknown(given);
        if (std::find(seen_.begin(), seen_.end(), given.name) != seen_.end()) {
            throw JobError(given.place, "parameter '" + given.name + "' is given twice");
        }
        if (parameter->value) unknown(given);
        seen_.push_back(given.name);
        result_.places.emplace_back(given.name, given.place);
        store(*parameter, given.value);
    }

    /// Defaults for what was not given, in the kernel's order.
    CallParameters finish(const Expression& call) {
        for (const KernelParameter& parameter : kernel_.parameters) {
            const bool given = std::find(seen_.begin(), seen_.end(), parameter.name) != seen_.end();
            if (parameter.value) given_[parameter.name] = computed_value(kernel_, parameter, result_.values);
            if (!given && parameter.required && !parameter.value) {
                throw JobError(call.place, kernel_.name + " needs its parameter '" + parameter.name +
                                               "': " + parameter.name + "=…");
            }
            if (!given && parameter.type == Type::integer)
                result_.integers.emplace_back(parameter.name, parameter.default_value.integer);
            if (!given && parameter.type == Type::real && !parameter.value)
                result_.reals.emplace_back(parameter.name, parameter.default_value.real);
            if (!parameter.seen_by_code()) continue;
            const bool has_value = given || parameter.value;
            result_.values.push_back(has_value ? given_[parameter.name] : parameter.default_value);
        }
        return std::move(result_);
    }

private:
    [[noreturn]] void unknown(const Expression::Parameter& given) const {
        std::vector<std::string> known;
        for (const KernelParameter& parameter : kernel_.parameters) {
            if (!parameter.value) known.push_back(parameter.name);
        }
        throw JobError(given.place,
                       known.empty() ? kernel_.name + " takes no parameters, found '" + given.name + "'"
                                     : kernel_.name + " has no parameter '" + given.name + "', expected one of " +
                                           join(known, ", "),
                       nearest_word(given.name, known));
    }

    void store(const KernelParameter& parameter, const Value& value) {
        maniple_parameter stored{};
        switch (parameter.type) {
            case Type::real:
                stored.real = finite_number(value, scope_);
                result_.reals.emplace_back(parameter.name, stored.real);
                break;
            case Type::integer:
                stored.integer = integer_of(value, scope_);
                result_.integers.emplace_back(parameter.name, stored.integer);
                break;
            case Type::boolean:
                stored.integer = boolean_of(value) ? 1 : 0;
                if (parameter.name == "keepdims") result_.keepdims = stored.integer != 0;
                break;
            case Type::axes: store_axes(value); break;
            case Type::boundary: store_boundary(value); break;
            case Type::dtype: result_.dtype = dtype_of(value); break;
            case Type::positions: result_.positions.push_back(positions_of(parameter.name, value)); break;
        }
        given_[parameter.name] = stored;
    }

    Positions positions_of(const std::string& name, const Value& value) const {
        Positions result{name, {}, {}, value.place};
        if (value.kind != Value::Kind::list) {
            result.values = {integer_of(value, scope_)};
            result.places = {value.place};
            return result;
        }
        for (const Value& item : value.list) {
            result.values.push_back(integer_of(item, scope_));
            result.places.push_back(item.place);
        }
        return result;
    }

    void store_axes(const Value& value) {
        result_.all_axes = false;
        if (value.kind != Value::Kind::list) {
            result_.axes = {integer_of(value, scope_)};
            result_.axes_places = {value.place};
            return;
        }
        for (const Value& item : value.list) {
            result_.axes.push_back(integer_of(item, scope_));
            result_.axes_places.push_back(item.place);
        }
    }

    void store_boundary(const Value& value) {
        result_.boundary_place = value.place;
        result_.boundary.clear();
        if (value.kind != Value::Kind::list) {
            result_.boundary = {boundary_of(value)};
            return;
        }
        result_.boundary_by_axis = true;
        for (const Value& item : value.list) result_.boundary.push_back(boundary_of(item));
    }

    const Kernel& kernel_;
    const Scope& scope_;
    std::vector<std::string> seen_;
    std::map<std::string, maniple_parameter> given_;
    CallParameters result_;
};

}  // namespace

maniple_parameter computed_value(const Kernel& kernel, const KernelParameter& parameter,
                                 std::span<const maniple_parameter> before) {
    FormulaScope scope;
    scope.real = [&](const std::string& name) {
        for (std::size_t i = 0; i < before.size(); ++i) {
            if (kernel.parameters[i].name != name) continue;
            const bool real = kernel.parameters[i].type == Type::real;
            return real ? before[i].real : static_cast<double>(before[i].integer);
        }
        broken_invariant(__FILE__, __LINE__, "no parameter " + name + " of " + kernel.name + " before another");
    };
    maniple_parameter result{};
    result.real = evaluate_real(*parameter.value, scope);
    return result;
}

CallParameters read_parameters(const Expression& call, const Kernel& kernel, const Scope& scope) {
    ParameterReader reader(kernel, scope);
    for (const Expression::Parameter& given : call.parameters) reader.read(given);
    return reader.finish(call);
}

}  // namespace maniple
