// 500 wrong sets of programs: all are refused, and those that they were made of are not.
#include "mutation.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <memory>

#include "program/blocks.hpp"
#include "program/fit_memory.hpp"
#include "program/predict.hpp"
#include "program/proof.hpp"
#include "shipped.hpp"

namespace maniple {
namespace {

constexpr int wanted = 500;

struct Source {
    const char* job;
    int ranks;
    const char* strategy;
    bool alternates = false;
    int depth = 0;
    int gpus = 0;       ///< of each rank
    bool fits = false;  ///< in as little memory as can be
    CommMode comm = CommMode::automatic;
};

constexpr Source sources[] = {
    {"terrain", 3, "data"},
    {"life", 4, "data"},
    {"gray-scott", 2, "data", false, 0, 1},
    {"digits", 3, "model"},
    {"transformer-block", 2, "model"},
    {"layers", 3, "pipeline", true, 1},
    {"unet-like", 2, "pipeline", true, 2},
    {"nbody", 2, "data"},
    {"layers", 2, "pipeline", false, 0, 2},
    {"unet-like", 2, "data", false, 0, 0, true},
    {"unet-like", 2, "pipeline", false, 0, 0, true},
    {"nbody", 4, "data", false, 0, 0, false, CommMode::collective},
    {"transformer-block", 3, "model", false, 0, 1, false, CommMode::collective},
};

/// Sources, whole: the graphs that the programs are of.
struct Made {
    PlannedGraph planned;
    std::vector<BlockPrograms> blocks;
};

Machine machine_of(const Source& source) {
    RankFacts facts;
    facts.threads = 2;
    for (int i = 0; i < source.gpus; ++i) {
        GpuFacts gpu;
        gpu.name = "imitated";
        gpu.device = i;
        gpu.keeps_denormals = true;
        gpu.features = ~std::uint32_t{0};
        facts.gpus.push_back(gpu);
    }
    return Machine::uniform(source.ranks, facts);
}

std::unique_ptr<Made> make(const Source& source) {
    PlanRequest request;
    request.strategy = source.strategy;
    request.alternates = source.alternates;
    request.buffer_depth = source.depth;
    request.comm = source.comm;
    request.microbatches = request.strategy == "pipeline" ? 6 : 0;
    const Machine machine = machine_of(source);
    const ThroughputHistory nothing;
    auto made = std::make_unique<Made>();
    made->planned = plan_graph(shipped_graph(source.job), machine, request);
    if (source.fits) {
        Constraints little;
        little.memory.bytes = 1;
        little.memory_use = MemoryUse::small;
        made->planned =
            with_means(made->planned, fit_memory(made->planned, {machine, nothing, LaneUse::cpu}, little).means);
    }
    const Graph& graph = made->planned.graph;
    const Plan& plan = made->planned.plan;
    const LaneUse use = source.gpus > 0 ? LaneUse::both : LaneUse::cpu;
    const std::vector<LaneChoice> lanes = lanes_of_ranks(graph, plan, {machine, nothing, use});
    std::vector<Layout> layouts;
    for (int rank = 0; rank < source.ranks; ++rank)
        layouts.push_back(build_layout(graph, plan, Rank(rank), lanes[static_cast<std::size_t>(rank)]));
    StepBlock block = block_at(graph, layouts[0].versions, 0);
    for (int number = 0; number < 2; ++number) {
        BlockPrograms programs{&graph, layouts, {}};
        for (const Layout& layout : layouts)
            programs.programs.push_back(build_program(graph, plan, layout, block.shape));
        made->blocks.push_back(std::move(programs));
        if (block.end() >= graph.steps) break;
        set_next_block(graph, layouts[0].versions, 0, block);
    }
    return made;
}

TEST(Mutations, AreRefusedAndTheirOriginalsAreNot) {
    std::vector<std::unique_ptr<Made>> all;
    std::vector<const BlockPrograms*> blocks;
    for (const Source& source : sources) {
        all.push_back(make(source));
        for (const BlockPrograms& block : all.back()->blocks) {
            EXPECT_EQ(fault_of_block(*block.graph, block.layouts, block.programs), "") << source.job;
            blocks.push_back(&block);
        }
    }
    std::mt19937 random(20260);
    std::map<std::string, int> made;
    int count = 0;
    for (int turn = 0; count < wanted && turn < 2 * wanted; ++turn) {
        const Mutation& mutation = mutations()[static_cast<std::size_t>(turn) % mutations().size()];
        BlockPrograms block;
        std::optional<std::string> said;
        for (int tries = 0; tries < 20 && !said; ++tries) {  // not every block has a place for every kind
            block = *blocks[random() % blocks.size()];
            said = mutation.apply(block, random);
        }
        if (!said) continue;
        ++count;
        ++made[mutation.name];
        const std::string fault = fault_of_block(*block.graph, block.layouts, block.programs);
        EXPECT_NE(fault, "") << mutation.name << " in " << block.graph->name << " (" << *said << "), wrong since "
                             << mutation.because;
        EXPECT_NE(fault.find("rank "), std::string::npos) << fault;
    }
    EXPECT_EQ(count, wanted);
    for (const Mutation& mutation : mutations()) {
        EXPECT_GE(made[mutation.name], 10) << mutation.name;
        std::printf("%4d %s\n", made[mutation.name], mutation.name);
    }
}

/// The memory that is proved is all that is needed: a byte less is refused.
TEST(Mutations, AByteLessIsTooLittle) {
    for (const Source& source : sources) {
        const std::unique_ptr<Made> made = make(source);
        for (const Layout& layout : made->blocks[0].layouts) {
            EXPECT_NO_THROW(require_memory(layout, {layout.host_bytes(), "the test"}));
            EXPECT_THROW(require_memory(layout, {layout.host_bytes() - 1, "the test"}), UnavailableError);
        }
    }
}

}  // namespace
}  // namespace maniple
