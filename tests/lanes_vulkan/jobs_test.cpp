// Whole jobs through the gpu lane against the sequential reference, in each way of pretending.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "gpu_harness.hpp"
#include "random_job.hpp"
#include "vulkan_devices.hpp"

extern "C" const maniple_pack maniple_pack_test;  // tests/compiler/kernels

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
        const auto digit = static_cast<std::int32_t>(draw % 31);
        if (tensor.dtype == DType::f32) std::memcpy(&bytes[at], &narrow, sizeof narrow);
        if (tensor.dtype == DType::f64) std::memcpy(&bytes[at], &real, sizeof real);
        if (tensor.dtype == DType::i64) std::memcpy(&bytes[at], &integer, sizeof integer);
        if (tensor.dtype == DType::i32) std::memcpy(&bytes[at], &digit, sizeof digit);
        if (tensor.dtype == DType::boolean) bytes[at] = static_cast<std::byte>(draw >> 13 & 1);
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

/// Runs `text` on the gpu lane and by the reference. Sums of reals differ by at most 1e-6 of the largest value.
void expect_agreement(VulkanInstance& instance, const KernelRegistry& registry, const std::string& text,
                      const Catalogue& catalogue, std::uint32_t seed) {
    const Job job = parse_job(text, "test.yaml");
    const Graph graph = build_graph(job, catalogue, registry);
    const Plan plan = make_plan(graph, Machine::uniform(1, {}), {});
    const InputLoader load = [&](const Tensor& tensor) { return input_bytes(tensor, seed); };
    GpuHarness harness(instance, graph, plan, load);
    const std::vector<TensorBytes> got = harness.run();
    const std::vector<TensorBytes> want = evaluate_reference(graph, load);
    for (std::size_t i = 0; i < want.size(); ++i) {
        const Tensor& tensor = graph[graph.outputs[i].tensor];
        const bool real = tensor.dtype == DType::f32 || tensor.dtype == DType::f64;
        EXPECT_LE(difference(tensor.dtype, got[i], want[i]), real ? 1e-6 : 0)
            << "seed " << seed << ", output " << tensor.name << to_string(graph.tensors[0].shape) << "\n"
            << text;
    }
    EXPECT_GT(harness.lane().activity().chunks, 0);
}

Catalogue inputs(const std::vector<std::tuple<std::string, Shape, DType>>& all) {
    Catalogue catalogue;
    for (const auto& [name, shape, type] : all) catalogue.inputs.push_back({name, shape, type, {}, shape});
    return catalogue;
}

class Jobs : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override { MANIPLE_NEED_DEVICE(instance_for(GetParam())); }

    void expect(const maniple_pack& pack, const std::string& text, const Catalogue& catalogue) {
        const KernelRegistry registry(pack);
        expect_agreement(instance_for(GetParam()), registry, text, catalogue, 7);
    }
};

TEST_P(Jobs, RandomGraphs) {
    const KernelRegistry registry(standard_kernels());
    for (std::uint32_t seed = 0; seed < 40 && !HasFailure(); ++seed) {
        const RandomJob random = random_job(seed);
        expect_agreement(instance_for(GetParam()), registry, random.text, random.catalogue, seed);
    }
}

TEST_P(Jobs, FoldsAlongEveryAxis) {
    expect(maniple_pack_standard, R"yaml(maniple: 1
name: folds
inputs: {u: i.h5:/u}
graph:
  all: sum(u)
  rows: sum(u, axis=1)
  columns: sum(u, axis=0)
  outer: "sum(u, axis=[0, 2])"
  largest: max(u, axis=2)
  mean, variance: moments(u)
  row_mean, row_variance: "moments(u, axis=[1, 2])"
outputs: {all: o.h5:/all, rows: o.h5:/rows, columns: o.h5:/columns, outer: o.h5:/outer, largest: o.h5:/largest,
          mean: o.h5:/mean, variance: o.h5:/variance, row_mean: o.h5:/row_mean, row_variance: o.h5:/row_variance}
)yaml",
           inputs({{"u", {30, 70, 110}, DType::f32}}));
}

TEST_P(Jobs, FoldsThatHaveAnOrder) {
    const std::string text = R"yaml(maniple: 1
name: order
inputs: {x: i.h5:/x}
graph: {all: digits(x), rows: "digits(x, axis=1)", columns: "digits(x, axis=0)"}
outputs: {rows: o.h5:/rows, columns: o.h5:/columns)yaml";
    expect(maniple_pack_test, text + ", all: o.h5:/all}\n", inputs({{"x", {311, 297}, DType::i32}}));
    expect(maniple_pack_test, text + ", all: o.h5:/all}\n", inputs({{"x", {60001, 3}, DType::i32}}));
    expect(maniple_pack_test, text + ", all: o.h5:/all}\n", inputs({{"x", {3, 60001}, DType::i32}}));
    expect(maniple_pack_test, text + ", all: o.h5:/all}\n", inputs({{"x", {1, 2, 30001}, DType::i32}}));
}

TEST_P(Jobs, FoldsThatLookAtPositions) {
    expect(maniple_pack_test, R"yaml(maniple: 1
name: position
inputs: {x: i.h5:/x}
graph:
  all: first_largest(x)
  rows: first_largest(x, axis=1)
  columns: first_largest(x, axis=0)
outputs: {all: o.h5:/all, rows: o.h5:/rows, columns: o.h5:/columns}
)yaml",
           inputs({{"x", {311, 297}, DType::i64}}));
}

TEST_P(Jobs, FoldsOfNamedIndices) {
    expect(maniple_pack_test, R"yaml(maniple: 1
name: products
inputs: {a: i.h5:/a, b: i.h5:/b, x: i.h5:/x}
graph:
  c: matrix_product(a, b)
  y: matrix_vector(a, x)
  f: "pull(x, y)"
  shares: row_share(c)
outputs: {c: o.h5:/c, y: o.h5:/y, f: o.h5:/f, shares: o.h5:/shares}
)yaml",
           inputs({{"a", {37, 2500}, DType::f64}, {"b", {2500, 21}, DType::f64}, {"x", {2500}, DType::f64}}));
}

TEST_P(Jobs, StencilsBeyondOneWindow) {
    expect(maniple_pack_standard, R"yaml(maniple: 1
name: stencil
inputs: {u: i.h5:/u}
graph:
  smooth: "heat_step(u, alpha=0.2, boundary=[clamp, periodic])"
  edges: "gradient_magnitude(smooth, boundary=[zero, clamp])"
  land: smooth > 1
  count: sum(land)
  masked: "where(land, edges, 0)"
loop: {steps: 3, carry: {u: smooth}}
outputs: {smooth: o.h5:/smooth, edges: o.h5:/edges, land: o.h5:/land, count: o.h5:/count, masked: o.h5:/masked}
)yaml",
           inputs({{"u", {401, 307}, DType::f32}}));
}

TEST_P(Jobs, BroadcastAndCasts) {
    expect(maniple_pack_standard, R"yaml(maniple: 1
name: casts
inputs: {u: i.h5:/u, v: i.h5:/v, m: i.h5:/m}
graph:
  both: u * v - m
  half: "cast(both, dtype=f16)"
  byte: "cast(u * 100, dtype=u8)"
  back: half + byte
outputs: {both: o.h5:/both, half: o.h5:/half, byte: o.h5:/byte, back: o.h5:/back}
)yaml",
           inputs({{"u", {61, 1, 43}, DType::f32}, {"v", {59, 1}, DType::f32}, {"m", {61, 59, 43}, DType::boolean}}));
}

INSTANTIATE_TEST_SUITE_P(Pretending, Jobs,
                         ::testing::Values("", "not-unified", "not-coherent", "small-windows",
                                           "not-coherent,small-windows", "not-unified,two-queues",
                                           "not-coherent,three-queues,copy-queues"),
                         [](const auto& parameter) {
                             std::string name = parameter.param;
                             for (char& c : name) c = std::isalpha(static_cast<unsigned char>(c)) ? c : '_';
                             return name.empty() ? std::string("nothing") : name;
                         });

}  // namespace
}  // namespace maniple
