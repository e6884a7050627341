#include "graph/promotion.hpp"

#include <algorithm>
#include <limits>

#include "base/text.hpp"

namespace maniple {

namespace {

bool is_signed(DType type) { return type == DType::i32 || type == DType::i64; }

DType wider_float(DType a, DType b) {
    if (a == DType::f64 || b == DType::f64) return DType::f64;
    return a == DType::f32 || b == DType::f32 ? DType::f32 : DType::f16;
}

/// A float type holds u8 in f16; the other integers only f64 does.
DType float_for(DType integer) { return integer == DType::u8 ? DType::f16 : DType::f64; }

bool holds(DType type, std::int64_t value) {
    switch (type) {
        case DType::i32:
            return value >= std::numeric_limits<std::int32_t>::min() &&
                   value <= std::numeric_limits<std::int32_t>::max();
        case DType::u8: return value >= 0 && value <= 255;
        case DType::u32: return value >= 0 && value <= std::numeric_limits<std::uint32_t>::max();
        default: return true;
    }
}

using Arguments = std::vector<ArgumentType>;

/// One type for the arguments numbered `group`.
DType meeting_type(const Arguments& arguments, const std::vector<std::size_t>& group) {
    std::optional<DType> common;
    bool integers = false, reals = false;
    for (const std::size_t i : group) {
        if (arguments[i].dtype) {
            common = common ? result_type(*common, *arguments[i].dtype) : *arguments[i].dtype;
        } else {
            (arguments[i].number.is_integer ? integers : reals) = true;
        }
    }
    if (!common) return reals ? DType::f64 : DType::i64;
    if (reals && !is_floating(*common)) return DType::f64;
    return integers && *common == DType::boolean ? DType::i64 : *common;
}

void check_numbers(const Arguments& arguments, const std::vector<std::size_t>& group, DType type) {
    for (const std::size_t i : group) {
        const ArgumentType& argument = arguments[i];
        if (argument.dtype || !argument.number.is_integer || holds(type, argument.number.integer)) continue;
        throw JobError(argument.place, "the number " + std::to_string(argument.number.integer) + " does not fit " +
                                           std::string(name_of(type)) + ", the type of the tensors beside it");
    }
}

bool same_group(const Kernel& kernel, std::size_t a, std::size_t b) {
    return std::all_of(kernel.types.begin(), kernel.types.end(),
                       [&](const KernelTypes& types) { return types.inputs[a] == types.inputs[b]; });
}

bool takes_bool_only(const Kernel& kernel, std::size_t argument) {
    return std::all_of(kernel.types.begin(), kernel.types.end(),
                       [&](const KernelTypes& types) { return types.inputs[argument] == DType::boolean; });
}

/// The type that each argument is wanted in.
std::vector<DType> wanted_types(const Kernel& kernel, const Arguments& arguments) {
    std::vector<DType> wanted(arguments.size(), DType::boolean);
    std::vector<bool> done(arguments.size(), false);
    for (std::size_t first = 0; first < arguments.size(); ++first) {
        if (done[first] || takes_bool_only(kernel, first)) continue;
        std::vector<std::size_t> group;
        for (std::size_t i = first; i < arguments.size(); ++i) {
            if (same_group(kernel, first, i)) group.push_back(i);
        }
        const DType type = meeting_type(arguments, group);
        check_numbers(arguments, group, type);
        for (const std::size_t i : group) {
            wanted[i] = type;
            done[i] = true;
        }
    }
    return wanted;
}

/// The types that argument `number` may have, for a message.
std::string known_types(const Kernel& kernel, std::size_t number) {
    std::vector<std::string> names;
    for (const KernelTypes& types : kernel.types) {
        std::string name(name_of(types.inputs[number]));
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return join(names, ", ");
}

/// The first argument whose type no combination has; 0 where only the combination of several is unknown.
std::size_t culprit(const Kernel& kernel, const std::vector<DType>& wanted) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (std::none_of(kernel.types.begin(), kernel.types.end(),
                         [&](const KernelTypes& types) { return types.inputs[i] == wanted[i]; })) {
            return i;
        }
    }
    return 0;
}

[[noreturn]] void refuse(const Kernel& kernel, const Arguments& arguments, const std::vector<DType>& wanted,
                         const Place& kernel_place) {
    if (arguments.empty()) throw JobError(kernel_place, kernel.name + " has no such combination of types");
    const std::size_t number = culprit(kernel, wanted);
    const bool real_only = std::all_of(kernel.types.begin(), kernel.types.end(),
                                       [&](const KernelTypes& types) { return is_floating(types.inputs[number]); });
    std::string hint;
    if (real_only && !is_floating(wanted[number]))
        hint = arguments[number].dtype ? "; read the input with `dtype: f32`" : "; write the number with a point";
    throw JobError(arguments[number].place, kernel.name + " does not take " + std::string(name_of(wanted[number])) +
                                                ", it takes " + known_types(kernel, number) + hint);
}

}  // namespace

DType result_type(DType a, DType b) {
    if (a == b || b == DType::boolean) return a;
    if (a == DType::boolean) return b;
    if (is_floating(a) && is_floating(b)) return wider_float(a, b);
    if (is_floating(a)) return wider_float(a, float_for(b));
    if (is_floating(b)) return wider_float(b, float_for(a));
    if (a == DType::u8) return b;
    if (b == DType::u8) return a;
    // i32, i64, u32, and not the same one: only i64 holds both.
    return is_signed(a) || is_signed(b) ? DType::i64 : DType::u32;
}

std::size_t choose_types(const Kernel& kernel, const std::vector<ArgumentType>& arguments,
                         std::optional<DType> requested, const Place& kernel_place) {
    const std::vector<DType> wanted = wanted_types(kernel, arguments);
    for (std::size_t i = 0; i < kernel.types.size(); ++i) {
        const KernelTypes& types = kernel.types[i];
        if (types.inputs == wanted && (!requested || types.outputs[0] == *requested)) return i;
    }
    refuse(kernel, arguments, wanted, kernel_place);
}

}  // namespace maniple
