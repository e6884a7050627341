// Random calls of any kernel, made from its signature: an index box somewhere, tensors that hold just what it reads and
// writes, in any order of axes, with gaps, reversed, broadcast.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "kernel/kernel.hpp"
#include "tensor/box.hpp"

namespace maniple::testing {

/// A tensor with bytes of its own; `tensor.data` points to them.
struct View {
    DType type = DType::f32;  ///< of a state f32, and without meaning
    std::vector<std::byte> bytes;
    std::int64_t element_bytes = 4;
    maniple_tensor tensor{};
    std::int64_t elements = 1;  ///< in `bytes`

    View() = default;
    View(const View& other) { *this = other; }
    View& operator=(const View& other);
};

struct RandomCall {
    Box box;             ///< of all indices
    Extents extent;      ///< the whole index space
    unsigned fixed = 0;  ///< indices that the body loops over itself
    unsigned contracted = 0;
    int leading = 0;  ///< so many indices, the first ones, are those of an ellipsis before names
    std::vector<View> inputs;
    std::vector<View> outputs;  ///< filled with a pattern
    std::vector<maniple_parameter> parameters;

    /// The box of the outputs: contracted indices have one value.
    Box kept() const;
};

class CallMaker {
public:
    CallMaker(const Kernel& kernel, std::size_t types, unsigned seed)
        : kernel_(kernel), types_(kernel.types[types]), numbers_(seed) {}

    RandomCall make();
    /// States for the box of the outputs, `parts` of them behind each other; filled with a pattern.
    View state(const RandomCall& call, std::int64_t parts, std::int64_t& part_stride);
    int below(int end) { return static_cast<int>(numbers_() % static_cast<unsigned>(end)); }
    bool chance(int percent) { return below(100) < percent; }

private:
    void make_named(RandomCall& call);
    void make_ellipses(RandomCall& call);
    void make_leading(RandomCall& call);
    unsigned still_leading(const RandomCall& call, const std::vector<Access>& accesses, const std::string& tensor);
    void make_parameters(RandomCall& call);
    bool has_coefficients() const;  ///< whether a subscript multiplies an index by a parameter
    std::int64_t value_of(const RandomCall& call, const std::string& name, std::int64_t otherwise) const;
    Box region(const RandomCall& call, const std::string& tensor, const std::vector<Access>& accesses);
    View view(const Box& box, DType type, std::int64_t element_bytes, unsigned still);
    void fill(View& view);
    std::int64_t origin();

    const Kernel& kernel_;
    const KernelTypes& types_;
    std::mt19937_64 numbers_;
    std::int64_t table_extent_ = 0;  ///< of the axes read whole, where there are any
};

}  // namespace maniple::testing
