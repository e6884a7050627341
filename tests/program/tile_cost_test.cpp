// How many tiles follow from what a point costs.
#include "program/tile_cost.hpp"

#include <gtest/gtest.h>

#include "example.hpp"
#include "program/point_costs.hpp"
#include "program/tiles.hpp"

namespace maniple {
namespace {

std::string job(const std::string& graph, const std::string& output) {
    return "maniple: 1\nname: t\ninputs: {u: in.h5:/u}\ngraph: {" + graph + "}\noutputs: {v: out.h5:/" + output + "}\n";
}
const std::string heat = job("v: \"heat_step(u, alpha=0.1)\"", "v");

/// One rank; the costs of points are said instead of measured.
struct Costed {
    Costed(const std::string& text, const Shape& shape, double point_ns, int threads = 2) : example(text, shape, 1) {
        choice.threads = threads;
        choice.point_ns.assign(example.graph.operations.size(), point_ns);
        layout = build_layout(example.graph, example.plan, Rank(std::int32_t{0}), choice);
    }

    const std::vector<Tile>& tiles(const std::string& name) const {
        for (std::size_t i = 0; i < example.graph.operations.size(); ++i) {
            if (example.graph.operations[i].name == name) return layout.tiles[i];
        }
        throw std::out_of_range(name);
    }
    std::size_t count(const std::string& name = "v") const { return tiles(name).size(); }

    Example example;
    LaneChoice choice;
    Layout layout;
};

double time_of(double tile_ns, double total_ns, int threads) {
    return total_ns / threads + tile_ns * (threads - 1) / (2.0 * threads) +
           total_ns / tile_ns * tile_overhead_ns / threads;
}

TEST(WantedTile, TakesLeastTimeByTheModel) {
    for (const int threads : {2, 7, 64}) {
        for (const double total_ns : {1e6, 1e9, 1e12}) {
            const double wanted = wanted_tile_ns(total_ns, threads, false);
            EXPECT_LE(time_of(wanted, total_ns, threads), time_of(wanted * 1.1, total_ns, threads));
            EXPECT_LE(time_of(wanted, total_ns, threads), time_of(wanted / 1.1, total_ns, threads));
        }
    }
    EXPECT_GE(wanted_tile_ns(1, 64, true), 5 * tile_overhead_ns);
    EXPECT_LE(wanted_tile_ns(1e15, 1, false), 1e9);
    EXPECT_LT(wanted_tile_ns(1e9, 2, true), wanted_tile_ns(1e9, 2, false));
}

TEST(CutTime, IsThatOfTheThreadWhichEndsLast) {
    const Box half(Extents{0}, Extents{50}), other(Extents{50}, Extents{100}), all(Extents{0}, Extents{100});
    EXPECT_NEAR(cut_ns({{all}}, 1e6, 2), 100e6, 1e5);
    EXPECT_NEAR(cut_ns({{half}, {other}}, 1e6, 1), 100e6, 1e5);
    EXPECT_LT(cut_ns({{half}, {other}}, 1e6, 2), 0.8 * cut_ns({{all}}, 1e6, 2));
    EXPECT_EQ(cut_ns({{all, 0, 1}}, 1e6, 2), 0) << "of a gpu";
}

TEST(TilesByCost, ExpensiveRowsAreCutSoThatThreadsEndTogether) {
    const Shape shape = {64, 50};
    EXPECT_EQ(Costed(heat, shape, 0).count(), 1U);
    const Costed costed(heat, shape, 1e4);
    EXPECT_GE(costed.count(), 32U);
    const double total_ns = 64 * 50 * 1e4;
    EXPECT_LT(cut_ns(costed.tiles("v"), 1e4, 2), 0.55 * total_ns);
    EXPECT_EQ(Costed(heat, shape, 1e4, 1).count(), 1U) << "one thread has nobody to wait for";
    EXPECT_GT(Costed(heat, shape, 1e9, 1).count(), 1U) << "tiles that take a second show that a run goes on";
}

TEST(TilesByCost, FewRowsAreCutAcrossWhereThereAreManyThreads) {
    EXPECT_LE(Costed(heat, {8, 5000}, 0, 16).count(), 2U);
    const Costed costed(heat, {8, 5000}, 1e3, 16);
    EXPECT_GE(costed.count(), 64U);
    EXPECT_LT(cut_ns(costed.tiles("v"), 1e3, 16), 1.1 * 8 * 5000 * 1e3 / 16);
}

TEST(TilesByCost, WhatTheCacheWantsStaysWhereCostsAreOrdinary) {
    for (const double point_ns : {0.3, 0.5, 1.0, 2.0})
        EXPECT_EQ(Costed(heat, {2000, 1000}, point_ns).count(), Costed(heat, {2000, 1000}, 0).count()) << point_ns;
}

TEST(TilesByCost, CheapTilesBecomeFewerAsFarAsTheCacheAllows) {
    const Shape shape = {4096, 1024};
    const std::size_t before = Costed(heat, shape, 0).count();
    const Costed cheap(heat, shape, 1e-4);
    EXPECT_LE(cheap.count(), before * 6 / 10);
    for (const Tile& tile : cheap.tiles("v"))
        EXPECT_LE(touched_bytes(cheap.example.graph, cheap.example.graph.operations[0], tile.box), 512 * 1024);
}

TEST(TilesByCost, AreNeverMoreThanAProgramShouldHave) { EXPECT_LE(Costed(heat, {100000, 16}, 1e6).count(), 256U); }

TEST(TilesByCost, CoverTheBoxOnce) {
    for (const double point_ns : {1e-5, 0.4, 30.0, 1e4}) {
        const Costed costed(heat, {777, 333}, point_ns);
        std::int64_t next = 0;
        for (const Tile& tile : costed.tiles("v")) {
            EXPECT_EQ(tile.box.lo[0], next);
            next = tile.box.hi[0];
        }
        EXPECT_EQ(next, 777);
    }
}

TEST(TilesByCost, SumsKeepTheOrderOfTheirElements) {
    const std::string sums = job("v: sum(u), w: \"sum(u, axis=0)\"", "v");
    const Shape shape = {3000, 1000};
    const Costed before(sums, shape, 0), after(sums, shape, 1e4);
    ASSERT_GT(before.count(), 1U);
    ASSERT_EQ(before.count(), after.count());
    for (std::size_t i = 0; i < before.count(); ++i) EXPECT_EQ(before.tiles("v")[i].box, after.tiles("v")[i].box);
}

TEST(TilesByCost, HandWrittenCodeKeepsItsShapes) {
    const std::string product = job("v: \"matmul(u, u)\"", "v");
    EXPECT_EQ(Costed(product, {40, 40}, 1e5).count(), Costed(product, {40, 40}, 0).count());
}

TEST(TilesByCost, AProductWithoutHandWrittenCodeIsSharedByTheThreads) {
    const std::string bodies =
        "maniple: 1\nname: t\ninputs: {r: {shape: [300, 3], fill: normal(seed=1)}, m: {shape: [300], fill: 1}}\n"
        "graph: {v: \"nbody_forces(r, m, softening=0.1)\"}\noutputs: {v: out.h5:/v}\n";
    EXPECT_EQ(Costed(bodies, {}, 0).count(), 1U);
    EXPECT_GE(Costed(bodies, {}, 5).count(), 2U);
    EXPECT_EQ(Costed(bodies, {}, 5, 1).count(), 1U);
}

TEST(TilesByCost, AChainCostsWhatAllOfItCosts) {
    const std::string chain = job("v: \"sqrt(exp(u) + 1)\"", "v");
    const Shape shape = {64, 500};
    const auto cut = [&](double point_ns) { return Costed(chain, shape, point_ns).layout.tiles.back().size(); };
    ASSERT_EQ(Costed(chain, shape, 0).layout.chains.back().size(), 3U);
    EXPECT_EQ(cut(30), Costed(heat, shape, 90).count());
    EXPECT_NE(cut(30), Costed(heat, shape, 30).count());
}

TEST(PointCosts, AreMeasuredOrGuessed) {
    Example example(job("w: \"exp(u)\", v: \"heat_step(w, alpha=0.1)\"", "v"), {100, 100}, 1);
    RankFacts facts;
    facts.threads = 4;
    const Rank rank(std::int32_t{0});
    ThroughputHistory history;
    const std::vector<double> guessed = point_costs(example.graph, example.plan, rank, facts, history);
    ASSERT_EQ(guessed.size(), 2U);
    EXPECT_GT(guessed[0], 0);
    history.add(throughput_key(example.graph, OperationId(std::size_t{0}), facts, LaneChoice::cpu_lane, 10000), 50);
    const std::vector<double> costs = point_costs(example.graph, example.plan, rank, facts, history);
    EXPECT_EQ(costs[0], 200) << "the history's figure is that of all threads together";
    EXPECT_EQ(costs[1], guessed[1]);
    Example small(job("v: \"exp(u)\"", "v"), {10, 10}, 1);
    EXPECT_EQ(point_costs(small.graph, small.plan, rank, facts, history)[0], guessed[0]) << "too short to be known";
}

}  // namespace
}  // namespace maniple
