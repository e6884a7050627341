// The order in which a rank computes its tiles, whenever messages come: what others wait for goes first.
#include <gtest/gtest.h>

#include "../program/example.hpp"
#include "program/chunk_graph.hpp"
#include "run/run.hpp"

namespace maniple {
namespace {

const char* const heat = R"yaml(maniple: 1
name: heat
inputs: {u: in.h5:/u}
graph: {v: "heat_step(u, alpha=0.2)"}
loop: {steps: 100, carry: {u: v}}
outputs: {v: out.h5:/v}
)yaml";

/// What has been started, in order.
using Events = std::vector<ChunkId>;

/// Messages of others are there once so many chunks of the cpu have been started since they could have been received.
class Network final : public LaneProgram {
public:
    Network(const Program& program, Events& events, int patience)
        : program_(program), events_(events), patience_(patience) {}

    void submit(ChunkId chunk, const Execution&, Completion& done) override {
        events_.push_back(chunk);
        const InstructionId first = program_.chunks[chunk.index()].instructions.front();
        const bool waits = program_.instructions[first.index()].kind == InstructionKind::receive && patience_ > 0;
        if (waits) {
            waiting_.push_back({chunk, &done, patience_});
        } else {
            done.finished(chunk, nullptr);
        }
    }

    /// A chunk of the cpu is being computed.
    void pass() {
        for (Waiting& one : waiting_) --one.left;
        arrive([](const Waiting& one) { return one.left <= 0; });
    }
    bool all_arrive() {
        const bool any = !waiting_.empty();
        arrive([](const Waiting&) { return true; });
        return any;
    }

private:
    struct Waiting {
        ChunkId chunk;
        Completion* done = nullptr;
        int left = 0;
    };

    template <class Is>
    void arrive(Is&& is_there) {
        std::vector<Waiting> there;
        std::copy_if(waiting_.begin(), waiting_.end(), std::back_inserter(there), is_there);
        std::erase_if(waiting_, is_there);
        for (const Waiting& one : there) one.done->finished(one.chunk, nullptr);
    }

    const Program& program_;
    Events& events_;
    int patience_;
    std::vector<Waiting> waiting_;
};

class Tiles final : public InlineProgram {
public:
    Tiles(Events& events, Network& network) : events_(events), network_(network) {}
    void run(ChunkId chunk, const Execution&) override {
        events_.push_back(chunk);
        network_.pass();
    }

private:
    Events& events_;
    Network& network_;
};

/// One worker's order.
Events events_of(const Program& program, const Layout& layout, int patience) {
    Events events;
    const ChunkGraph graph = chunk_graph_of(program, layout);
    Scheduler scheduler(1, nullptr);
    auto network = std::make_unique<Network>(program, events, patience);
    Network& messages = *network;
    LanePrograms lanes;
    lanes.cpu = std::make_unique<Tiles>(events, messages);
    for (const Chunk& chunk : program.chunks)
        lanes.by_chunk.push_back(chunk.lane == LaneKind::cpu ? nullptr : network.get());
    lanes.others.push_back(std::move(network));
    Run run(graph, std::move(lanes), scheduler);
    scheduler.adopt(0);
    run.start({});
    Worker& worker = scheduler.worker(0);
    while (!run.is_done()) {
        const bool goes_on = scheduler.work(worker) || run.is_done() || messages.all_arrive();
        MANIPLE_CHECK(goes_on, "nothing can be started, and nothing is on its way");
    }
    return events;
}

/// One rank's program of a grid cut along its rows, and the order in which one worker starts its chunks.
struct Order {
    Order(int ranks, int rank, int steps, int patience) {
        Example example(heat, {4096, 4096}, ranks);
        Layout& layout = example.layouts[static_cast<std::size_t>(rank)];
        layout.versions.block_steps = steps;
        program = example.program(rank, block_at(example.graph, layout.versions, 64).shape);
        events = events_of(program, layout, patience);
        EXPECT_EQ(program.shape.steps, steps);
    }

    /// Which instructions have been started, one after the other; those of a chunk together.
    std::vector<InstructionId> started() const {
        std::vector<InstructionId> ids;
        for (const ChunkId chunk : events) {
            const auto& instructions = program.chunks[chunk.index()].instructions;
            ids.insert(ids.end(), instructions.begin(), instructions.end());
        }
        return ids;
    }

    bool is_tile(InstructionId id) const { return program.instructions[id.index()].kind == InstructionKind::compute; }
    bool is_message(InstructionId id, InstructionKind kind) const {
        return program.instructions[id.index()].kind == kind;
    }
    /// Whether it reads what another rank has sent for it.
    bool is_at_border(InstructionId id) const {
        const auto& after = program.instructions[id.index()].after;
        return is_tile(id) && std::any_of(after.begin(), after.end(), [&](InstructionId before) {
                   return is_message(before, InstructionKind::receive);
               });
    }

    Program program;
    Events events;
};

TEST(BorderFirst, MessagesOfAStepLeaveBeforeItsTiles) {
    for (const int ranks : {2, 3}) {
        for (int rank = 0; rank < ranks; ++rank) {
            for (const int patience : {0, 5}) {
                const Order order(ranks, rank, 1, patience);
                int sent = 0, tiles = 0;
                for (const InstructionId id : order.started()) {
                    if (order.is_tile(id)) ++tiles;
                    if (!order.is_message(id, InstructionKind::send)) continue;
                    ++sent;
                    EXPECT_EQ(tiles, 0);
                }
                EXPECT_EQ(sent, rank > 0 && rank + 1 < ranks ? 2 : 1);
            }
        }
    }
}

/// Messages that are there are used at once; what comes later is used as soon as it comes.
TEST(BorderFirst, ATileAtTheBorderIsNextOnceItsMessageIsThere) {
    for (const int ranks : {2, 3}) {
        for (int rank = 0; rank < ranks; ++rank) {
            for (const int patience : {0, 1, 5, 30}) {
                const Order order(ranks, rank, 1, patience);
                int inner = 0, at_border = 0;
                for (const InstructionId id : order.started()) {
                    if (order.is_at_border(id)) {
                        ++at_border;
                        EXPECT_LE(inner, patience) << "rank " << rank << " of " << ranks;
                    } else if (order.is_tile(id)) {
                        ++inner;
                    }
                }
                EXPECT_EQ(at_border, rank > 0 && rank + 1 < ranks ? 2 : 1);
                EXPECT_GT(inner, 60);
            }
        }
    }
}

/// A block of many steps: what others need of each step leaves when little of that step has been computed, also where
/// there are others on both sides.
TEST(BorderFirst, MessagesOfLaterStepsLeaveBeforeTheInteriorIsDone) {
    constexpr int steps = 16;
    for (const int ranks : {2, 3}) {
        for (int rank = 0; rank < ranks; ++rank) {
            for (const int patience : {0, 5}) {
                const Order order(ranks, rank, steps, patience);
                std::vector<int> tiles(steps, 0), before_send(steps, -1);
                for (const InstructionId id : order.started()) {
                    const int step = order.program.instructions[id.index()].step;
                    if (order.is_tile(id)) ++tiles[static_cast<std::size_t>(step)];
                    if (order.is_message(id, InstructionKind::send) && step > 0)
                        before_send[static_cast<std::size_t>(step)] = tiles[static_cast<std::size_t>(step) - 1];
                }
                for (std::size_t step = 1; step < steps; ++step) {
                    EXPECT_GE(before_send[step], 1);
                    EXPECT_LE(before_send[step], tiles[step] / 4) << "rank " << rank << " of " << ranks << ", " << step;
                }
            }
        }
    }
}

}  // namespace
}  // namespace maniple
