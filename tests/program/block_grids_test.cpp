// Blocks of several indices: who sends what to whom, and that all of it arrives.
#include <gtest/gtest.h>

#include <set>

#include "../plan/random_grids.hpp"
#include "example.hpp"
#include "plan/neighbours.hpp"
#include "program/combining.hpp"
#include "program/halo.hpp"
#include "program/proof.hpp"

namespace maniple {
namespace {

std::string stencil_job(const std::string& call, int steps) {
    return "maniple: 1\nname: blocks\ninputs: {u: in.h5:/u}\ngraph:\n  v: \"" + call +
           "\"\nloop: {steps: " + std::to_string(steps) + ", carry: {u: v}}\noutputs: {v: out.h5:/v}\n";
}

/// The same job, cut as is asked for.
Example cut(const std::string& text, const Shape& shape, int ranks, const std::vector<BlockGrid>& grids) {
    Example example(text, shape, ranks);
    example.plan = make_plan(example.graph, Machine::uniform(ranks, {}), {"data", 0, grids});
    example.layouts.clear();
    for (int rank = 0; rank < ranks; ++rank)
        example.layouts.push_back(build_layout(example.graph, example.plan, Rank(rank)));
    return example;
}

/// What `rank` sends in step 1 of the first block: bytes by receiver.
std::map<int, std::int64_t> sent_in_a_step(const Example& example, int rank) {
    std::map<int, std::int64_t> bytes;
    const Program program = example.program(rank, example.first_block());
    for (const Instruction& instruction : program.instructions) {
        if (instruction.kind == InstructionKind::send && instruction.step == 1)
            bytes[instruction.peer.value] += instruction.bytes;
    }
    return bytes;
}

TEST(BlockGrids, FaceNeighboursExchangeFacesAndNoCorners) {
    const Example example = cut(stencil_job("heat_step(u, alpha=0.1)", 4), {8, 12}, 4, {{{{0, 2}, {1, 2}}}});
    EXPECT_EQ(sent_in_a_step(example, 0), (std::map<int, std::int64_t>{{1, 4 * 4}, {2, 6 * 4}}));
    EXPECT_EQ(sent_in_a_step(example, 3), (std::map<int, std::int64_t>{{1, 6 * 4}, {2, 4 * 4}}));
}

TEST(BlockGrids, CornersAreExchangedWhereTheSignatureNeedsThem) {
    const Example example = cut(stencil_job("blur(u, radius=2)", 4), {8, 12}, 4, {{{{0, 2}, {1, 2}}}});
    EXPECT_EQ(sent_in_a_step(example, 0), (std::map<int, std::int64_t>{{1, 8 * 4}, {2, 12 * 4}, {3, 4 * 4}}));
}

TEST(BlockGrids, PeriodicEdgesLeadToTheOtherEnd) {
    const std::string job = stencil_job("heat_step(u, alpha=0.1, boundary=[clamp, periodic])", 4);
    const Example example = cut(job, {9, 9}, 9, {{{{0, 3}, {1, 3}}}});
    std::set<int> peers;
    for (const auto& [peer, bytes] : sent_in_a_step(example, 0)) peers.insert(peer);
    EXPECT_EQ(peers, (std::set<int>{1, 2, 3}));
    peers.clear();
    for (const auto& [peer, bytes] : sent_in_a_step(example, 4)) peers.insert(peer);
    EXPECT_EQ(peers, (std::set<int>{1, 3, 5, 7}));
}

TEST(BlockGrids, AThirdAxisIsCutLikeTheOthers) {
    const Example example =
        cut(stencil_job("heat_step3d(u, alpha=0.1)", 4), {4, 6, 8}, 8, {{{{0, 2}, {1, 2}, {2, 2}}}});
    EXPECT_EQ(sent_in_a_step(example, 0), (std::map<int, std::int64_t>{{1, 6 * 4}, {2, 8 * 4}, {4, 12 * 4}}));
}

TEST(BlockGrids, EqualGridsMoveNothingBetweenOperations) {
    const std::string job = R"yaml(maniple: 1
name: chain
inputs: {u: in.h5:/u}
graph: {a: "u * 2", b: "a + u", v: "b - 1"}
loop: {steps: 3, carry: {u: v}}
outputs: {v: out.h5:/v}
)yaml";
    const Example example(job, {512, 512}, 4);
    for (int rank = 0; rank < 4; ++rank) EXPECT_TRUE(sent_in_a_step(example, rank).empty());
}

/// Both ends of every message agree, and nothing waits for itself, whatever the grids.
TEST(BlockGrids, AllMessagesArriveWhateverTheGrids) {
    const char* const calls[] = {"blur(u, radius=3, boundary=periodic)", "blur(u, radius=2, boundary=[zero, periodic])",
                                 "heat_step(u, alpha=0.1) + blur(u * 2, radius=1, boundary=[periodic, clamp])",
                                 "heat_step(blur(u) + sum(u, axis=0, keepdims=true) + mean(u), alpha=0.1)"};
    for (std::uint32_t seed = 0; seed < 60; ++seed) {
        const int ranks = 2 + static_cast<int>(seed % 11);
        const Shape shape{5 + static_cast<std::int64_t>(seed % 8), 4 + static_cast<std::int64_t>(seed % 13)};
        Example example(stencil_job(calls[seed % 4], 5), shape, ranks);
        PlanRequest request;
        request.grids = random_grids(example.graph, seed, ranks);
        example.plan = make_plan(example.graph, Machine::uniform(ranks, {}), request);
        EXPECT_NO_THROW(prove(example.graph, example.plan, {})) << "seed " << seed;
    }
}

/// What readers_of and owners_of look up, by asking every rank.
TEST(BlockGrids, NeighboursAreFoundWithoutAskingEveryRank) {
    for (std::uint32_t seed = 0; seed < 60; ++seed) {
        const int ranks = 2 + static_cast<int>(seed % 11);
        const char* const rules[] = {"clamp", "zero", "periodic"};
        const std::string job =
            stencil_job("blur(u, radius=" + std::to_string(1 + seed % 4) + ", boundary=" + rules[seed % 3] + ")", 2);
        Example example(job, {4 + seed % 9, 5 + seed % 7}, ranks);
        PlanRequest request;
        request.grids = random_grids(example.graph, seed, ranks);
        example.plan = make_plan(example.graph, Machine::uniform(ranks, {}), request);
        const OperationId id(std::size_t{0});
        const Operation& operation = example.graph[id];
        const TensorId u = operation.inputs[0], v = operation.outputs[0];
        const BoundaryRule rule = rule_of(operation, 0);
        for (int me = 0; me < ranks; ++me) {
            const Box owned = owned_box(example.graph, example.plan, v, Rank(me));
            const std::vector<Rank> readers =
                readers_of(example.graph, example.plan, {id, operation.bound->reads[0], u, rule}, owned);
            std::vector<Rank> owners;
            for (int other = 0; other < ranks; ++other) {
                bool needs = false;
                for (const Box& need : needs_of(example.graph, example.plan, id, u, rule, Rank(other))) {
                    for (const HaloPiece& piece : halo_pieces(need, example.graph[u].shape, rule))
                        needs = needs || (piece.kind == HaloPiece::Kind::move && overlap(piece.source, owned));
                }
                const bool found = std::find(readers.begin(), readers.end(), Rank(other)) != readers.end();
                EXPECT_TRUE(found || !needs) << "seed " << seed << ", " << me << " and " << other;
                if (overlap(owned_box(example.graph, example.plan, v, Rank(other)), owned)) owners.emplace_back(other);
            }
            EXPECT_EQ(owners_of(example.graph, example.plan, v, owned), owners);
        }
    }
}

TEST(Combining, OneRankFinishesAfterFewMessages) {
    const std::string job = "maniple: 1\nname: s\ninputs: {u: in.h5:/u}\ngraph: {s: sum(u)}\noutputs: {s: out.h5:/s}\n";
    for (const int ranks : {2, 3, 5, 8, 13}) {
        const Example example = cut(job, {40, 3}, ranks, {{{{0, ranks}}}});
        int sent = 0;
        std::size_t most = 0;
        for (int rank = 0; rank < ranks; ++rank) {
            const Combining part = combining_on(example.graph, example.plan, OperationId(std::size_t{0}), Rank(rank));
            sent += part.to.valid() ? 1 : 0;
            most = std::max(most, part.from.size());
            int at = part.member + 1;
            for (const StateMessage& message : part.from) {
                EXPECT_EQ(message.first, at);  // runs of members, one after the other
                at = message.end;
            }
            EXPECT_EQ(at, part.end_member);
        }
        EXPECT_EQ(sent, ranks - 1);
        EXPECT_LE(std::size_t{1} << (most - 1), static_cast<std::size_t>(ranks - 1));
        EXPECT_NO_THROW(prove(example.graph, example.plan, {}));
    }
}

TEST(Combining, LargeResultsAreFinishedByAllWhoFoldThem) {
    const std::string job =
        "maniple: 1\nname: s\ninputs: {u: in.h5:/u}\ngraph: {s: \"sum(u, axis=0)\"}\noutputs: {s: out.h5:/s}\n";
    const Example example = cut(job, {8, 20000}, 4, {{{{0, 2}, {1, 2}}}});
    Region covered;
    std::int64_t volume = 0;
    for (int rank = 0; rank < 4; ++rank) {
        const Box results = results_of(example.graph, example.plan, OperationId(std::size_t{0}), Rank(rank));
        EXPECT_EQ(results.volume(), 5000);
        covered.add(results);
        volume += results.volume();
    }
    EXPECT_TRUE(covered.contains(Box::whole({20000})));
    EXPECT_EQ(volume, 20000);
    EXPECT_NO_THROW(prove(example.graph, example.plan, {}));
}

}  // namespace
}  // namespace maniple
