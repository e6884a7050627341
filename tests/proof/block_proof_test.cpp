// What the proof says of small programs made by hand, and of the plans of the shipped jobs.
#include <gtest/gtest.h>

#include "program/hazards.hpp"
#include "program/proof.hpp"
#include "shipped.hpp"

namespace maniple {
namespace {

/// A rank whose buffers are slots of one row.
class ByHand {
public:
    ByHand(int rank, int slots) {
        layout.rank = program.rank = Rank(rank);
        for (int i = 0; i < slots; ++i)
            layout.buffers.push_back({"slot " + std::to_string(i), Box(Extents{0}, Extents{4}), 4, {}});
        hazards_ = std::make_unique<Hazards>(std::vector<bool>(static_cast<std::size_t>(slots), false));
    }

    void make(int slot) { add(InstructionKind::compute, LaneKind::cpu, slot, 0, 0); }
    void send(int slot, int to, int tag) { add(InstructionKind::send, LaneKind::net, slot, to, tag); }
    void receive(int slot, int from, int tag) { add(InstructionKind::receive, LaneKind::net, slot, from, tag); }
    void use(int slot) { add(InstructionKind::check, LaneKind::cpu, slot, 0, 0); }

    Program finish() {
        program.chunks = build_chunks(program.instructions);
        return program;
    }

    Layout layout;
    Program program;

private:
    void add(InstructionKind kind, LaneKind lane, int slot, int peer, int tag) {
        Instruction one;
        one.kind = kind;
        one.lane = lane;
        one.tensor = TensorId(std::size_t{0});
        one.box = Box(Extents{0}, Extents{4});
        const bool reads = kind == InstructionKind::send || kind == InstructionKind::check;
        const Use use{BufferId(static_cast<std::size_t>(slot)), one.box};
        if (reads) {
            one.reads.push_back(use);
        } else {
            one.writes.push_back(use);
        }
        one.peer = Rank(peer);
        one.tag = tag;
        one.bytes = 16;
        Touched touched;
        if (reads) {
            touched.reads.push_back(use);
        } else {
            touched.writes.push_back(use);
        }
        hazards_->order(touched, InstructionId(program.instructions.size()));
        one.after.append(touched.after.begin(), touched.after.end());
        program.instructions.push_back(std::move(one));
    }

    std::unique_ptr<Hazards> hazards_;
};

Graph one_tensor() {
    Graph graph;
    graph.tensors.resize(1);
    graph.tensors[0].name = "u";
    graph.tensors[0].shape = {4};
    return graph;
}

/// Rank 0 makes two values in turn, rank 1 wants the second one first: that takes two slots on one of them.
std::string out_of_order(int slots) {
    ByHand maker(0, slots), reader(1, slots);
    for (int value = 0; value < 2; ++value) {
        maker.make(value % slots);
        maker.send(value % slots, 1, value);
    }
    reader.receive(0, 0, 1);
    reader.use(0);
    reader.receive(1 % slots, 0, 0);
    reader.use(1 % slots);
    const Graph graph = one_tensor();
    return fault_of_block(graph, {maker.layout, reader.layout}, {maker.finish(), reader.finish()});
}

TEST(BlockProof, BuffersThatAreUsedAgainArePartOfTheCycle) {
    EXPECT_EQ(out_of_order(2), "");
    const std::string fault = out_of_order(1);
    EXPECT_NE(fault.find("wait for each other"), std::string::npos) << fault;
    EXPECT_NE(fault.find("rank 0: 1 send 'u' [0:4] of step 0 to rank 1, 16 B"), std::string::npos) << fault;
    EXPECT_NE(fault.find("rank 1: "), std::string::npos) << fault;
}

TEST(BlockProof, NamesWhatIsNotSent) {
    ByHand maker(0, 1), reader(1, 1);
    maker.make(0);
    reader.receive(0, 0, 7);
    const Graph graph = one_tensor();
    EXPECT_EQ(fault_of_block(graph, {maker.layout, reader.layout}, {maker.finish(), reader.finish()}),
              "rank 1: 0 receive 'u' [0:4] of step 0 from rank 0, 16 B waits for message 7, which is not sent");
}

TEST(BlockProof, EveryShippedJobIsProved) {
    for (const std::string& name : shipped_names()) {
        for (const int ranks : {1, 2, 3, 4}) {
            for (PlanRequest request : shipped_requests(ranks)) {
                request.comm = CommMode::collective;
                const PlannedGraph planned = plan_graph(shipped_graph(name), Machine::uniform(ranks, {}), request);
                Proof proof;
                ASSERT_NO_THROW(proof = prove(planned.graph, planned.plan, {})) << name << " " << planned.plan.strategy;
                EXPECT_GT(proof.most_bytes, 0);
                EXPECT_EQ(proof.bytes.size(), static_cast<std::size_t>(ranks));
            }
        }
    }
}

}  // namespace
}  // namespace maniple
