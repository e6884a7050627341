// Plans that are made to fit: what a rank needs falls with each means, and is proved and exact.
#include "program/fit_memory.hpp"

#include <gtest/gtest.h>

#include "program/blocks.hpp"
#include "program/predict.hpp"
#include "program/proof.hpp"
#include "program/rank_proof.hpp"
#include "program/soundness.hpp"
#include "shipped.hpp"

namespace maniple {
namespace {

struct Case {
    explicit Case(const std::string& job, const PlanRequest& wanted, int ranks)
        : machine(Machine::uniform(ranks, {})), request{machine, nothing, LaneUse::cpu},
          planned(plan_graph(shipped_graph(job), machine, wanted)) {}

    Fit fit(std::int64_t bytes, MemoryUse use) const {
        Constraints constraints;
        constraints.memory.bytes = bytes;
        constraints.memory_use = use;
        return fit_memory(planned, request, constraints);
    }

    Machine machine;
    ThroughputHistory nothing;
    PredictionRequest request;
    PlannedGraph planned;
};

PlanRequest strategy(const char* name) {
    PlanRequest request;
    request.strategy = name;
    return request;
}

/// The plan needs what was promised, and neither its order nor its memory has a fault.
void expect_proved(const Case& of, const Fit& fit, const std::string& what) {
    const PlannedGraph made = with_means(of.planned, deserialize_means(serialize(fit.means)));
    const std::vector<LaneChoice> lanes = lanes_of_ranks(made.graph, made.plan, of.request);
    EXPECT_NO_THROW(prove(made.graph, made.plan, {fit.bytes, "the test"}, lanes)) << what;
    EXPECT_THROW(prove(made.graph, made.plan, {fit.bytes - 1, "the test"}, lanes), UnavailableError) << what;
    for (int rank = 0; rank < made.plan.ranks; ++rank) {
        const Layout layout = build_layout(made.graph, made.plan, Rank(rank), lanes[static_cast<std::size_t>(rank)]);
        const Program program =
            build_program(made.graph, made.plan, layout, block_at(made.graph, layout.versions, 0).shape);
        EXPECT_EQ(fault_of(made.graph, layout, program), "") << what;
    }
}

bool of_all(const std::string& name) { return name == "data" || name == "stealing"; }

TEST(FitMemory, EachMeansNeedsLessThanTheOneBefore) {
    for (const char* name : {"data", "model", "pipeline", "stealing"}) {
        for (const int ranks : {1, 2, 3, 4}) {
            const Case unet("unet-like", strategy(name), ranks);
            const std::string what = std::string(name) + " on " + std::to_string(ranks);
            const Fit fast = unet.fit(1, MemoryUse::fast);
            const Fit balanced = unet.fit(1, MemoryUse::balanced);
            const Fit small = unet.fit(1, MemoryUse::small);
            EXPECT_TRUE(fast.means.none());
            EXPECT_LT(balanced.bytes, fast.bytes) << what;
            EXPECT_LE(small.bytes, balanced.bytes) << what << ": there may be an operation that needs all of it";
            if (of_all(name)) { EXPECT_LT(small.bytes, balanced.bytes) << what; }
            expect_proved(unet, balanced, what);
            expect_proved(unet, small, what);
        }
    }
}

double seconds_of(const Case& of, const Fit& fit) {
    const PlannedGraph made = with_means(of.planned, fit.means);
    return predict(made.graph, made.plan, of.request).seconds;
}

TEST(FitMemory, WhatItCostsIsPredicted) {
    const Case unet("unet-like", strategy("data"), 1);
    const Fit balanced = unet.fit(1, MemoryUse::balanced), small = unet.fit(1, MemoryUse::small);
    EXPECT_FALSE(balanced.means.steps.empty());
    EXPECT_GT(small.means.steps.size(), balanced.means.steps.size());
    EXPECT_GT(seconds_of(unet, balanced), seconds_of(unet, unet.fit(1, MemoryUse::fast)));
    EXPECT_GT(seconds_of(unet, small), seconds_of(unet, balanced));
}

/// The nearest memory that a refusal names can be had, and so can all that is more.
TEST(FitMemory, WhatIsNamedAsLeastFits) {
    const Case unet("unet-like", strategy("data"), 2);
    const std::int64_t least = unet.fit(1, MemoryUse::small).bytes;
    const std::int64_t most = unet.fit(1, MemoryUse::fast).bytes;
    for (int tenth = 0; tenth <= 10; ++tenth) {
        const std::int64_t bytes = least + (most - least) * tenth / 10;
        EXPECT_LE(unet.fit(bytes, MemoryUse::small).bytes, bytes);
    }
    EXPECT_TRUE(unet.fit(most, MemoryUse::small).means.none()) << "it fits as it is";
}

TEST(FitMemory, OfEveryShippedJobIsProvedAndExact) {
    for (const std::string& name : shipped_names()) {
        for (const int ranks : {1, 3}) {
            for (const PlanRequest& wanted : shipped_requests(ranks)) {
                if (ranks == 3 && wanted.strategy == "hybrid") continue;
                const Case job(name, wanted, ranks);
                const Fit fit = job.fit(1, MemoryUse::small);
                EXPECT_LE(fit.bytes, fit.before_bytes);
                expect_proved(job, fit, name + " " + wanted.strategy + " on " + std::to_string(ranks));
            }
        }
    }
}

/// Two buffers that are needed at the same time, in the same bytes.
TEST(FitMemory, AWrongPlaceInThePoolIsRefused) {
    const Case unet("unet-like", strategy("data"), 1);
    const PlannedGraph made = with_means(unet.planned, unet.fit(1, MemoryUse::small).means);
    const Layout good = build_layout(made.graph, made.plan, Rank(0));
    int wrong = 0, refused = 0;
    for (std::size_t i = 0; i < good.buffers.size() && wrong < 40; ++i) {
        for (std::size_t j = i + 1; j < good.buffers.size() && wrong < 40; ++j) {
            const bool together = good.buffers[i].pool_byte >= 0 && good.buffers[j].pool_byte >= 0 &&
                                  good.lives[i].overlaps(good.lives[j]) && good.lives[i].first < good.lives[j].first &&
                                  good.buffers[i].bytes() >= good.buffers[j].bytes();
            if (!together) continue;
            Layout bad = good;
            bad.buffers[j].pool_byte = bad.buffers[i].pool_byte;
            const Program program =
                build_program(made.graph, made.plan, bad, block_at(made.graph, bad.versions, 0).shape);
            ++wrong;
            refused += fault_of_rank(made.graph, bad, program).empty() ? 0 : 1;
        }
    }
    EXPECT_GT(wrong, 5);
    EXPECT_EQ(refused, wrong);
}

}  // namespace
}  // namespace maniple
