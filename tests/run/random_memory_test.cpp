// Random graphs whose plans do not fit the memory, on several ranks, against the sequential reference.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <mpi.h>

#include <random>

#include "random_run.hpp"

namespace maniple {
namespace {

/// Operations that often read what was made long before; a third of the jobs are loops. Every result is exact.
std::string random_text(std::uint32_t seed) {
    std::mt19937 random(seed * 71 + 9);
    const auto draw = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
    std::vector<std::string> names = {"u", "w"};
    std::string text = fmt::format(
        "maniple: 1\nname: memory\ninputs:\n  u: {{shape: [{0}, {1}], fill: uniform(seed=1)}}\n"
        "  w: {{shape: [{0}, {1}], fill: uniform(seed=2)}}\ngraph:\n",
        20 + draw(80), 10 + draw(40));
    const std::size_t count = 8 + draw(14);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string newest = names.back(), any = names[draw(names.size())];
        const std::vector<std::string> calls = {
            fmt::format("heat_step({}, alpha=0.2)", newest),
            fmt::format("heat_step({}, alpha=0.1) + {}", newest, any),
            fmt::format("maximum(blur({}, radius=1), {})", newest, any),
            fmt::format("relu({} - {})", newest, any),
            fmt::format("blur({} * {}, radius=2)", newest, any),
            fmt::format("max({}, axis=1, keepdims=true) - blur({}, radius=1)", any, newest),
            fmt::format("transpose(blur(transpose({}, axes=[1, 0]), radius=1), axes=[1, 0]) + {}", newest, any)};
        names.push_back(fmt::format("v{}", i));
        text += fmt::format("  {}: \"{}\"\n", names.back(), calls[draw(calls.size())]);
    }
    if (seed % 3 == 0) text += fmt::format("loop: {{steps: {}, carry: {{u: {}}}}}\n", 1 + draw(5), names.back());
    text += fmt::format("outputs: {{{0}: out.h5:/{0}", names.back());
    if (seed % 2 == 0) text += fmt::format(", {0}: out.h5:/{0}", names[2 + draw(count - 1)]);
    return text + "}\n";
}

/// What does not fit by any means is not run.
template <class RunOne>
void run_all(std::uint32_t seeds, std::int64_t least_fitted, std::int64_t least_made, const RunOne& run_one) {
    const World world(MPI_COMM_WORLD);
    const KernelRegistry registry(standard_kernels());
    std::int64_t failures = 0;
    CaseCounts all;
    for (std::uint32_t seed = 0; seed < seeds && failures == 0; ++seed) {
        const CaseCounts counts = run_one(seed, world, registry);
        all.fitted += counts.fitted;
        all.unfit += counts.unfit;
        all.recomputed += counts.recomputed;
        all.spilled += counts.spilled;
        failures = world.sum(std::int64_t{::testing::Test::HasFailure() ? 1 : 0});
    }
    EXPECT_EQ(failures, 0);
    EXPECT_GE(all.fitted, least_fitted);
    EXPECT_GE(all.recomputed, least_made);
    EXPECT_GE(all.spilled, least_made / 4);
    if (!world.is_root()) return;
    std::printf("%lld fitted, %lld did not; %lld tensors were made again, %lld spilled\n",
                static_cast<long long>(all.fitted), static_cast<long long>(all.unfit),
                static_cast<long long>(all.recomputed), static_cast<long long>(all.spilled));
}

/// Of most of these jobs little is made and read within a step.
TEST(RandomGraphs, EqualTheReferenceInSevenTenthsOfTheMemory) {
    run_all(200, 5, 0, [](std::uint32_t seed, const World& world, const KernelRegistry& registry) {
        return run_seed(seed, world, registry, nullptr, {0, 0.7});
    });
}

TEST(RandomGraphs, ThatReadWhatWasMadeLongBeforeEqualTheReferenceInSevenTenthsOfTheMemory) {
    run_all(80, 40, 8, [](std::uint32_t seed, const World& world, const KernelRegistry& registry) {
        return run_text(random_text(seed), seed, world, registry, 0.7);
    });
}

TEST(RandomGraphs, ThatReadWhatWasMadeLongBeforeEqualTheReferenceInHalfOfTheMemory) {
    run_all(80, 20, 20, [](std::uint32_t seed, const World& world, const KernelRegistry& registry) {
        return run_text(random_text(seed), seed, world, registry, 0.5);
    });
}

}  // namespace
}  // namespace maniple
