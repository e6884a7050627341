#include "lanes/check/check_kernel.hpp"

#include <gtest/gtest.h>

#include "kernel/kernel.hpp"

extern "C" const maniple_pack maniple_pack_cheats;
extern "C" const maniple_pack maniple_pack_test;

namespace maniple {

/// For messages of GoogleTest.
void PrintTo(const Property& property, std::ostream* stream) { *stream << fault_name(property); }

namespace {

KernelCheck check(const Kernel& kernel, const CheckSettings& settings = {}) {
    return check_kernel(kernel, cpu_runners(), settings);
}

std::string text(const KernelCheck& check) {
    std::string result;
    for (const CheckFailure& failure : check.failures) {
        result += check.kernel + " " + failure.types + " on " + failure.lane + ": " +
                  std::string(fault_name(failure.property)) + "\n  " + failure.where + "\n  " + failure.what + "\n";
    }
    return result;
}

/// Combinations of types times the runners that have them.
std::int64_t runs_of(const Kernel& kernel) {
    std::int64_t runs = 0;
    for (const auto& runner : cpu_runners()) {
        for (std::size_t types = 0; types < kernel.types.size(); ++types)
            runs += runner->can_run(kernel, types) ? 1 : 0;
    }
    return runs;
}

void expect_good(const maniple_pack& pack, const CheckSettings& settings) {
    const KernelRegistry registry(pack);
    for (const Kernel& kernel : registry.all()) {
        const KernelCheck found = check(kernel, settings);
        EXPECT_TRUE(found.failures.empty()) << text(found);
        EXPECT_EQ(found.types, kernel.types.size());
        EXPECT_EQ(found.cases, runs_of(kernel) * settings.cases);
        EXPECT_GE(found.lanes.size(), 2u) << kernel.name;
    }
}

TEST(CheckKernel, StandardKernelsKeepToWhatTheyDeclare) { expect_good(standard_kernels(), {}); }

TEST(CheckKernel, KernelsOfEveryFormKeepToWhatTheyDeclare) {
    for (const std::uint64_t seed : {1, 2, 3}) expect_good(maniple_pack_test, {seed, 24});
}

TEST(CheckKernel, KernelsWrittenByHandMayBeHonest) {
    const KernelRegistry registry(maniple_pack_cheats);
    for (const char* name : {"honest", "honest_sum"}) {
        for (std::uint64_t seed = 0; seed < 10; ++seed) {
            const KernelCheck found = check(*registry.find(name), {seed, 24});
            EXPECT_TRUE(found.failures.empty()) << text(found);
        }
    }
}

struct Cheat {
    const char* kernel;
    Property property;
};

class CheckCheat : public ::testing::TestWithParam<Cheat> {};

/// With the cases of the command, whatever the seed.
TEST_P(CheckCheat, IsCaught) {
    const KernelRegistry registry(maniple_pack_cheats);
    const Kernel* const kernel = registry.find(GetParam().kernel);
    ASSERT_NE(kernel, nullptr);
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const KernelCheck found = check(*kernel, {seed, 12});
        ASSERT_FALSE(found.failures.empty()) << "seed " << seed;
        for (const CheckFailure& failure : found.failures)
            EXPECT_EQ(failure.property, GetParam().property) << "seed " << seed << "\n" << text(found);
        // On every lane, not on one that happens to be the first.
        const bool by_lane = GetParam().property != Property::operations;
        EXPECT_EQ(found.failures.size(), by_lane ? found.lanes.size() : 1u) << text(found);
    }
}

std::string name_of_cheat(const ::testing::TestParamInfo<Cheat>& info) { return info.param.kernel; }

INSTANTIATE_TEST_SUITE_P(
    Kernels, CheckCheat,
    ::testing::Values(Cheat{"reads_far", Property::read_box}, Cheat{"writes_past", Property::write_box},
                      Cheat{"skips_one", Property::writes_all}, Cheat{"reads_output", Property::reads_output},
                      Cheat{"keeps_old_states", Property::reads_output}, Cheat{"knows_its_box", Property::boxes},
                      Cheat{"forgets_a_part", Property::boxes}, Cheat{"wrong_count", Property::operations}),
    name_of_cheat);

TEST(CheckKernel, FindsTheInstructionSetThatDiffers) {
    const KernelRegistry registry(maniple_pack_cheats);
    const Kernel& kernel = *registry.find("lanes_differ");
    if (!processor_runs(kernel.instruction_sets.back()) || kernel.instruction_sets.back() == "base")
        GTEST_SKIP() << "needs a second instruction set";
    const KernelCheck found = check(kernel);
    ASSERT_EQ(found.failures.size(), 1u) << text(found);
    EXPECT_EQ(found.failures[0].property, Property::reference);
    EXPECT_EQ(found.failures[0].lane, "v3");
    EXPECT_EQ(found.failures[0].types, "f32->f32");
    EXPECT_NE(found.failures[0].what.find("y["), std::string::npos) << found.failures[0].what;
}

TEST(CheckKernel, IsTheSameForTheSameSeed) {
    const KernelRegistry registry(maniple_pack_cheats);
    const Kernel& kernel = *registry.find("reads_far");
    EXPECT_EQ(text(check(kernel, {7, 12})), text(check(kernel, {7, 12})));
    EXPECT_NE(text(check(kernel, {7, 12})), text(check(kernel, {8, 12})));
}

/// Calls the code of another runner and changes one bit of what it gives, as a device might.
class OffByOneBit final : public KernelRunner {
public:
    explicit OffByOneBit(bool promises_bits) : promises_bits_(promises_bits), inner_(std::move(cpu_runners()[0])) {}
    std::string name() const override { return "device"; }
    bool can_run(const Kernel& kernel, std::size_t types) const override { return inner_->can_run(kernel, types); }
    bool has_reference_bits(const Kernel&, std::size_t) const override { return promises_bits_; }
    bool keeps_order() const override { return false; }
    std::optional<std::string> run(const Operation& operation, std::span<const KernelTask> tasks) override {
        const auto error = inner_->run(operation, tasks);
        const KernelTask& last = tasks.back();
        const Box box = touched_box(operation.bound->writes[0], last.points, last.writes[0].box.shape());
        if (!box.empty()) *last.writes[0].at(box.lo) ^= std::byte{1};
        return error;
    }

private:
    bool promises_bits_;
    std::unique_ptr<KernelRunner> inner_;
};

KernelCheck check_device(const Kernel& kernel, bool promises_bits) {
    std::vector<std::unique_ptr<KernelRunner>> runners = cpu_runners();
    runners.push_back(std::make_unique<OffByOneBit>(promises_bits));
    return check_kernel(kernel, runners, {});
}

TEST(CheckKernel, AnotherLaneAgreesInEveryBitOrWithinTheTolerance) {
    const KernelRegistry registry(standard_kernels());
    const KernelCheck exact = check_device(*registry.find("neg"), true);
    EXPECT_EQ(exact.failures.size(), exact.types) << text(exact);
    for (const CheckFailure& failure : exact.failures) {
        EXPECT_EQ(failure.lane, "device");
        EXPECT_EQ(failure.property, Property::reference);
    }
    // The lowest bit of a result is one eps at most; boxes are one bit more.
    const KernelCheck rounded = check_device(*registry.find("sum"), false);
    for (const CheckFailure& failure : rounded.failures) {
        const bool real = failure.types.starts_with("f");
        EXPECT_FALSE(real) << text(rounded);
    }
    EXPECT_FALSE(rounded.failures.empty());
}

TEST(CheckKernel, SaysWhereThereIsNoReference) {
    const KernelRegistry registry(maniple_pack_cheats);
    std::vector<std::unique_ptr<KernelRunner>> runners;
    const KernelCheck found = check_kernel(*registry.find("honest"), runners, {});
    ASSERT_EQ(found.failures.size(), 1u);
    EXPECT_EQ(found.failures[0].property, Property::described);
}

}  // namespace
}  // namespace maniple
