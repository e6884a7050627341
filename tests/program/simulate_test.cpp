#include "program/simulate.hpp"

#include <gtest/gtest.h>

#include "example.hpp"
#include "program/predict.hpp"

namespace maniple {
namespace {

/// A program made by hand. Chunks are given in an order in which each comes after those that it waits for.
class Made {
public:
    std::size_t work(double ns, const std::vector<std::size_t>& after = {}, LaneKind lane = LaneKind::cpu) {
        SimulatedChunk chunk;
        chunk.lane = lane;
        chunk.kind = lane == LaneKind::file ? InstructionKind::write : InstructionKind::compute;
        chunk.ns = ns;
        return add(chunk, after);
    }
    /// What another rank may compute.
    std::size_t claimable(double ns, std::int64_t read = 0, std::int64_t written = 0,
                          const std::vector<std::size_t>& after = {}) {
        SimulatedChunk chunk;
        chunk.kind = InstructionKind::compute;
        chunk.claimable = true;
        chunk.ns = ns;
        chunk.bytes = read;
        chunk.result_bytes = written;
        return add(chunk, after);
    }
    std::size_t send(int to, int tag, std::int64_t bytes, const std::vector<std::size_t>& after = {}) {
        return message(InstructionKind::send, to, tag, bytes, after);
    }
    std::size_t receive(int from, int tag, std::int64_t bytes, const std::vector<std::size_t>& after = {}) {
        return message(InstructionKind::receive, from, tag, bytes, after);
    }

    SimulatedProgram program() const {
        SimulatedProgram result;
        result.chunks = chunks_;
        result.first_dependent.push_back(0);
        for (std::size_t i = 0; i < chunks_.size(); ++i) {
            for (std::size_t j = 0; j < chunks_.size(); ++j) {
                for (const std::size_t before : after_[j]) {
                    if (before == i) result.dependents.emplace_back(j);
                }
            }
            result.first_dependent.push_back(static_cast<std::uint32_t>(result.dependents.size()));
        }
        for (std::size_t i = chunks_.size(); i-- > 0;) {
            double longest = 0;
            for (std::uint32_t k = result.first_dependent[i]; k < result.first_dependent[i + 1]; ++k)
                longest = std::max(longest, result.chunks[result.dependents[k].index()].urgency_ns);
            result.chunks[i].urgency_ns = longest + result.chunks[i].ns;
        }
        return result;
    }

private:
    std::size_t message(InstructionKind kind, int peer, int tag, std::int64_t bytes,
                        const std::vector<std::size_t>& after) {
        SimulatedChunk chunk;
        chunk.lane = LaneKind::net;
        chunk.kind = kind;
        chunk.peer = Rank(peer);
        chunk.tag = tag;
        chunk.bytes = bytes;
        return add(chunk, after);
    }
    std::size_t add(SimulatedChunk chunk, const std::vector<std::size_t>& after) {
        chunk.predecessors = static_cast<std::int32_t>(after.size());
        chunks_.push_back(chunk);
        after_.push_back(after);
        return chunks_.size() - 1;
    }

    std::vector<SimulatedChunk> chunks_;
    std::vector<std::vector<std::size_t>> after_;
};

SimulatedMachine machine_of(int ranks, int threads, bool one_node) {
    SimulatedMachine machine;
    for (int rank = 0; rank < ranks; ++rank) {
        machine.threads.push_back(threads);
        machine.node.push_back(one_node ? 0 : rank);
    }
    machine.rates.within = {100, 2};
    machine.rates.between = {1000, 1};
    return machine;
}

BlockTimes times_of(const std::vector<Made>& ranks, const SimulatedMachine& machine) {
    std::vector<SimulatedProgram> programs;
    for (const Made& rank : ranks) programs.push_back(rank.program());
    return simulate_block(programs, machine);
}

TEST(SimulateBlock, AChainTakesTheSumOnAnyThreads) {
    Made rank;
    std::size_t last = rank.work(10);
    for (int i = 0; i < 9; ++i) last = rank.work(10, {last});
    for (const int threads : {1, 2, 64}) {
        const BlockTimes times = times_of({rank}, machine_of(1, threads, true));
        EXPECT_DOUBLE_EQ(times.ns, 100);
        EXPECT_DOUBLE_EQ(times.cpu_busy_ns[0], 100);
        EXPECT_DOUBLE_EQ(times.way.compute, 100);
    }
}

TEST(SimulateBlock, IndependentChunksShareTheThreads) {
    Made rank;
    for (int i = 0; i < 7; ++i) rank.work(10);
    EXPECT_DOUBLE_EQ(times_of({rank}, machine_of(1, 1, true)).ns, 70);
    EXPECT_DOUBLE_EQ(times_of({rank}, machine_of(1, 2, true)).ns, 40);
    EXPECT_DOUBLE_EQ(times_of({rank}, machine_of(1, 7, true)).ns, 10);
}

TEST(SimulateBlock, TheLongestWayGoesFirst) {
    Made rank;
    rank.work(10);
    rank.work(10);
    const std::size_t head = rank.work(10);
    rank.work(20, {head});
    // On two threads: the head first beside one of the others, then its tail beside the other.
    EXPECT_DOUBLE_EQ(times_of({rank}, machine_of(1, 2, true)).ns, 30);
}

TEST(SimulateBlock, AFileIsWrittenBesideComputing) {
    Made rank;
    const std::size_t first = rank.work(10);
    rank.work(50, {first});
    rank.work(30, {first}, LaneKind::file);
    rank.work(30, {first}, LaneKind::file);
    const BlockTimes times = times_of({rank}, machine_of(1, 1, true));
    EXPECT_DOUBLE_EQ(times.ns, 70);  // two stretches of the file, one after the other
    EXPECT_DOUBLE_EQ(times.way.files, 60);
    EXPECT_DOUBLE_EQ(times.way.compute, 10);
}

TEST(SimulateBlock, AMessageTakesLatencyAndBytes) {
    Made sender, receiver;
    sender.send(1, 0, 500, {sender.work(10)});
    receiver.work(5, {receiver.receive(0, 0, 500)});
    EXPECT_DOUBLE_EQ(times_of({sender, receiver}, machine_of(2, 1, true)).ns, 10 + 250 + 100 + 5);
    const BlockTimes apart = times_of({sender, receiver}, machine_of(2, 1, false));
    EXPECT_DOUBLE_EQ(apart.ns, 10 + 500 + 1000 + 5);
    EXPECT_DOUBLE_EQ(apart.way.messages, 1500);
    EXPECT_DOUBLE_EQ(apart.way.compute, 15);
    EXPECT_EQ(apart.messages, 1);
    EXPECT_EQ(apart.message_bytes, 500);
}

TEST(SimulateBlock, MessagesOfOneNodeShareItsCard) {
    Made first, second, receiver;
    first.send(2, 0, 500);
    second.send(2, 0, 500);
    receiver.receive(0, 0, 500);
    receiver.receive(1, 0, 500);
    SimulatedMachine machine = machine_of(3, 1, true);
    machine.node[2] = 1;
    EXPECT_DOUBLE_EQ(times_of({first, second, receiver}, machine).ns, 500 + 500 + 1000);
    machine.node = {0, 1, 2};
    EXPECT_DOUBLE_EQ(times_of({first, second, receiver}, machine).ns, 500 + 1000);
}

/// A message that is there early waits for room; one that is late is waited for.
TEST(SimulateBlock, AReceiveNeedsItsMessageAndItsRoom) {
    Made sender, receiver;
    sender.send(1, 0, 100);
    receiver.work(1, {receiver.receive(0, 0, 100, {receiver.work(5000)})});
    EXPECT_DOUBLE_EQ(times_of({sender, receiver}, machine_of(2, 1, false)).ns, 5001);
}

/// p equal stages and m microbatches: m + p − 1 times the time of one, if messages take none.
TEST(SimulateBlock, APipelineFillsAndDrains) {
    constexpr int stages = 4, batches = 8;
    std::vector<Made> ranks(stages);
    for (int stage = 0; stage < stages; ++stage) {
        Made& rank = ranks[static_cast<std::size_t>(stage)];
        for (int batch = 0; batch < batches; ++batch) {
            std::vector<std::size_t> after;
            if (stage > 0) after.push_back(rank.receive(stage - 1, batch, 1));
            const std::size_t work = rank.work(100, after);
            if (stage + 1 < stages) rank.send(stage + 1, batch, 1, {work});
        }
    }
    SimulatedMachine machine = machine_of(stages, 1, true);
    machine.rates.within = {1e-9, 1e9};
    const BlockTimes times = times_of(ranks, machine);
    EXPECT_NEAR(times.ns, 100 * (batches + stages - 1), 1e-3);
    for (const double busy : times.cpu_busy_ns) EXPECT_DOUBLE_EQ(busy, 100 * batches);
}

// --- Claims ----------------------------------------------------------------------------------------------------------

/// All that there is to be computed, by rank, in claimable chunks.
std::vector<Made> ranks_with(const std::vector<std::vector<double>>& chunks_ns, std::int64_t read = 0,
                             std::int64_t written = 0) {
    std::vector<Made> ranks(chunks_ns.size());
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
        for (const double ns : chunks_ns[rank]) ranks[rank].claimable(ns, read, written);
    }
    return ranks;
}

SimulatedMachine claiming(int ranks, int threads, bool one_node) {
    SimulatedMachine machine = machine_of(ranks, threads, one_node);
    machine.claiming_ranks = ranks;
    return machine;
}

double sum_of(const BlockTimes& times) {
    double sum = 0;
    for (const double ns : times.cpu_busy_ns) sum += ns;
    return sum;
}

constexpr double cheap = 1e4, dear = 1e6;

TEST(SimulateClaims, FreeRanksTakeWhatOthersHave) {
    for (const int ranks : {2, 4, 7}) {
        for (const int threads : {1, 3}) {
            std::vector<std::vector<double>> chunks(static_cast<std::size_t>(ranks), std::vector<double>(64, cheap));
            chunks.back().assign(64, dear);
            const double all = 64 * (dear + (ranks - 1) * cheap), slowest = 64 * dear / threads;
            const std::vector<Made> made = ranks_with(chunks);
            const BlockTimes even = times_of(made, claiming(ranks, threads, true));
            EXPECT_GE(even.ns, all / ranks / threads);
            EXPECT_LE(even.ns,
                      all / ranks / threads + 2 * dear);  // a chunk at the end, and one that was about to begin
            EXPECT_DOUBLE_EQ(sum_of(even), all);          // each chunk once
            // Where nobody claims, the rank that has most decides.
            EXPECT_NEAR(times_of(made, machine_of(ranks, threads, true)).ns, slowest, dear);
        }
    }
}

/// Of eight the owner computes one, and keeps the last three of the others: they are cheap. Then it takes half of what
/// is left of the dear ones. Were they taken one by one, or all at once, it would not compute all that are cheap.
TEST(SimulateClaims, AreOfHalfOfWhatThereIs) {
    const std::vector<double> chunks = {cheap, dear, dear, dear, dear, cheap, cheap, cheap};
    const BlockTimes times = times_of(ranks_with({{}, chunks}), claiming(2, 1, true));
    EXPECT_DOUBLE_EQ(times.cpu_busy_ns[0], 2 * dear);
    EXPECT_DOUBLE_EQ(times.cpu_busy_ns[1], 2 * dear + 4 * cheap);
    EXPECT_NEAR(times.ns, 2 * dear + 4 * cheap, cheap);
}

TEST(SimulateClaims, EvenWorkStaysWhereItIs) {
    const std::vector<Made> made = ranks_with({std::vector<double>(64, dear), std::vector<double>(64, dear)});
    const BlockTimes times = times_of(made, claiming(2, 1, true));
    EXPECT_DOUBLE_EQ(times.ns, 64 * dear);
    EXPECT_DOUBLE_EQ(times.cpu_busy_ns[0], 64 * dear);
}

/// What waits for a chunk waits for it wherever it is computed, and starts where it belongs.
TEST(SimulateClaims, DependentsStayWithTheirRank) {
    Made idle, owner;
    std::vector<std::size_t> images;
    for (int i = 0; i < 8; ++i) images.push_back(owner.claimable(dear));
    owner.work(dear, images);
    const BlockTimes times = times_of({idle, owner}, claiming(2, 1, true));
    EXPECT_DOUBLE_EQ(times.cpu_busy_ns[0], 4 * dear);
    EXPECT_DOUBLE_EQ(times.cpu_busy_ns[1], 5 * dear);
    EXPECT_NEAR(times.ns, 5 * dear, 4 * cheap);
}

/// Its own other work comes first, as it does in a run.
TEST(SimulateClaims, WhatCannotBeClaimedGoesFirst) {
    Made idle, owner;
    owner.claimable(dear);
    owner.work(10 * dear);
    const BlockTimes times = times_of({idle, owner}, claiming(2, 1, true));
    EXPECT_DOUBLE_EQ(times.cpu_busy_ns[0], dear);
    EXPECT_DOUBLE_EQ(times.ns, 10 * dear);
}

TEST(SimulateClaims, OverLinksTheyTakeQuestionsAndBytes) {
    const std::vector<std::vector<double>> chunks = {{}, std::vector<double>(64, dear)};
    const SimulatedMachine apart = claiming(2, 1, false);
    const BlockTimes times = times_of(ranks_with(chunks, 1000, 1000), apart);
    EXPECT_DOUBLE_EQ(sum_of(times), 64 * dear);
    EXPECT_GT(times.ns, 32 * dear);
    EXPECT_LT(times.ns, 36 * dear);
    EXPECT_EQ(times.messages, 0);  // those of the plan
    // What takes longer to send than to compute stays.
    const auto large = static_cast<std::int64_t>(dear);
    EXPECT_DOUBLE_EQ(times_of(ranks_with(chunks, large, large), apart).ns, 64 * dear);
    // A slow link's latency is paid for each question.
    SimulatedMachine slow = apart;
    slow.rates.between.latency_ns = 10 * dear;
    EXPECT_GT(times_of(ranks_with(chunks, 1000, 1000), slow).ns, times.ns + 10 * dear);
}

/// Also if there is nothing to be had when it is refused.
TEST(SimulateClaims, WhoHasBeenRefusedAsksAgain) {
    Made idle, owner;
    owner.claimable(dear);
    const std::size_t late = owner.work(1, {owner.claimable(dear / 1000, 5000, 5000)});
    for (int i = 0; i < 64; ++i) owner.claimable(dear, 8, 8, {late});
    EXPECT_LT(times_of({idle, owner}, claiming(2, 1, false)).ns, 45 * dear);
}

/// A question is answered between two chunks: who is in a long one does not hear it.
TEST(SimulateClaims, ABusyRankAnswersBetweenChunks) {
    Made idle, owner;
    owner.work(50 * dear);
    for (int i = 0; i < 8; ++i) owner.claimable(dear, 8, 8);
    const SimulatedMachine apart = claiming(2, 1, false);
    const double far = times_of({idle, owner}, apart).ns;
    EXPECT_GT(far, 53 * dear);
    EXPECT_LT(far, 56 * dear);
    EXPECT_DOUBLE_EQ(times_of({idle, owner}, claiming(2, 1, true)).ns, 50 * dear);
}

/// Whatever ranks, threads and nodes: everything is computed once, and nothing waits for ever.
TEST(SimulateClaims, EndWithEverythingComputed) {
    std::uint32_t random = 1;
    const auto next = [&](std::uint32_t most) { return ((random = random * 1664525 + 1013904223) >> 8) % most; };
    for (int round = 0; round < 200; ++round) {
        const int ranks = 2 + static_cast<int>(next(7));
        std::vector<Made> made(static_cast<std::size_t>(ranks));
        double all = 0;
        for (Made& rank : made) {
            std::vector<std::size_t> before;
            for (std::uint32_t i = next(40); i-- > 0;) {
                const double ns = 1 + next(2) * 1e6 + next(1000);
                all += ns;
                std::vector<std::size_t> after;
                if (!before.empty() && next(3) == 0)
                    after.push_back(before[next(static_cast<std::uint32_t>(before.size()))]);
                before.push_back(next(4) == 0 ? rank.work(ns, after)
                                              : rank.claimable(ns, next(5000), next(5000), after));
            }
        }
        SimulatedMachine machine = claiming(ranks, 1 + static_cast<int>(next(3)), false);
        for (int& node : machine.node) node /= 1 + static_cast<int>(next(2));
        if (next(4) == 0) machine.claiming_ranks = 1 + static_cast<int>(next(static_cast<std::uint32_t>(ranks)));
        const BlockTimes times = times_of(made, machine);
        EXPECT_NEAR(sum_of(times), all, 1e-6 * all) << round;
    }
}

// --- Predictions -----------------------------------------------------------------------------------------------------

Machine nodes(int ranks) {
    RankFacts facts;
    facts.threads = 4;
    Machine machine = Machine::uniform(ranks, facts);
    for (int rank = 0; rank < ranks; ++rank) machine.ranks[static_cast<std::size_t>(rank)].host = std::to_string(rank);
    machine.rates.files = {1000, 1000};  // they are not what is looked at
    return machine;
}

Prediction predicted(const Example& example, const ThroughputHistory& history = {}) {
    const Machine machine = nodes(example.plan.ranks);
    return predict(example.graph, example.plan, {machine, history, LaneUse::automatic});
}

/// Twenty blocks of 10 steps: as many messages as their programs send.
TEST(Predict, CountsTheMessagesOfTheWholeRun) {
    const Example example(terrain, {540, 1081}, 3);
    std::int64_t messages = 0, bytes = 0;
    for (int rank = 0; rank < 3; ++rank) {
        for (std::int64_t step = 0; step < 200;) {
            const StepBlock block = block_at(example.graph, example.layouts[0].versions, step);
            const Program program = example.program(rank, block.shape);
            messages += program.message_count;
            bytes += program.message_bytes;
            step = block.end();
        }
    }
    const Prediction found = predicted(example);
    EXPECT_EQ(found.messages, messages);
    EXPECT_EQ(found.message_bytes, bytes);
    std::int64_t most = 0;
    for (const Layout& layout : example.layouts) most = std::max(most, layout.host_bytes());
    EXPECT_GE(found.peak_bytes, most);
    const CriticalWay& way = found.way;
    EXPECT_NEAR(way.compute + way.moves + way.messages + way.files, found.seconds, 1e-9 * found.seconds);
}

TEST(Predict, LargeWorkScalesAndSmallWorkDoesNot) {
    const auto seconds = [](const Shape& shape, int ranks) {
        return predicted(Example(terrain, shape, ranks)).seconds;
    };
    EXPECT_LT(seconds({8192, 8192}, 8), seconds({8192, 8192}, 1) / 4);
    EXPECT_GT(seconds({16, 16}, 8), seconds({16, 16}, 1));
}

TEST(Predict, FollowsWhatEarlierRunsMeasured) {
    const Example example(terrain, {2048, 2048}, 1);
    const double guessed = predicted(example).seconds;
    const Machine machine = nodes(1);
    ThroughputHistory history;
    const OperationId heat(std::size_t{0});
    const auto key = throughput_key(example.graph, heat, machine.ranks[0], LaneChoice::cpu_lane, 2048 * 2048);
    // A lane of 4 threads that takes 10 ns for a point: 200 steps of 4 Mi points.
    for (int run = 0; run < 9; ++run) history.add(key, 10);
    const double slow = predicted(example, history).seconds;
    EXPECT_GT(slow, guessed);
    EXPECT_NEAR(slow, 200 * 2048.0 * 2048 * 10e-9, 0.2 * slow);
    history.add(key, 10'000);  // one run that something disturbed
    EXPECT_DOUBLE_EQ(predicted(example, history).seconds, slow);
}

/// On few points that is mostly the call.
TEST(Predict, WhatFewPointsTookSaysNothingOfMany) {
    const Example example(terrain, {2048, 2048}, 1);
    const Machine machine = nodes(1);
    const OperationId heat(std::size_t{0});
    const auto with_history_of = [&](std::int64_t points) {
        ThroughputHistory history;
        history.add(throughput_key(example.graph, heat, machine.ranks[0], LaneChoice::cpu_lane, points), 100);
        return predicted(example, history).seconds;
    };
    const double guessed = predicted(example).seconds;
    EXPECT_NEAR(with_history_of(512), guessed, 0.02 * guessed);  // tiles are cut by what a point costs
    EXPECT_GT(with_history_of(2048 * 2048 / 16), 10 * guessed);
}

/// A MiB of random numbers, written to a file.
const char* const numbers = R"yaml(maniple: 1
name: numbers
inputs: {x: {shape: [512, 512], fill: normal(seed=1)}}
graph: {y: x + x}
outputs: {y: out.h5:/y}
)yaml";

TEST(Predict, FollowsWhatFilesAndGeneratedNumbersTook) {
    const Example example(numbers, {}, 1);
    constexpr double bytes = 512 * 512 * 4;
    const double guessed = predicted(example).seconds;
    ThroughputHistory history;
    history.add(throughput_key({ByteWork::normal, 1 << 20}, 1), 100);
    const double slow = predicted(example, history).seconds;
    EXPECT_NEAR(slow - guessed, 99 * bytes * 1e-9, 0.01 * slow);
    history.add(throughput_key({ByteWork::written, 1 << 20}, 1), 300);
    EXPECT_NEAR(predicted(example, history).seconds - slow, 300 * bytes * 1e-9, 0.01 * slow);
    // What small writes took says nothing of large ones, and what two ranks took nothing of one.
    ThroughputHistory others;
    others.add(throughput_key({ByteWork::written, 64}, 1), 1000);
    others.add(throughput_key({ByteWork::written, 1 << 20}, 2), 1000);
    EXPECT_DOUBLE_EQ(predicted(example, others).seconds, guessed);
}

TEST(Predict, FollowsWhatMessagesTookUnlessLinksAreKnown) {
    const Example example(terrain, {64, 64}, 2);
    ThroughputHistory history;
    add_measured(LinkRates{1e6, 0.5}, false, history);
    EXPECT_GT(predicted(example, history).seconds, 2 * predicted(example).seconds);
    ThroughputHistory within;
    add_measured(LinkRates{1e6, 0.5}, true, within);
    EXPECT_DOUBLE_EQ(predicted(example, within).seconds, predicted(example).seconds);
    Rates measured;
    measured.between = {3000, 2};
    EXPECT_EQ(with_links(measured, history).between, measured.between);
    EXPECT_EQ(with_links({}, history).between, (LinkRates{1e6, 0.5}));
}

}  // namespace
}  // namespace maniple
