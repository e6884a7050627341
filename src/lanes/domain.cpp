#include "lanes/domain.hpp"

#include <fmt/format.h>

#include <cstring>

namespace maniple {

namespace {

template <class Integer>
std::int64_t loaded(const std::byte* at) {
    Integer value;
    std::memcpy(&value, at, sizeof value);
    return static_cast<std::int64_t>(value);
}

std::int64_t integer_at(DType type, const std::byte* at) {
    switch (type) {
        case DType::i32: return loaded<std::int32_t>(at);
        case DType::i64: return loaded<std::int64_t>(at);
        case DType::u8: return loaded<std::uint8_t>(at);
        case DType::u32: return loaded<std::uint32_t>(at);
        default: broken_invariant(__FILE__, __LINE__, "a domain of " + std::string(name_of(type)));
    }
}

}  // namespace

void check_domain(const Graph& graph, const Operation& operation, const ElementDomain& domain,
                  const ConstBlock& elements, const Box& box) {
    const auto argument = static_cast<std::size_t>(domain.argument);
    const Tensor& tensor = graph[operation.inputs[argument]];
    const std::string name = operation.kernel->signature.input_names()[argument];
    for_each_coordinate(box, [&](const Extents& at) {
        const std::int64_t value = integer_at(tensor.dtype, elements.at(at));
        if (value >= domain.from && value < domain.to) return;
        throw KernelError(
            operation.place,
            fmt::format("{} of '{}' finds {} at {} of its argument {}, '{}', expected {} to {} (in the box "
                        "{} on the cpu lane)",
                        operation.kernel->name, operation.name, value, to_string(at), name, tensor.name, domain.from,
                        domain.to - 1, to_string(box)));
    });
}

}  // namespace maniple
