#include "lanes/generate.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "tensor/half.hpp"
#include "tensor/philox.hpp"

namespace maniple {

namespace {

/// Rounds once.
template <class T>
T as(double value) {
    return static_cast<T>(value);
}

struct Half {
    std::uint16_t bits;
};
template <>
Half as<Half>(double value) {
    return {half_of(value)};
}

template <class T>
T element_of(const Number& number) {
    if constexpr (std::is_same_v<T, bool>) {
        return number.is_integer ? number.integer != 0 : number.real != 0;
    } else if constexpr (std::is_integral_v<T>) {
        return static_cast<T>(number.integer);
    } else {
        return as<T>(number.real);
    }
}

/// i, modulo 2 to the bits of an integer type.
template <class T>
T ordinal(std::uint64_t i) {
    if constexpr (std::is_same_v<T, bool>) {
        return i != 0;
    } else if constexpr (std::is_same_v<T, float>) {
        return static_cast<float>(static_cast<std::int64_t>(i));
    } else if constexpr (std::is_integral_v<T>) {
        return static_cast<T>(i);
    } else {
        return as<T>(static_cast<double>(i));
    }
}

double he_deviation(const Shape& shape) {
    double product = 1;
    for (int axis = 0; axis + 1 < shape.rank(); ++axis) product *= static_cast<double>(shape[axis]);
    return std::sqrt(2 / product);
}

/// Element `index` of a tensor that is not all one number.
template <class T>
class Generator {
public:
    explicit Generator(const Tensor& tensor) : fill_(tensor.fill), mean_(fill_.mean), deviation_(fill_.std) {
        if (fill_.kind != Fill::Kind::he_normal) return;
        mean_ = 0;
        deviation_ = he_deviation(tensor.shape);
    }

    T operator()(std::uint64_t index) {
        switch (fill_.kind) {
            case Fill::Kind::iota: return ordinal<T>(index);
            case Fill::Kind::uniform: return as<T>(fill_.low + (fill_.high - fill_.low) * uniform(index));
            default: return as<T>(mean_ + deviation_ * normal(index));
        }
    }

private:
    double uniform(std::uint64_t index) const {
        if constexpr (std::is_same_v<T, double>) return uniform_f64(fill_.seed, index);
        return uniform_f32(fill_.seed, index);
    }

    /// Two neighbours come from one pair.
    double normal(std::uint64_t index) {
        if (index / 2 != pair_number_) {
            pair_number_ = index / 2;
            pair_ = normal_pair(fill_.seed, pair_number_);
        }
        return pair_[index % 2];
    }

    const Fill& fill_;
    double mean_;
    double deviation_;
    std::uint64_t pair_number_ = ~std::uint64_t{0};
    std::array<double, 2> pair_{};
};

/// Calls `row(bytes, index, count)` for each row of `box`: its first byte in `to`, the row-major index of its first
/// element in the whole tensor, and its length.
template <class Row>
void for_each_row(const Shape& shape, const Box& box, const Block& to, Row&& row) {
    if (box.empty()) return;
    const int last = box.rank() - 1;
    const std::int64_t length = box.rank() == 0 ? 1 : box.extent(last);
    Extents at = box.lo;
    for (;;) {
        std::uint64_t index = 0;
        for (int axis = 0; axis < box.rank(); ++axis)
            index = index * static_cast<std::uint64_t>(shape[axis]) + static_cast<std::uint64_t>(at[axis]);
        row(to.at(at), index, length);
        int axis = last - 1;
        while (axis >= 0 && ++at[axis] == box.hi[axis]) {
            at[axis] = box.lo[axis];
            --axis;
        }
        if (axis < 0) return;
    }
}

template <class T>
void generate_as(const Tensor& tensor, const Box& box, const Block& to) {
    const bool constant = tensor.kind == Tensor::Kind::constant;
    if (constant || tensor.fill.kind == Fill::Kind::number) {
        const T value = element_of<T>(constant ? tensor.value : tensor.fill.value);
        for_each_row(tensor.shape, box, to, [&](std::byte* bytes, std::uint64_t, std::int64_t count) {
            for (std::int64_t i = 0; i < count; ++i)
                std::memcpy(bytes + i * static_cast<std::int64_t>(sizeof value), &value, sizeof value);
        });
        return;
    }
    Generator<T> generator(tensor);
    for_each_row(tensor.shape, box, to, [&](std::byte* bytes, std::uint64_t index, std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            const T value = generator(index + static_cast<std::uint64_t>(i));
            std::memcpy(bytes + i * static_cast<std::int64_t>(sizeof value), &value, sizeof value);
        }
    });
}

}  // namespace

void generate(const Tensor& tensor, const Box& box, const Block& to) {
    switch (tensor.dtype) {
        case DType::f32: generate_as<float>(tensor, box, to); break;
        case DType::f64: generate_as<double>(tensor, box, to); break;
        case DType::f16: generate_as<Half>(tensor, box, to); break;
        case DType::i32: generate_as<std::int32_t>(tensor, box, to); break;
        case DType::i64: generate_as<std::int64_t>(tensor, box, to); break;
        case DType::u8: generate_as<std::uint8_t>(tensor, box, to); break;
        case DType::u32: generate_as<std::uint32_t>(tensor, box, to); break;
        case DType::boolean: generate_as<bool>(tensor, box, to); break;
    }
}

}  // namespace maniple
