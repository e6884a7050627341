// Hand-written code as the registry, the property test and the cpu lane see it.
#include "lanes/cpu/fast_code.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "graph/graph.hpp"
#include "job/job.hpp"
#include "lanes/check/check_kernel.hpp"
#include "program/layout.hpp"

extern "C" const maniple_pack maniple_pack_fast;

namespace maniple {
namespace {

/// The pack `fast` with what its description and its hand-written code say changed.
struct ChangedPack {
    ChangedPack() : description(*maniple_pack_fast.kernels[0]), code(*description.fast) {
        std::copy_n(code.variants, 2, variants);
        code.variants = variants;
        description.fast = &code;
    }
    maniple_pack pack() const { return {MANIPLE_ABI_VERSION, 1, &kernel, 0, nullptr}; }

    maniple_kernel_description description;
    maniple_fast_code code;
    maniple_fast_variant variants[2];
    const maniple_kernel_description* kernel = &description;
};

std::string refusal(const ChangedPack& changed) {
    try {
        const KernelRegistry registry(changed.pack());
    } catch (const UnavailableError& error) { return error.what(); }
    return "";
}

TEST(FastCode, BelongsToTheCombinationsThatTheDescriptionNames) {
    const KernelRegistry registry(maniple_pack_fast);
    const Kernel& product = *registry.find("product");
    ASSERT_EQ(product.types.size(), 3u);
    for (std::size_t i = 0; i < 2; ++i) {
        ASSERT_NE(product.fast_variant(i), nullptr);
        EXPECT_EQ(product.fast_variant(i)->types,
                  types_text(product.types[i]));  // the code has them the other way round
    }
    EXPECT_EQ(product.fast_variant(2), nullptr);
    EXPECT_EQ(product.fast_variant(3), nullptr);
}

TEST(FastCode, IsRefusedWhereItIsNotWhatTheDescriptionNames) {
    EXPECT_EQ(refusal({}), "");
    ChangedPack missing;
    missing.code.variant_count = 1;
    EXPECT_NE(refusal(missing).find("there is no hand-written code for f32,f32->f32"), std::string::npos);
    ChangedPack unnamed;
    unnamed.description.fast_types = "f64,f64->f64";
    EXPECT_NE(refusal(unnamed).find("does not name the combination f32,f32->f32"), std::string::npos);
    ChangedPack twice;
    twice.variants[1] = twice.variants[0];
    EXPECT_NE(refusal(twice).find("f64,f64->f64"), std::string::npos);
    ChangedPack version;
    version.code.abi_version = 0;
    EXPECT_NE(refusal(version).find("ABI version"), std::string::npos);
}

bool has_blas() { return open_fast_code(*KernelRegistry(maniple_pack_fast).find("product")).empty(); }

TEST(FastCode, IsHeldToTheSignatureWhereItCanRun) {
    const KernelRegistry registry(maniple_pack_fast);
    for (const Kernel& kernel : registry.all()) {
        for (const std::uint64_t seed : {1, 2}) {
            const KernelCheck found = check_kernel(kernel, cpu_runners(), {seed, 24});
            EXPECT_TRUE(found.failures.empty()) << found.failures[0].where << " " << found.failures[0].what;
            EXPECT_EQ(std::count(found.lanes.begin(), found.lanes.end(), "fast"), has_blas() ? 1 : 0);
        }
    }
}

/// Reads one element too far to the right in its first input.
void reads_far(const maniple_call* call) {
    maniple_tensor tensors[3] = {call->tensors[0], call->tensors[1], call->tensors[2]};
    maniple_call far = *call;
    far.tensors = tensors;
    tensors[1].offset += tensors[1].stride[1];
    maniple_pack_fast.kernels[0]->fast->variants[1].compute(&far);
}

TEST(FastCode, ThatReadsTooFarIsFound) {
    if (!has_blas()) GTEST_SKIP() << "no BLAS";
    ChangedPack cheat;
    cheat.variants[1].compute = reads_far;
    const KernelRegistry registry(cheat.pack());
    const KernelCheck found = check_kernel(registry.all()[0], cpu_runners(), {});
    ASSERT_EQ(found.failures.size(), 1u);
    EXPECT_EQ(found.failures[0].lane, "fast");
    EXPECT_EQ(found.failures[0].types, "f32,f32->f32");
    EXPECT_EQ(found.failures[0].property, Property::read_box);
}

TEST(FastCode, ThatCannotRunIsNamedInOneLine) {
    const KernelRegistry registry(maniple_pack_fast);
    const Job job = parse_job(
        "maniple: 1\nname: t\n"
        "inputs: {x: {shape: [4, 4], fill: iota, dtype: f32}}\n"
        "graph: {y: 'product(x, product(x, x))'}\noutputs: {y: 't.h5:/y'}\n",
        "t.yaml");
    const Graph graph = build_graph(job, {}, registry);
    const Plan plan = make_plan(graph, Machine::uniform(1, {}), {});
    const std::vector<std::string> lines = open_fast_code(graph, build_layout(graph, plan, Rank(0)));
    if (has_blas()) {
        EXPECT_TRUE(lines.empty());
    } else {
        ASSERT_EQ(lines.size(), 1u);
        EXPECT_EQ(lines[0], "no OpenBLAS: MANIPLE_BLAS=none; product runs without it");
    }
}

}  // namespace
}  // namespace maniple
