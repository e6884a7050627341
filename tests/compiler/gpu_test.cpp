// The shaders of all kernels against their C++: random boxes and views, on the first Vulkan device with all features.
#include "gpu.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "elements.hpp"
#include "random_call.hpp"

extern "C" const maniple_pack maniple_pack_test;

namespace maniple {
namespace {

using namespace testing;

/// A word of the uniform block and the one above it.
void set_words(std::uint32_t& low, std::uint32_t& high, std::int64_t value) {
    low = static_cast<std::uint32_t>(value);
    high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) >> 32);
}

/// A call as shaders see it.
struct GpuCall {
    maniple_gpu_call call{};
    std::vector<std::span<std::byte>> windows;

    GpuCall(const RandomCall& source, const Box& box, const Kernel& kernel, int real_bytes) {
        call.rank = static_cast<std::uint32_t>(box.rank());
        call.points = 1;
        for (int index = 0; index < box.rank(); ++index) {
            // An ellipsis before names stands behind them, from coordinate 0 on.
            const bool leads = index < source.leading;
            const int k = leads ? box.rank() - source.leading + index : index - source.leading;
            set_words(call.lo[k], call.lo_high[k], leads ? 0 : box.lo[index]);
            set_words(call.extent[k], call.extent_high[k], source.extent[index]);
            call.size[k] = static_cast<std::uint32_t>(box.extent(index));
            if (source.contracted >> index & 1u) call.contracted |= 1u << k;
            if (!(source.fixed >> index & 1u)) call.points *= call.size[k];
        }
        for (int index = 0; index < source.leading; ++index) leading_lo_.push_back(box.lo[index]);
        for (std::size_t i = 0; i < source.parameters.size(); ++i) {
            std::int64_t value = source.parameters[i].integer;
            if (kernel.parameters[i].type == KernelParameter::Type::real && real_bytes == 4) {
                value = std::bit_cast<std::uint32_t>(static_cast<float>(source.parameters[i].real));
            }
            set_words(call.parameters[2 * i], call.parameters[2 * i + 1], value);
        }
    }

    void add(View& view, std::int64_t part_stride = 0) {
        maniple_gpu_tensor& tensor = call.tensors[windows.size()];
        tensor.offset = static_cast<std::uint32_t>(view.tensor.offset);
        tensor.part_stride = static_cast<std::uint32_t>(part_stride);
        const int leading = static_cast<int>(leading_lo_.size());
        for (int axis = 0; axis < view.tensor.rank; ++axis) {
            const int to = axis < leading ? view.tensor.rank - leading + axis : axis - leading;
            const auto stride = static_cast<std::uint32_t>(view.tensor.stride[axis]);
            tensor.stride[to] = stride;
            tensor.extent[to] = static_cast<std::uint32_t>(view.tensor.hi[axis] - view.tensor.lo[axis]);
            if (axis < leading)
                tensor.offset += static_cast<std::uint32_t>(leading_lo_[static_cast<std::size_t>(axis)]) * stride;
        }
        windows.push_back(view.bytes);
    }

private:
    std::vector<std::int64_t> leading_lo_;
};

/// Whether two numbers are one but for the roundings of another order and of functions.
bool close(double a, double b, double epsilon) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    if (std::isinf(a) || std::isinf(b)) return a == b;
    return std::abs(a - b) <= epsilon * std::max({std::abs(a), std::abs(b), 1.0});
}

template <class T>
int count_different(const View& cpu, const View& gpu, bool exact, double epsilon, std::string& first) {
    int different = 0;
    for (std::int64_t i = 0; i < cpu.elements; ++i) {
        T a{}, b{};
        std::memcpy(&a, cpu.bytes.data() + i * cpu.element_bytes, sizeof a);
        std::memcpy(&b, gpu.bytes.data() + i * cpu.element_bytes, sizeof b);
        bool equal = same(a, b);
        if constexpr (is_real<T>) {
            // A device may take 0 + x for x: the sign of a zero is its own.
            equal = equal || (value_of(a) == 0 && value_of(b) == 0);
            if (!exact) equal = equal || close(value_of(a), value_of(b), epsilon);
        }
        if (!equal && different++ == 0) {
            std::ostringstream text;
            text.precision(17);
            text << "element " << i << ": " << +value_of(a) << " on the cpu, " << +value_of(b) << " on the gpu";
            first = text.str();
        }
    }
    return different;
}

/// All bytes of an output: what was computed agrees, the rest kept its pattern.
/// `single`: of sums in f32, which cancel.
void expect_agreement(const View& cpu, const View& gpu, bool exact, bool single) {
    std::string first;
    int different = 0;
    switch (cpu.type) {
        case DType::f32: different = count_different<float>(cpu, gpu, exact, single ? 1e-4 : 2e-6, first); break;
        case DType::f64: different = count_different<double>(cpu, gpu, exact, 1e-12, first); break;
        case DType::f16: different = count_different<Half>(cpu, gpu, exact, 1e-3, first); break;
        case DType::i32: different = count_different<std::int32_t>(cpu, gpu, exact, 0, first); break;
        case DType::i64: different = count_different<std::int64_t>(cpu, gpu, exact, 0, first); break;
        case DType::u8: different = count_different<std::uint8_t>(cpu, gpu, exact, 0, first); break;
        case DType::u32: different = count_different<std::uint32_t>(cpu, gpu, exact, 0, first); break;
        case DType::boolean: different = count_different<Bool>(cpu, gpu, exact, 0, first); break;
    }
    EXPECT_EQ(different, 0) << first;
}

class Comparison {
public:
    Comparison(const Kernel& kernel, std::size_t types, unsigned seed)
        : kernel_(kernel), types_(types), maker_(kernel, types, seed), call_(maker_.make()),
          cpu_(*kernel.variant(types, "checked")), gpu_(*kernel.gpu_variant(types)) {}

    void run() {
        SCOPED_TRACE("box " + to_string(call_.box.lo) + " to " + to_string(call_.box.hi) + ", contracted " +
                     std::to_string(call_.contracted));
        std::vector<View> on_cpu = call_.outputs;
        std::vector<View> on_gpu = call_.outputs;
        if (kernel_.is_fold()) {
            const std::vector<Box> halves = cut();
            fold_on_cpu(halves, on_cpu);
            fold_on_gpu(halves, on_gpu);
        } else {
            call_function(cpu_.compute, call_.box, views(on_cpu, call_.inputs));
            run_shader(gpu_.compute, call_.box, on_gpu, call_.inputs);
        }
        for (std::size_t i = 0; i < on_cpu.size(); ++i) {
            expect_agreement(on_cpu[i], on_gpu[i], kernel_.types[types_].exact, kernel_.types[types_].state_bytes == 4);
        }
    }

private:
    static std::vector<View*> views(std::vector<View>& first, std::vector<View>& second) {
        std::vector<View*> result;
        for (View& view : first) result.push_back(&view);
        for (View& view : second) result.push_back(&view);
        return result;
    }

    void call_function(maniple_function function, const Box& box, const std::vector<View*>& tensors) {
        std::vector<maniple_tensor> seen;
        for (const View* const view : tensors) seen.push_back(view->tensor);
        EXPECT_EQ(call(function, box, call_.extent, seen, call_.parameters), 0);
    }

    void dispatch(const maniple_shader& shader, const GpuCall& call) {
        Gpu::get()->run(shader, call.call, static_cast<std::uint32_t>(1 + maker_.below(3)), call.windows);
    }

    void run_shader(const maniple_shader& shader, const Box& box, std::vector<View>& first, std::vector<View>& second) {
        GpuCall call(call_, box, kernel_, gpu_.real_bytes);
        for (View* const view : views(first, second)) call.add(*view);
        dispatch(shader, call);
    }

    /// The box in two, along the slowest contracted index, so that the order of the fold stays.
    std::vector<Box> cut() {
        int axis = 0;
        while (axis < call_.box.rank() && !(call_.contracted >> axis & 1u)) ++axis;
        if (axis == call_.box.rank() || call_.box.extent(axis) < 2) return {call_.box};
        Box first = call_.box;
        Box second = call_.box;
        first.hi[axis] = second.lo[axis] =
            call_.box.lo[axis] + 1 + maker_.below(static_cast<int>(call_.box.extent(axis)) - 1);
        return {first, second};
    }

    void fold_on_cpu(const std::vector<Box>& boxes, std::vector<View>& outputs) {
        std::int64_t part_stride = 0;
        std::vector<View> state = {maker_.state(call_, 1, part_stride)};
        call_function(cpu_.init, call_.kept(), views(state, none_));
        for (const Box& box : boxes) call_function(cpu_.accumulate, box, views(state, call_.inputs));
        call_function(cpu_.finish, call_.kept(), views(outputs, state));
    }

    /// Every box into states of its own, several segments each; these merged, the first ones into fresh states.
    void fold_on_gpu(const std::vector<Box>& boxes, std::vector<View>& outputs) {
        std::int64_t part_stride = 0;
        std::vector<View> state = {maker_.state(call_, 1, part_stride)};
        bool fresh = true;
        for (const Box& box : boxes) {
            const auto segments = static_cast<std::uint32_t>(1 + (maker_.chance(30) ? 0 : maker_.below(9)));
            View parts = maker_.state(call_, segments, part_stride);
            GpuCall add(call_, box, kernel_, gpu_.real_bytes);
            GpuCall join(call_, call_.kept(), kernel_, gpu_.real_bytes);
            add.call.points = join.call.points * segments;
            add.call.segments = join.call.segments = segments;
            add.call.segments_first = maker_.chance(50) ? 1 : 0;
            join.call.fresh = fresh ? 1 : 0;
            add.add(parts, part_stride);
            for (View& input : call_.inputs) add.add(input);
            dispatch(gpu_.accumulate, add);
            join.add(state[0]);
            join.add(parts, part_stride);
            dispatch(gpu_.merge, join);
            fresh = false;
        }
        run_shader(gpu_.finish, call_.kept(), outputs, state);
    }

    const Kernel& kernel_;
    const std::size_t types_;
    CallMaker maker_;
    RandomCall call_;
    const maniple_variant& cpu_;
    const maniple_gpu_variant& gpu_;
    std::vector<View> none_;
};

void compare_pack(const maniple_pack& pack, unsigned rounds) {
    if (Gpu::get() == nullptr) GTEST_SKIP() << "no Vulkan device with all features here";
    const KernelRegistry registry(pack);
    for (const Kernel& kernel : registry.all()) {
        // What a description asks of its calls random ones do not keep; `kernels check` draws such that do.
        if (!kernel.rules.requirements.empty() || !kernel.rules.extents.empty()) continue;
        for (std::size_t types = 0; types < kernel.types.size(); ++types) {
            if (kernel.gpu_variant(types) == nullptr) continue;
            for (unsigned seed = 0; seed < rounds; ++seed) {
                SCOPED_TRACE(kernel.name + " " + kernel.tables[0]->variants[types].types + ", seed " +
                             std::to_string(seed));
                Comparison(kernel, types, seed).run();
            }
        }
    }
}

TEST(Gpu, AgreesWithTheCpuOnTheStandardKernels) { compare_pack(standard_kernels(), 12); }

TEST(Gpu, AgreesWithTheCpuOnTheTestKernels) { compare_pack(maniple_pack_test, 60); }

}  // namespace
}  // namespace maniple
