// lanes/check/values.hpp: random elements of every type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lanes/elements.hpp"
#include "tensor/box.hpp"
#include "tensor/buffer.hpp"
#include "tensor/dtype.hpp"

namespace maniple {

/// The same numbers for the same seed, with every compiler (SplitMix64, Steele, Lea and Flood 2014).
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next();
    std::int64_t below(std::int64_t end);  ///< 0 … end − 1
    bool chance(int percent) { return below(100) < percent; }
    double unit();  ///< [0, 1)

private:
    std::uint64_t state_;
};

/// A seed that follows from another one and a text.
std::uint64_t mixed(std::uint64_t seed, std::string_view text);

enum class Spread {
    tame,  ///< reals of ±8, integers of both signs, most of them small
    wild,  ///< also infinities, NaN, zeros of both signs, subnormals, the ends of the type
};

/// Stores a random element.
void store_random(DType type, Spread spread, Random& random, std::byte* to);
void store_integer(DType type, std::int64_t value, std::byte* to);

/// All elements of `box`, row-major.
struct Field {
    Box box;
    DType dtype = DType::f32;
    std::vector<std::byte> bytes;

    Field() = default;
    Field(const Box& covered, DType type)
        : box(covered), dtype(type), bytes(static_cast<std::size_t>(covered.volume()) * size_of(type)) {}
    Block block() { return {bytes.data(), size_of(dtype), box}; }
    ConstBlock block() const { return {bytes.data(), size_of(dtype), box}; }
};

/// Makes an element |x| for `kind` 0; for the others, in turns, a real of a random sign, or perhaps 0: with the same
/// magnitudes as before, but other cancellations.
void perturb(DType type, int kind, Random& random, std::byte* at);

}  // namespace maniple
