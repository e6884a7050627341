#include "graph/call.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

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

bool boolean_of(const Value& value) {
    if (value.kind == Value::Kind::word && (value.word == "true" || value.word == "false")) return value.word == "true";
    throw JobError(value.place, "expected true or false");
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

class ParameterReader {
public:
    ParameterReader(const Kernel& kernel, const Scope& scope) : kernel_(kernel), scope_(scope) {}

    void read(const Expression::Parameter& given) {
        const KernelParameter* parameter = kernel_.parameter(given.name);
        if (parameter == nullptr) unknown(given);
        if (std::find(seen_.begin(), seen_.end(), given.name) != seen_.end()) {
            throw JobError(given.place, "parameter '" + given.name + "' is given twice");
        }
        seen_.push_back(given.name);
        store(*parameter, given.value);
    }

    /// Defaults for what was not given, in the kernel's order.
    CallParameters finish(const Expression& call) {
        for (const KernelParameter& parameter : kernel_.parameters) {
            const bool given = std::find(seen_.begin(), seen_.end(), parameter.name) != seen_.end();
            if (!given && parameter.required) {
                throw JobError(call.place, kernel_.name + " needs its parameter '" + parameter.name +
                                               "': " + parameter.name + "=…");
            }
            if (!given && (parameter.type == Type::integer)) {
                result_.integers.emplace_back(parameter.name, parameter.default_value.integer);
            }
            if (parameter.type == Type::dtype || parameter.type == Type::axes || parameter.type == Type::boundary || parameter.name == "keepdims")
                continue;
            result_.values.push_back(given ? given_[parameter.name] : parameter.default_value);
        }
        return std::move(result_);
    }

private:
    [[noreturn]] void unknown(const Expression::Parameter& given) const {
        std::vector<std::string> known;
        for (const KernelParameter& parameter : kernel_.parameters) known.push_back(parameter.name);
        throw JobError(given.place,
                       known.empty() ? kernel_.name + " takes no parameters, found '" + given.name + "'"
                                     : kernel_.name + " has no parameter '" + given.name + "', expected one of " +
                                           join(known, ", "),
                       nearest_word(given.name, known));
    }

    void store(const KernelParameter& parameter, const Value& value) {
        maniple_parameter stored{};
        switch (parameter.type) {
            case Type::real: stored.real = number_of(value, scope_).real; break;
            case Type::integer:
                stored.integer = integer_of(value, scope_);
                result_.integers.emplace_back(parameter.name, stored.integer);
                break;
            case Type::boolean:
                stored.integer = boolean_of(value) ? 1 : 0;
                if (parameter.name == "keepdims") result_.keepdims = stored.integer != 0;
                break;
            case Type::dtype: throw UnavailableError(value.place, "dtype= is not built in yet");
            case Type::axes: store_axes(value); break;
            case Type::boundary: store_boundary(value); break;
        }
        given_[parameter.name] = stored;
    }

    void store_axes(const Value& value) {
        result_.all_axes = false;
        result_.axes_place = value.place;
        if (value.kind != Value::Kind::list) {
            result_.axes = {integer_of(value, scope_)};
            return;
        }
        for (const Value& item : value.list) result_.axes.push_back(integer_of(item, scope_));
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

bool holds(DType type, const Number& number) {
    if (is_floating(type)) return true;
    if (!number.is_integer) return false;
    switch (type) {
        case DType::i32:
            return number.integer >= std::numeric_limits<std::int32_t>::min() &&
                   number.integer <= std::numeric_limits<std::int32_t>::max();
        case DType::u8: return number.integer >= 0 && number.integer <= 255;
        case DType::u32: return number.integer >= 0 && number.integer <= std::numeric_limits<std::uint32_t>::max();
        case DType::boolean: return number.integer == 0 || number.integer == 1;
        default: return true;
    }
}

/// The type that all numbers of a call take: that of the tensors, or i64 or f64 among themselves.
DType adapted_type(const std::vector<ArgumentType>& arguments) {
    std::optional<DType> common;
    bool reals = false;
    for (const ArgumentType& argument : arguments) {
        if (!argument.dtype) {
            reals = reals || !argument.number.is_integer;
            continue;
        }
        if (common && *common != *argument.dtype) {
            throw UnavailableError(argument.place,
                                   "'" + argument.text + "' is " + std::string(name_of(*argument.dtype)) + " beside " +
                                       std::string(name_of(*common)) +
                                       ": mixed element types are not built in yet; give the inputs one `dtype:`");
        }
        common = argument.dtype;
    }
    if (!common) return reals ? DType::f64 : DType::i64;
    return *common;
}

std::string known_types(const Kernel& kernel) {
    std::vector<std::string> names;
    for (const KernelTypes& types : kernel.types) {
        if (types.inputs.empty()) continue;
        std::string name(name_of(types.inputs[0]));
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return join(names, ", ");
}

}  // namespace

CallParameters read_parameters(const Expression& call, const Kernel& kernel, const Scope& scope) {
    ParameterReader reader(kernel, scope);
    for (const Expression::Parameter& given : call.parameters) reader.read(given);
    return reader.finish(call);
}

std::size_t choose_types(const Kernel& kernel, const std::vector<ArgumentType>& arguments, const Place& kernel_place) {
    const DType type = adapted_type(arguments);
    for (const ArgumentType& argument : arguments) {
        if (argument.dtype || holds(type, argument.number)) continue;
        if (!argument.number.is_integer) {
            throw UnavailableError(argument.place, "a real number beside " + std::string(name_of(type)) +
                                                       " tensors gives f64: conversions are not built in yet");
        }
        throw JobError(argument.place, "the number " + std::to_string(argument.number.integer) + " does not fit " +
                                           std::string(name_of(type)));
    }
    for (std::size_t i = 0; i < kernel.types.size(); ++i) {
        const auto& inputs = kernel.types[i].inputs;
        if (std::all_of(inputs.begin(), inputs.end(), [&](DType input) { return input == type; })) return i;
    }
    const bool real_only = std::none_of(kernel.types.begin(), kernel.types.end(), [](const KernelTypes& types) {
        return !types.inputs.empty() && !is_floating(types.inputs[0]);
    });
    const std::string hint = real_only && !is_floating(type) ? "; read the input with `dtype: f32`" : "";
    throw JobError(
        arguments.empty() ? kernel_place : arguments[0].place,
        kernel.name + " does not take " + std::string(name_of(type)) + ", it takes " + known_types(kernel) + hint);
}

}  // namespace maniple
