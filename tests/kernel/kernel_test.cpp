#include "kernel/kernel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"

namespace maniple {
namespace {

TEST(KernelRegistry, FindsTheStandardKernels) {
    const KernelRegistry registry(standard_kernels());
    EXPECT_EQ(registry.find("heat_stp"), nullptr);
    const Kernel* const heat = registry.find("heat_step");
    ASSERT_NE(heat, nullptr);
    EXPECT_EQ(heat->signature.index_names(), (std::vector<std::string>{"y", "x"}));
    EXPECT_EQ(heat->flops_per_point, 7);
    EXPECT_EQ(heat->counted_flops_per_point, 7);
    EXPECT_TRUE(heat->exact);
    EXPECT_FALSE(heat->is_fold());
    ASSERT_EQ(heat->parameters.size(), 2u);
    EXPECT_EQ(heat->parameters[0].name, "alpha");
    EXPECT_TRUE(heat->parameters[0].required);
    EXPECT_EQ(heat->parameters[1].name, "boundary");
    EXPECT_EQ(heat->parameters[1].type, KernelParameter::Type::boundary);
    EXPECT_FALSE(heat->parameters[1].required);
    EXPECT_EQ(heat->types[0].inputs, std::vector<DType>{DType::f32});
    EXPECT_EQ(heat->types[0].bytes_per_point, 8);
    const std::vector<std::string> names = registry.names();
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
    EXPECT_EQ(names.size(), registry.all().size());
}

TEST(KernelRegistry, FoldsHaveImpliedParametersAndStates) {
    const KernelRegistry registry(standard_kernels());
    const Kernel* const sum = registry.find("sum");
    ASSERT_NE(sum, nullptr);
    EXPECT_TRUE(sum->is_fold());
    ASSERT_NE(sum->parameter("axis"), nullptr);
    EXPECT_EQ(sum->parameter("axis")->type, KernelParameter::Type::axes);
    ASSERT_NE(sum->parameter("keepdims"), nullptr);
    EXPECT_EQ(sum->parameter("keepdims")->type, KernelParameter::Type::boolean);
    EXPECT_EQ(sum->parameter("keepdims")->default_value.integer, 0);
    EXPECT_FALSE(sum->exact);  // sums of reals depend on their order
    for (const KernelTypes& types : sum->types) {
        EXPECT_EQ(types.state_bytes, 8);
        EXPECT_EQ(types.exact, !is_floating(types.inputs[0]));
        EXPECT_EQ(types.tolerance, types.exact ? 0 : 16);
        EXPECT_EQ(types.outputs[0], is_floating(types.inputs[0]) ? types.inputs[0] : DType::i64);
    }
    EXPECT_TRUE(registry.find("max")->exact);
}

TEST(KernelRegistry, ParameterOfTypeDtypeChoosesTheOutput) {
    const KernelRegistry registry(standard_kernels());
    EXPECT_EQ(registry.find("add")->dtype_parameter(), nullptr);
    const Kernel* const cast = registry.find("cast");
    ASSERT_NE(cast, nullptr);
    const KernelParameter* const dtype = cast->dtype_parameter();
    ASSERT_NE(dtype, nullptr);
    EXPECT_EQ(dtype->name, "dtype");
    EXPECT_EQ(dtype->type, KernelParameter::Type::dtype);
    EXPECT_TRUE(dtype->required);
    EXPECT_EQ(cast->types.size(), static_cast<std::size_t>(dtype_count * dtype_count));
    EXPECT_TRUE(cast->exact);
}

TEST(KernelRegistry, HasCodeForEveryInstructionSet) {
    const KernelRegistry registry(standard_kernels());
    for (const Kernel& kernel : registry.all()) {
        EXPECT_FALSE(kernel.documentation.empty()) << kernel.name;
        for (const std::string& set : kernel.instruction_sets) {
            for (std::size_t i = 0; i < kernel.types.size(); ++i) EXPECT_NE(kernel.variant(i, set), nullptr);
            EXPECT_EQ(kernel.variant(kernel.types.size(), set), nullptr);
        }
        EXPECT_NE(kernel.variant(0, "checked"), nullptr);
        EXPECT_EQ(kernel.variant(0, "v9"), nullptr);
    }
}

TEST(KernelRegistry, RefusesAnotherAbi) {
    maniple_pack pack = standard_kernels();
    pack.abi_version += 1;
    EXPECT_THROW(KernelRegistry{pack}, UnavailableError);
}

/// The standard pack with one description changed.
class ChangedPack {
public:
    ChangedPack() : description(*standard_kernels().kernels[0]), table(*description.tables[0]), tables{&table} {
        description.tables = tables;
        description.table_count = 1;
    }
    maniple_pack pack() const { return {MANIPLE_ABI_VERSION, 1, &kernel_, 0, nullptr}; }

    maniple_kernel_description description;
    maniple_kernel_table table;
    const maniple_kernel_table* tables[1];

private:
    const maniple_kernel_description* kernel_ = &description;
};

TEST(KernelRegistry, RefusesDescriptionsThatContradictThemselves) {
    EXPECT_NO_THROW(KernelRegistry{ChangedPack().pack()});
    ChangedPack signature;
    signature.description.signature = "x[i -> y[i]";
    EXPECT_THROW(KernelRegistry{signature.pack()}, UnavailableError);
    ChangedPack arguments;
    arguments.description.signature = "a[...], b[...], c[...], d[...] -> e[...]";
    EXPECT_THROW(KernelRegistry{arguments.pack()}, UnavailableError);
    ChangedPack version;
    version.table.abi_version = 0;
    EXPECT_THROW(KernelRegistry{version.pack()}, UnavailableError);
    ChangedPack fold;
    fold.description.signature = "a[...] -> c[...] : sum(axis)";
    EXPECT_THROW(KernelRegistry{fold.pack()}, UnavailableError);
}

TEST(KernelRegistry, RefusesAParameterOfTypeDtypeWithADefault) {
    ChangedPack pack;
    maniple_parameter_description parameter{"dtype", "dtype", 1, {0}, "d"};
    pack.description.parameters = &parameter;
    pack.description.parameter_count = 1;
    EXPECT_NO_THROW(KernelRegistry{pack.pack()});
    parameter.required = 0;
    EXPECT_THROW(KernelRegistry{pack.pack()}, UnavailableError);
    parameter = {"dtype", "type", 1, {0}, "d"};
    EXPECT_THROW(KernelRegistry{pack.pack()}, UnavailableError);
}

class InstructionSet : public ::testing::Test {
protected:
    void TearDown() override { unsetenv("MANIPLE_ISA"); }
};

TEST_F(InstructionSet, IsTheBestThatRuns) {
    unsetenv("MANIPLE_ISA");
    const KernelRegistry registry(standard_kernels());
    const std::vector<std::string>& built = registry.all().front().instruction_sets;
    const std::string best = choose_instruction_set(built);
    EXPECT_NE(best, "checked");
    EXPECT_NE(std::find(built.begin(), built.end(), best), built.end());
    const std::vector<std::string> only_checked = {"checked"};
    EXPECT_THROW(choose_instruction_set(only_checked), UnavailableError);
}

TEST_F(InstructionSet, CanBeAskedFor) {
    const std::vector<std::string> built = {"checked", "base", "v2"};
    setenv("MANIPLE_ISA", "base", 1);
    EXPECT_EQ(choose_instruction_set(built), "base");
    setenv("MANIPLE_ISA", "v4", 1);
    EXPECT_THROW(choose_instruction_set(built), UnavailableError);  // not built
    setenv("MANIPLE_ISA", "checked", 1);
    EXPECT_THROW(choose_instruction_set(built), UnavailableError);
    setenv("MANIPLE_ISA", "", 1);
    EXPECT_NE(choose_instruction_set(built), "checked");
}

}  // namespace
}  // namespace maniple
