// The modules that lie in the packs: valid, damaged in no bit, without contraction, and asking for what they declare.
#include "compiler/spirv.hpp"

#include <gtest/gtest.h>
#include <spirv-tools/libspirv.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/error.hpp"
#include "kernel/kernel.hpp"

extern "C" const maniple_pack maniple_pack_test;

namespace maniple {
namespace {

using namespace compiler;

using Visit = std::function<void(const Kernel&, std::size_t types, const maniple_gpu_variant&)>;

void for_each_gpu_variant(const Visit& visit) {
    for (const maniple_pack* const pack : {&standard_kernels(), &maniple_pack_test}) {
        const KernelRegistry registry(*pack);
        for (const Kernel& kernel : registry.all()) {
            ASSERT_NE(kernel.gpu_table, nullptr) << kernel.name;
            for (std::size_t types = 0; types < kernel.types.size(); ++types) {
                SCOPED_TRACE(kernel.name + " " + kernel.tables[0]->variants[types].types);
                visit(kernel, types, kernel.gpu_table->variants[types]);
            }
        }
    }
}

std::vector<const maniple_shader*> shaders(const maniple_gpu_variant& variant) {
    std::vector<const maniple_shader*> result;
    for (const maniple_shader* const shader :
         {&variant.compute, &variant.accumulate, &variant.merge, &variant.finish}) {
        if (shader->words != nullptr) result.push_back(shader);
    }
    return result;
}

std::span<const std::uint32_t> words(const maniple_shader& shader) {
    return {shader.words, static_cast<std::size_t>(shader.count)};
}

const maniple_gpu_variant& variant_of(const KernelRegistry& registry, const std::string& name,
                                      const std::string& types) {
    const Kernel& kernel = *registry.find(name);
    std::size_t number = 0;
    while (kernel.tables[0]->variants[number].types != types) ++number;
    return kernel.gpu_table->variants[number];
}

TEST(Spirv, EveryStandardKernelHasShadersForAllTypes) {
    const std::string_view with_functions[] = {"cos",
                                               "cross_entropy_of_class",
                                               "cross_entropy_of_probabilities",
                                               "exp",
                                               "gelu",
                                               "log",
                                               "pow",
                                               "sigmoid",
                                               "sin",
                                               "tanh"};
    const KernelRegistry registry(standard_kernels());
    for (const Kernel& kernel : registry.all()) {
        for (std::size_t types = 0; types < kernel.types.size(); ++types) {
            // GLSL has no functions of f64 but sqrt, floor, ceil and fma.
            const bool has_function = std::find(std::begin(with_functions), std::end(with_functions), kernel.name) !=
                                      std::end(with_functions);
            const std::string text = kernel.tables[0]->variants[types].types;
            const bool left_out = has_function && text.find("f64") != std::string::npos;
            EXPECT_EQ(kernel.gpu_variant(types) == nullptr, left_out) << kernel.name << " " << text;
        }
    }
}

TEST(Spirv, AVariantHasAllItsShadersOrNone) {
    for_each_gpu_variant([](const Kernel& kernel, std::size_t, const maniple_gpu_variant& variant) {
        const std::size_t count = shaders(variant).size();
        EXPECT_TRUE(count == 0 || count == (kernel.is_fold() ? 3u : 1u)) << count;
        EXPECT_EQ(variant.compute.words != nullptr, count > 0 && !kernel.is_fold());
        EXPECT_TRUE(variant.real_bytes == 4 || variant.real_bytes == 8);
    });
}

TEST(Spirv, TestKernelsWithoutShadersAreThoseWithFunctionsOfF64) {
    std::set<std::string> without;
    const KernelRegistry registry(maniple_pack_test);
    for (const Kernel& kernel : registry.all()) {
        for (std::size_t types = 0; types < kernel.types.size(); ++types) {
            if (kernel.gpu_variant(types) == nullptr)
                without.insert(kernel.name + " " + kernel.tables[0]->variants[types].types);
        }
    }
    EXPECT_EQ(without, (std::set<std::string>{"elementary f64->f64,f64,f64,f64,f64,f64,f64", "functions f64->f64",
                                              "power f64,f64->f64"}));
}

TEST(Spirv, ModulesAreValidAndWhole) {
    const std::unique_ptr<spv_context_t, void (*)(spv_context)> context(spvContextCreate(SPV_ENV_VULKAN_1_2),
                                                                        spvContextDestroy);
    int count = 0;
    for_each_gpu_variant([&](const Kernel&, std::size_t, const maniple_gpu_variant& variant) {
        for (const maniple_shader* const shader : shaders(variant)) {
            ++count;
            EXPECT_EQ(spirv_hash(words(*shader)), shader->hash);
            spv_diagnostic diagnostic = nullptr;
            spv_const_binary_t binary{shader->words, static_cast<std::size_t>(shader->count)};
            EXPECT_EQ(spvValidate(context.get(), &binary, &diagnostic), SPV_SUCCESS)
                << (diagnostic != nullptr ? diagnostic->error : "");
            spvDiagnosticDestroy(diagnostic);
        }
    });
    EXPECT_GT(count, 300);
}

TEST(Spirv, NoArithmeticMayBeContracted) {
    int arithmetic = 0;
    for_each_gpu_variant([&](const Kernel&, std::size_t, const maniple_gpu_variant& variant) {
        for (const maniple_shader* const shader : shaders(variant)) {
            const SpirvFacts facts = read_spirv(words(*shader));
            arithmetic += facts.arithmetic;
            EXPECT_EQ(facts.contractible, 0);
        }
    });
    EXPECT_GT(arithmetic, 300);
}

TEST(Spirv, FeaturesAreThoseOfTheModules) {
    for_each_gpu_variant([](const Kernel&, std::size_t, const maniple_gpu_variant& variant) {
        unsigned features = 0;
        for (const maniple_shader* const shader : shaders(variant))
            features |= gpu_features(read_spirv(words(*shader)));
        EXPECT_EQ(variant.features, features);
    });
}

TEST(Spirv, FeaturesAreNoMoreThanTheTypesNeed) {
    const KernelRegistry standard(standard_kernels());
    const KernelRegistry test(maniple_pack_test);
    EXPECT_EQ(variant_of(standard, "heat_step", "f32->f32").features, 0u);
    EXPECT_EQ(variant_of(standard, "heat_step", "f64->f64").features, MANIPLE_GPU_F64);
    EXPECT_EQ(variant_of(standard, "heat_step", "f16->f16").features, MANIPLE_GPU_STORAGE_16);
    EXPECT_EQ(variant_of(standard, "add", "bool,bool->bool").features, MANIPLE_GPU_STORAGE_8);
    EXPECT_EQ(variant_of(standard, "max", "u8->u8").features, MANIPLE_GPU_STORAGE_8);
    EXPECT_EQ(variant_of(standard, "cast", "f64->f16").features, MANIPLE_GPU_F64 | MANIPLE_GPU_STORAGE_16);
    EXPECT_EQ(variant_of(standard, "sum", "f32->f32").features, MANIPLE_GPU_F64);
    EXPECT_EQ(variant_of(standard, "sum", "i32->i64").features, MANIPLE_GPU_I64);
    // Loop variables and data that are mere subscripts.
    EXPECT_EQ(variant_of(test, "gather", "f32,i32->f32").features, 0u);
    EXPECT_EQ(variant_of(test, "pull", "f32,f32->f32").features, 0u);
    EXPECT_EQ(variant_of(test, "first_largest", "f32->i64").features, MANIPLE_GPU_I64);
}

TEST(Spirv, KernelsSayWhetherTheyUseCoordinates) {
    const KernelRegistry standard(standard_kernels());
    const KernelRegistry test(maniple_pack_test);
    EXPECT_EQ(variant_of(standard, "heat_step", "f32->f32").uses_coordinates, 0);
    EXPECT_EQ(variant_of(standard, "sum", "f32->f32").uses_coordinates, 0);
    EXPECT_EQ(variant_of(test, "escape", "->i32").uses_coordinates, 1);
    EXPECT_EQ(variant_of(test, "first_largest", "f32->i64").uses_coordinates, 1);
    EXPECT_EQ(variant_of(test, "row_share", "f32->f32").uses_coordinates, 1);  // extent(j)
    EXPECT_EQ(variant_of(test, "pull", "f32,f32->f32").uses_coordinates, 0);
}

TEST(Spirv, DamagedModulesAreRefused) {
    const KernelRegistry registry(standard_kernels());
    const maniple_shader& shader = variant_of(registry, "heat_step", "f32->f32").compute;
    std::vector<std::uint32_t> damaged(shader.words, shader.words + shader.count);
    damaged.resize(6);  // in the middle of the first instruction
    EXPECT_THROW(read_spirv(damaged), DataError);
    damaged[0] = 0;
    EXPECT_THROW(read_spirv(damaged), DataError);
    EXPECT_THROW(read_spirv({}), DataError);
    SpirvFacts facts;
    facts.capabilities = {4};  // Linkage
    EXPECT_THROW(gpu_features(facts), DataError);
}

}  // namespace
}  // namespace maniple
