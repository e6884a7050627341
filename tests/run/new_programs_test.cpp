// What is built while a loop runs, for borders that move and for other tiles, is proved before it is executed.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "in_memory.hpp"
#include "lanes/net/exchange.hpp"
#include "plan/moved_borders.hpp"

namespace maniple {
namespace {

const char* const heat = R"yaml(maniple: 1
name: heat
inputs: {u: {shape: [96, 40], fill: iota, dtype: f32}, k: {shape: [96, 40], fill: iota, dtype: f32}}
graph: {w: "heat_step(k, alpha=0.1)", v: "heat_step(u, alpha=0.2) + 0.001 * w"}
loop: {steps: 48, carry: {u: v}}
outputs: {v: out.h5:/v}
)yaml";

/// Nothing waits for anything.
bool lose_edges(Program& program) {
    bool any = false;
    for (Chunk& chunk : program.chunks) {
        any = any || chunk.predecessors > 0;
        chunk.dependents = {};
        chunk.predecessors = 0;
    }
    return any;
}

/// Of two chunks each waits for the other.
bool wait_for_itself(Program& program) {
    for (std::size_t i = 0; i < program.chunks.size(); ++i) {
        if (program.chunks[i].dependents.empty()) continue;
        program.chunks[program.chunks[i].dependents[0].index()].dependents.push_back(ChunkId(i));
        ++program.chunks[i].predecessors;
        return true;
    }
    return false;
}

bool send_as_another(Program& program) {
    for (Instruction& of : program.instructions) {
        if (of.kind != InstructionKind::send) continue;
        of.tag += 1000;
        return true;
    }
    return false;
}

bool wait_for_another(Program& program) {
    for (Instruction& of : program.instructions) {
        if (of.kind != InstructionKind::receive) continue;
        of.tag += 1000;
        return true;
    }
    return false;
}

bool touch_what_is_not_there(Program& program) {
    for (Instruction& of : program.instructions) {
        const ShortVector<Use, 2> writes = of.writes.all();
        if (writes.empty() || writes[0].box.rank() == 0) continue;
        Use beyond = writes[0];
        beyond.box.hi[0] += 1000;
        of.writes = {};
        of.writes.push_back(beyond);
        return true;
    }
    return false;
}

enum class End { good, own_fault, other_fault };

/// `says`: part of this rank's own fault.
End end_of(InMemory& run, const std::string& says = "wrong: ") {
    try {
        run.run();
        return End::good;
    } catch (const KernelError& error) {
        EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
        return End::own_fault;
    } catch (const RemoteFailure&) { return End::other_fault; }
}

/// A run whose borders move once. `damage` is done on rank 1 to the new program of that number: the move, what follows it,
/// the next block, and later ones.
struct MovedOnce {
    using Damage = bool (*)(Program&);

    MovedOnce(Damage damage, int number) : run(heat), exchange(world) {
        run.executor().move_borders({&exchange, 0, [this](const Plan& plan, std::int64_t) { return once(plan); }});
        run.executor().damage_new_programs([=, this](Program& program) {
            if (built++ == number && world.rank().value == 1 && damage != nullptr) damaged = damage(program);
        });
    }

    std::optional<Plan> once(const Plan& plan) {
        if (moved) return std::nullopt;
        moved = true;
        std::vector<double> busy(static_cast<std::size_t>(plan.ranks), 1);
        busy[0] = 3;
        std::optional<MovedBorders> borders = move_borders(run.graph(), plan, busy);
        return borders ? std::optional(std::move(borders->plan)) : std::nullopt;
    }

    /// Whether there was anything to damage.
    bool was_damaged() const { return world.sum(damaged ? 1 : 0) > 0; }

    World world{MPI_COMM_WORLD};
    InMemory run;
    Exchange exchange;
    bool moved = false, damaged = false;
    int built = 0;
};

TEST(NewProgramsOnSeveralRanks, GoodOnesAreCarriedOut) {
    MovedOnce once(nullptr, 0);
    EXPECT_EQ(once.run.run().border_moves, 1);
    EXPECT_GE(once.built, 4) << "the move, what follows it, the next block and the last one";
}

TEST(NewProgramsOnSeveralRanks, WhatARankCanSeeItRefuses) {
    int seen = 0;
    const std::pair<MovedOnce::Damage, std::string> damages[] = {{&lose_edges, "does not wait for"},
                                                                 {&wait_for_itself, "waits for itself"},
                                                                 {&touch_what_is_not_there, ", which holds "}};
    for (const auto& [damage, says] : damages) {
        for (int number = 0; number < 4; ++number) {
            MovedOnce once(damage, number);
            const End end = end_of(once.run, says);
            if (!once.was_damaged()) {
                EXPECT_EQ(end, End::good);
                continue;
            }
            ++seen;
            EXPECT_EQ(end, once.world.rank().value == 1 ? End::own_fault : End::other_fault) << number;
        }
    }
    EXPECT_GE(seen, 7);
}

/// Nobody would ever get what is sent as something else: everybody refuses before anything has been sent.
TEST(NewProgramsOnSeveralRanks, MessagesWithoutAnotherEndAreRefusedByAll) {
    int seen = 0;
    for (const MovedOnce::Damage damage : {&send_as_another, &wait_for_another}) {
        for (int number = 0; number < 3; ++number) {
            MovedOnce once(damage, number);
            const End end = end_of(once.run);
            const bool was_damaged = once.was_damaged();
            seen += was_damaged ? 1 : 0;
            EXPECT_EQ(end, was_damaged ? End::own_fault : End::good) << number;
        }
    }
    EXPECT_GE(seen, 3);
}

/// Of other tiles there is no move, only new programs.
TEST(NewProgramsOnOneRank, OtherTilesAreProvedToo) {
    for (const bool damages : {false, true}) {
        InMemory run(heat);
        int built = 0;
        run.executor().follow_costs(
            [&](std::int64_t) { return std::optional(std::vector<double>(run.graph().operations.size(), 1e6)); });
        run.executor().damage_new_programs([&](Program& program) {
            ++built;
            if (damages) { EXPECT_TRUE(lose_edges(program)); }
        });
        EXPECT_EQ(end_of(run), damages ? End::own_fault : End::good);
        EXPECT_GT(built, 0);
    }
}

}  // namespace
}  // namespace maniple
