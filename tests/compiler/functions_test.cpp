// How far the functions of f32 in shaders are from the true values, counted in units of the last place.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "gpu.hpp"
#include "kernel_call.hpp"

extern "C" const maniple_pack maniple_pack_test;

namespace maniple {
namespace {

using namespace testing;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// The distance of `result` from `expected` in steps of f32 at that place. A result below the normal ones may be 0.
double steps(float result, double expected) {
    if (std::isnan(result) || std::isnan(expected)) return std::isnan(result) == std::isnan(expected) ? 0 : 1e30;
    const auto rounded = static_cast<float>(expected);
    if (result == rounded) return 0;
    if (std::isinf(result) && std::abs(expected) > 3.402823e38) return 0;
    if (std::isinf(result) || std::isinf(rounded)) return 1e30;
    if (std::abs(expected) < 0x1p-125) return std::abs(result) <= 0x1p-125f ? 0 : 1e30;
    return std::abs(static_cast<double>(result) - expected) / std::ldexp(1.0, std::ilogb(expected) - 23);
}

/// Runs the f32 shader `compute` of a test kernel on dense tensors, the outputs first.
void run(const std::string& name, std::vector<std::vector<float>>& tensors) {
    static const KernelRegistry registry(maniple_pack_test);
    const Kernel* const kernel = registry.find(name);
    ASSERT_NE(kernel, nullptr);
    const std::string inputs = tensors.size() == 3 ? "f32,f32" : "f32";
    std::string outputs = "f32";
    for (std::size_t i = kernel->types[0].outputs.size(); i > 1; --i) outputs += ",f32";
    const maniple_gpu_variant* const variant = kernel->gpu_variant(types_index(*kernel, inputs + "->" + outputs));
    ASSERT_NE(variant, nullptr);
    maniple_gpu_call call{};
    call.rank = 1;
    call.points = call.size[0] = static_cast<std::uint32_t>(tensors[0].size());
    std::vector<std::span<std::byte>> windows;
    for (std::vector<float>& tensor : tensors) {
        call.tensors[windows.size()].stride[0] = 1;
        windows.push_back(std::as_writable_bytes(std::span(tensor)));
    }
    Gpu::get()->run(variant->compute, call, 1024, windows);
}

/// Numbers of all sizes, around 1 and small ones, and the special ones.
std::vector<float> arguments(unsigned seed, std::size_t count) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> near(-10, 10), medium(-110, 110);
    std::vector<float> result = {0.0f,     -0.0f,    1.0f,        -1.0f, infinity,  -infinity,   nan,
                                 0.5f,     2.0f,     3.0f,        -3.0f, 4.0f,      16777216.0f, 3.4e38f,
                                 -3.4e38f, 1.2e-38f, 0.78539816f, 0.93f, 88.72283f, 89.0f,       127.0f,
                                 128.0f,   -150.0f,  0.625f,      1e10f};
    while (result.size() < count) {
        const float anything = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
        if (std::isnan(anything) || std::abs(anything) < 0x1p-126f) continue;
        result.insert(result.end(), {anything, near(random), medium(random), 1 + near(random) / 100});
    }
    return result;
}

TEST(Functions, OfOneRealAreWithinAFewSteps) {
    if (Gpu::get() == nullptr) GTEST_SKIP() << "no Vulkan device with all features here";
    std::vector<std::vector<float>> tensors(8, arguments(1, 400000));
    run("elementary", tensors);
    const std::function<double(double)> truth[] = {
        [](double x) { return std::exp(x); },  [](double x) { return std::log(x); },
        [](double x) { return std::sin(x); },  [](double x) { return std::cos(x); },
        [](double x) { return std::tanh(x); }, [](double x) { return std::erf(x); },
        [](double x) { return std::erfc(x); }};
    const char* const names[] = {"exp", "log", "sin", "cos", "tanh", "erf", "erfc"};
    const double bounds[] = {2, 2, 2, 2, 4, 2, 8};  // a division may be wrong by 2.5 alone: one in tanh, two in erfc
    for (std::size_t f = 0; f < 7; ++f) {
        double worst = 0;
        float at = 0;
        for (std::size_t i = 0; i < tensors[7].size(); ++i) {
            const double distance = steps(tensors[f][i], truth[f](tensors[7][i]));
            if (distance > worst) worst = distance, at = tensors[7][i];
        }
        RecordProperty(names[f], std::to_string(worst));
        EXPECT_LE(worst, bounds[f]) << names[f] << " at " << at;
    }
}

TEST(Functions, PowIsWithinAFewSteps) {
    if (Gpu::get() == nullptr) GTEST_SKIP() << "no Vulkan device with all features here";
    const std::size_t count = 400000;
    std::vector<float> x = arguments(2, count), y = arguments(3, count);
    // Every special number with every other, and powers that neither vanish nor overflow.
    for (std::size_t i = 0; i < 25; ++i) {
        for (std::size_t k = 0; k < 25; ++k) x[100 + 25 * i + k] = x[i], y[100 + 25 * i + k] = x[k];
    }
    std::mt19937 random(4);
    for (std::size_t i = 1000; i < count; i += 2) {
        x[i] = std::abs(x[i]);
        y[i] = static_cast<float>(std::ldexp(static_cast<double>(static_cast<std::int32_t>(random())), -31) * 88 /
                                  std::max(1e-6, std::abs(std::log(static_cast<double>(x[i])))));
    }
    std::vector<std::vector<float>> tensors = {x, x, y};
    run("power", tensors);
    double worst = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double distance = steps(tensors[0][i], std::pow(static_cast<double>(x[i]), static_cast<double>(y[i])));
        if (distance > worst) worst = distance, at = i;
    }
    RecordProperty("pow", std::to_string(worst));
    EXPECT_LE(worst, 4) << "pow(" << x[at] << ", " << y[at] << ") is " << tensors[0][at];
}

}  // namespace
}  // namespace maniple
