// Whole jobs through the gpu lane against the sequential reference, in each way of pretending.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "gpu_harness.hpp"
#include "random_job.hpp"
#include "vulkan_devices.hpp"

namespace maniple {
namespace {

/// Small positive numbers.
TensorBytes input_bytes(const Tensor& tensor, std::uint32_t seed) {
    TensorBytes bytes(static_cast<std::size_t>(tensor.bytes()));
    std::mt19937 random(seed * 977u + static_cast<std::uint32_t>(tensor.input));
    for (std::size_t at = 0; at < bytes.size(); at += size_of(tensor.dtype)) {
        const auto draw = static_cast<std::uint32_t>(random());
        const double real = 0.5 + draw / 4294967296.0;
        const float narrow = static_cast<float>(real);
        const std::int64_t integer = draw % 1000;
        if (tensor.dtype == DType::f32) std::memcpy(&bytes[at], &narrow, sizeof narrow);
        if (tensor.dtype == DType::f64) std::memcpy(&bytes[at], &real, sizeof real);
        if (tensor.dtype == DType::i64) std::memcpy(&bytes[at], &integer, sizeof integer);
    }
    return bytes;
}

/// The largest difference in parts of the largest value.
template <class T>
double difference(const TensorBytes& got, const TensorBytes& want) {
    double largest = 0;
    double worst = 0;
    for (std::size_t at = 0; at < want.size(); at += sizeof(T)) {
        T a{}, b{};
        std::memcpy(&a, got.data() + at, sizeof a);
        std::memcpy(&b, want.data() + at, sizeof b);
        const double da = static_cast<double>(a), db = static_cast<double>(b);
        if (std::isfinite(db)) largest = std::max(largest, std::abs(db));
        if (a == b || (std::isnan(da) && std::isnan(db))) continue;
        worst = std::isfinite(da) && std::isfinite(db) ? std::max(worst, std::abs(da - db))
                                                       : std::numeric_limits<double>::infinity();
    }
    return worst == 0 ? 0 : worst / largest;
}

double difference(DType type, const TensorBytes& got, const TensorBytes& want) {
    if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
    switch (type) {
        case DType::f32: return difference<float>(got, want);
        case DType::f64: return difference<double>(got, want);
        case DType::i64: return difference<std::int64_t>(got, want);
        case DType::i32: return difference<std::int32_t>(got, want);
        default: return got == want ? 0 : std::numeric_limits<double>::infinity();
    }
}

class Jobs : public ::testing::TestWithParam<const char*> {};

TEST_P(Jobs, RandomGraphsAgreeWithTheReference) {
    VulkanInstance& instance = instance_for(GetParam());
    MANIPLE_NEED_DEVICE(instance);
    const KernelRegistry registry(standard_kernels());
    for (std::uint32_t seed = 0; seed < 24 && !HasFailure(); ++seed) {
        const RandomJob random = random_job(seed);
        const Job job = parse_job(random.text, "random.yaml");
        const Graph graph = build_graph(job, random.catalogue, registry);
        const Plan plan = make_plan(graph, Machine::uniform(1, {}), {});
        const InputLoader load = [&](const Tensor& tensor) { return input_bytes(tensor, seed); };
        GpuHarness harness(instance, graph, plan, load);
        const std::vector<TensorBytes> got = harness.run();
        const std::vector<TensorBytes> want = evaluate_reference(graph, load);
        for (std::size_t i = 0; i < want.size(); ++i) {
            const Tensor& tensor = graph[graph.outputs[i].tensor];
            EXPECT_LE(difference(tensor.dtype, got[i], want[i]), tensor.dtype == DType::i64 ? 0 : 1e-6)
                << "seed " << seed << ", output " << tensor.name << "\n"
                << random.text;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Pretending, Jobs,
                         ::testing::Values("", "not-unified", "not-coherent", "small-windows",
                                           "not-coherent,small-windows"),
                         [](const auto& parameter) {
                             std::string name = parameter.param;
                             for (char& c : name) c = std::isalpha(static_cast<unsigned char>(c)) ? c : '_';
                             return name.empty() ? std::string("nothing") : name;
                         });

}  // namespace
}  // namespace maniple
