// Programs whose ranks hand on what several of them need: how many messages of which kind, and the proof of all of them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>

#include "program/blocks.hpp"
#include "program/proof.hpp"

namespace maniple {
namespace {

struct Example {
    explicit Example(const std::string& text)
        : registry(standard_kernels()), graph(build_graph(parse_job(text, "test.yaml"), {}, registry)) {}

    PlannedGraph plan(const Machine& machine, CommMode comm, const std::string& strategy = "data") const {
        PlanRequest request;
        request.strategy = strategy;
        request.comm = comm;
        return plan_graph(graph, machine, request);
    }

    KernelRegistry registry;
    Graph graph;
};

/// Every body looks at all of them.
const char* const bodies = R"yaml(maniple: 1
name: bodies
inputs:
  p: {shape: [40, 3], fill: normal(seed=1)}
  v: {shape: [40, 3], fill: 0}
  m: {shape: [40], fill: 1}
graph:
  a: nbody_forces(p, m, softening=0.1)
  w: axpy(a, v, a=0.01)
  q: axpy(w, p, a=0.01)
loop: {steps: 3, carry: {p: q, v: w}}
outputs: {q: out.h5:/q}
)yaml";

/// A sum that all ranks need.
const char* const centred = R"yaml(maniple: 1
name: centred
inputs:
  x: {shape: [60, 4], fill: normal(seed=1)}
graph:
  s: sum(x)
  y: x - s
outputs: {y: out.h5:/y}
)yaml";

/// A loop that ends where every rank knows that it does.
const char* const until = R"yaml(maniple: 1
name: until
inputs:
  u: {shape: [64, 16], fill: normal(seed=1)}
graph:
  v: heat_step(u, alpha=0.2)
  top: max(v)
loop: {steps: 40, carry: {u: v}, until: top < 0.01}
outputs: {v: out.h5:/v}
)yaml";

/// Ranks of nodes of two, whose cards are slow.
Machine pairs(int ranks) {
    Machine machine = Machine::uniform(ranks, {});
    for (int rank = 0; rank < ranks; ++rank)
        machine.ranks[static_cast<std::size_t>(rank)].host = std::to_string(rank / 2);
    machine.rates.between.bytes = 1e-6;
    return machine;
}

std::vector<MessageCounts> sent_by_ranks(const PlannedGraph& planned) {
    std::vector<MessageCounts> all;
    for (int rank = 0; rank < planned.plan.ranks; ++rank) {
        const Layout layout = build_layout(planned.graph, planned.plan, Rank(rank));
        StepBlock block;
        set_first_block(planned.graph, layout.versions, block);
        const Program program = build_program(planned.graph, planned.plan, layout, block.shape);
        all.push_back(program.messages);
        std::int64_t count = 0, bytes = 0;
        for (const MessageCounts::Count& one : program.messages.by_kind) {
            count += one.count;
            bytes += one.bytes;
        }
        EXPECT_EQ(count, program.message_count);
        EXPECT_EQ(bytes, program.message_bytes);
    }
    return all;
}

/// In each of three steps: 10 (or 8) bodies of 12 bytes, once over each link for each other rank.
TEST(Relays, BodiesGoAroundARing) {
    const Example example(bodies);
    for (const int ranks : {4, 5}) {
        const PlannedGraph planned = example.plan(pairs(ranks), CommMode::collective);
        for (const MessageCounts& sent : sent_by_ranks(planned)) {
            EXPECT_EQ(sent[MessageKind::ring].count, 3 * (ranks - 1));
            EXPECT_EQ(sent[MessageKind::ring].bytes, 3 * (ranks - 1) * (40 / ranks) * 12);
            EXPECT_EQ(sent[MessageKind::p2p].count, 0);
        }
    }
}

TEST(Relays, FewBodiesAreDoubled) {
    const Example example(bodies);
    const std::vector<MessageCounts> sent = sent_by_ranks(example.plan(Machine::uniform(4, {}), CommMode::collective));
    for (std::size_t rank = 0; rank < sent.size(); ++rank) {
        EXPECT_EQ(sent[rank][MessageKind::doubling].count, 3 * (rank == 3 ? 3 : 2));
        EXPECT_EQ(sent[rank][MessageKind::doubling].bytes, 3 * 3 * 10 * 12);
    }
}

/// Up a tree, as always, and down one: the root sends log2 of the ranks instead of all.
TEST(Relays, ASumComesBackDownATree) {
    const Example example(centred);
    for (const auto& [ranks, root] : {std::pair(4, 2), std::pair(5, 3)}) {
        std::int64_t all = 0;
        const std::vector<MessageCounts> sent =
            sent_by_ranks(example.plan(Machine::uniform(ranks, {}), CommMode::collective));
        for (const MessageCounts& one : sent) {
            all += one[MessageKind::tree].count;
            EXPECT_EQ(one[MessageKind::p2p].count, 0);
        }
        EXPECT_EQ(all, 2 * (ranks - 1));
        EXPECT_EQ(sent[0][MessageKind::tree].count, root);
        const std::vector<MessageCounts> direct =
            sent_by_ranks(example.plan(Machine::uniform(ranks, {}), CommMode::direct));
        EXPECT_EQ(direct[0][MessageKind::p2p].count, ranks - 1);
        EXPECT_EQ(direct[0][MessageKind::tree].count, 0);
    }
}

/// A sum with many results over rows that are cut: each rank finishes a part of them.
const char* const columns = R"yaml(maniple: 1
name: columns
inputs:
  x: {shape: [64, 30000], fill: normal(seed=1)}
graph:
  s: sum(x, axis=0)
  y: x - s
outputs: {y: out.h5:/y}
)yaml";

/// As many messages as if each went straight to who finishes, but to the next rank alone.
TEST(Relays, StatesGoAroundARingToThoseWhoFinish) {
    const Example example(columns);
    for (const int ranks : {4, 5}) {
        PlanRequest request;
        request.strategy = "data";
        for (const Operation& operation : example.graph.operations) {
            const auto& indices = operation.bound->indices;
            const auto contracted =
                std::find_if(indices.begin(), indices.end(), [](const auto& one) { return one.contracted; });
            const bool folds = contracted != indices.end();
            BlockGrid rows;
            rows.cuts = {{folds ? static_cast<int>(contracted - indices.begin()) : 0, ranks}};
            request.grids.push_back(rows);
        }
        for (const CommMode comm : {CommMode::direct, CommMode::collective}) {
            request.comm = comm;
            const PlannedGraph planned = plan_graph(example.graph, pairs(ranks), request);
            ASSERT_EQ(planned.plan.operations.front().finishers, ranks);
            const MessageKind kind = comm == CommMode::direct ? MessageKind::p2p : MessageKind::ring;
            for (int rank = 0; rank < ranks; ++rank) {
                const Layout layout = build_layout(planned.graph, planned.plan, Rank(rank));
                const Program program = build_program(planned.graph, planned.plan, layout,
                                                      block_at(planned.graph, layout.versions, 0).shape);
                int states = 0;
                std::set<int> peers;
                for (const Instruction& one : program.instructions) {
                    if (one.kind != InstructionKind::send || one.box.rank() != 2 ||
                        one.tensor != example.graph.operations.front().outputs[0])
                        continue;
                    ++states;
                    peers.insert(one.peer.value);
                }
                EXPECT_EQ(states, ranks - 1);
                EXPECT_EQ(peers.size(), comm == CommMode::direct ? static_cast<std::size_t>(ranks - 1) : 1U);
                EXPECT_GE(program.messages[kind].count, ranks - 1);
            }
            EXPECT_GT(prove(planned.graph, planned.plan, {}).messages, 0);
        }
    }
}

TEST(Relays, WhatIsAskedForChangesNothingElse) {
    for (const char* const text : {bodies, centred, until}) {
        const Example example(text);
        for (const int ranks : {1, 2}) {
            const std::vector<MessageCounts> direct =
                sent_by_ranks(example.plan(Machine::uniform(ranks, {}), CommMode::direct));
            const std::vector<MessageCounts> collective =
                sent_by_ranks(example.plan(Machine::uniform(ranks, {}), CommMode::collective));
            for (std::size_t rank = 0; rank < direct.size(); ++rank)
                EXPECT_EQ(direct[rank][MessageKind::p2p].count, collective[rank][MessageKind::p2p].count);
        }
    }
}

/// One rank's program of many operations whose results all of 1,024 ranks need takes time that grows with the ranks alone.
TEST(Relays, AreFoundSoonOnManyRanks) {
    std::string text = "maniple: 1\nname: deep\ninputs:\n  h0: {shape: [2048, 4], fill: normal(seed=1)}\ngraph:\n";
    constexpr int layers = 500;
    for (int i = 0; i < layers; ++i) text += fmt::format("  s{0}: sum(h{0}, axis=0)\n  h{1}: h{0} - s{0}\n", i, i + 1);
    const Example example(text + fmt::format("outputs: {{h{}: out.h5:/h}}\n", layers));
    const PlannedGraph planned = example.plan(Machine::uniform(1024, {}), CommMode::collective);
    const auto begin = std::chrono::steady_clock::now();
    const Layout layout = build_layout(planned.graph, planned.plan, Rank(512));
    const Program program =
        build_program(planned.graph, planned.plan, layout, block_at(planned.graph, layout.versions, 0).shape);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    EXPECT_GT(program.messages[MessageKind::tree].count, layers);
    EXPECT_LT(seconds.count(), 5) << "it takes 0.02 or so";
    std::printf("%zu operations on 1024 ranks: %.3f s\n", planned.graph.operations.size(), seconds.count());
}

TEST(Relays, AreProved) {
    for (const char* const text : {bodies, centred, until}) {
        const Example example(text);
        for (const int ranks : {3, 4, 5, 7, 8, 16}) {
            for (const Machine& machine : {Machine::uniform(ranks, {}), pairs(ranks)}) {
                for (const char* const strategy : {"data", "model", "stealing"}) {
                    const PlannedGraph planned = example.plan(machine, CommMode::collective, strategy);
                    EXPECT_GT(prove(planned.graph, planned.plan, {}).messages, 0);
                }
            }
        }
    }
}

}  // namespace
}  // namespace maniple
