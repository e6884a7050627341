// What a refusal for memory names is enough, and a byte less is not; nor is one rank less.
#include "program/refuse_plan.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>

#include "example.hpp"

namespace maniple {
namespace {

constexpr int seeds = 24;

/// Layers with products, sums over neighbours and folds, some of which read what was made long before.
std::string random_job(std::mt19937& random) {
    const auto pick = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)); };
    const int rows = 3 + pick(40), width = 3 + pick(24);
    std::string inputs = fmt::format("  h0: {{shape: [{}, {}], fill: 1}}\n", rows, width), graph;
    const int layers = 2 + pick(6);
    for (int i = 0; i < layers; ++i) {
        const std::string last = fmt::format("h{}", i), early = fmt::format("h{}", pick(i + 1));
        std::string made;
        switch (pick(5)) {
            case 0: made = fmt::format("softmax({} + {}, axis={})", last, early, pick(2)); break;
            case 1: made = fmt::format("blur({}, radius=1) + {}", last, early); break;
            case 2: made = fmt::format("{} * mean({}, axis=0)", last, early); break;
            default:
                inputs += fmt::format("  w{}: {{shape: [{}, {}], fill: 1}}\n", i, width, width);
                made = fmt::format("relu(matmul({}, w{})) + {}", last, i, early);
        }
        graph += fmt::format("  h{}: \"{}\"\n", i + 1, made);
    }
    return fmt::format("maniple: 1\nname: t\ninputs:\n{}graph:\n{}outputs: {{h{}: out.h5:/h, h{}: out.h5:/g}}\n",
                       inputs, graph, layers, layers - 1);
}

PlanRequest random_request(std::mt19937& random, int ranks) {
    const auto pick = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)); };
    static const char* const names[] = {"data", "model", "pipeline", "pipeline", "stealing", "hybrid", "auto"};
    PlanRequest request;
    request.strategy = names[pick(7)];
    if (request.strategy == "hybrid" && ranks < 4) request.strategy = "pipeline";
    if (request.strategy == "hybrid")
        request.hybrid = pick(2) == 0 ? PlanRequest::Hybrid{2, 2, 1} : PlanRequest::Hybrid{2, 1, 2};
    if (request.strategy == "pipeline" || request.hybrid.pipeline > 1) {
        request.stages = pick(3) == 0 ? 1 + pick(4) : 0;
        request.microbatches = pick(4);
        request.buffer_depth = pick(3);
        request.alternates = pick(2) == 0;
    }
    return request;
}

/// A job under a plan, as `maniple check` sees it.
class Checked {
public:
    Checked(const std::string& text, const PlanRequest& asked, MemoryUse use)
        : example_(text, {}, 1), asked_(asked), use_(use) {}

    /// What the refusal says; empty: it fits.
    std::string said(int ranks, std::int64_t bytes) const {
        const Machine machine = Machine::uniform(ranks, {});
        const PredictionRequest request{machine, nothing_, LaneUse::cpu};
        PlanRequest asked = asked_;
        asked.memory_bytes = bytes;
        const Constraints constraints{{bytes, "the test", {"test.yaml", 1, 1, 1, ""}}, use_};
        const PlanRequest chosen = choose_plan(example_.graph, asked, request, constraints);
        try {
            require_constraints(example_.graph, asked, chosen, request, constraints);
        } catch (const UnavailableError& error) { return error.what(); }
        return "";
    }

private:
    Example example_;
    PlanRequest asked_;
    MemoryUse use_;
    ThroughputHistory nothing_;
};

/// "… WHAT 1.2 KiB (1234 B) …", or "… WHAT 12 B …".
std::optional<std::int64_t> bytes_after(const std::string& what, const std::string& said) {
    std::size_t at = said.find(what);
    if (at == std::string::npos) return std::nullopt;
    at += what.size();
    const std::size_t end = said.find(" B", at);
    if (end == std::string::npos) return std::nullopt;
    const std::size_t number = said.find_last_not_of("0123456789", end - 1) + 1;
    return std::stoll(said.substr(std::max(at, number), end - std::max(at, number)));
}

/// "…; with 3 ranks 1.2 KiB (1234 B) …", or "…; with 3 ranks still 12 B …".
struct MoreRanks {
    int ranks = 0;
    bool is_still_too_much = false;
    std::int64_t bytes = 0;
};

std::optional<MoreRanks> more_ranks(const std::string& said) {
    const std::size_t at = said.find("; with ");
    if (at == std::string::npos) return std::nullopt;
    const std::string rest = said.substr(at + std::strlen("; with "));
    const bool still = rest.find(" ranks still ") != std::string::npos;
    return MoreRanks{std::stoi(rest), still, bytes_after(still ? " ranks still " : " ranks ", rest).value()};
}

std::string described(const std::string& text, const PlanRequest& asked, int ranks, MemoryUse use) {
    return fmt::format("{}{} {} {} {} {} on {} ranks, use {}", text, name_of(asked), asked.stages, asked.microbatches,
                       asked.buffer_depth, asked.alternates, ranks, static_cast<int>(use));
}

struct RandomCase {
    explicit RandomCase(unsigned seed) : random(seed), text(random_job(random)) {
        ranks = 1 + static_cast<int>(random() % 6);
        asked = random_request(random, ranks);
        use = static_cast<MemoryUse>(random() % 3);
    }
    std::string what() const { return described(text, asked, ranks, use); }

    std::mt19937 random;
    std::string text;
    int ranks = 1;
    PlanRequest asked;
    MemoryUse use;
};

TEST(RefusePlan, WhatIsNamedIsEnoughAndAByteLessIsNot) {
    for (unsigned seed = 0; seed < seeds; ++seed) {
        const RandomCase one(seed);
        const Checked checked(one.text, one.asked, one.use);
        const std::string said = checked.said(one.ranks, 1);
        const auto least = bytes_after("at least ", said);
        ASSERT_TRUE(least) << one.what() << ": " << said;
        EXPECT_EQ(checked.said(one.ranks, *least), "") << one.what();
        EXPECT_NE(checked.said(one.ranks, *least - 1), "") << one.what() << ": " << said;
    }
}

/// Cut for a byte, these stages need more than cut for what that takes.
TEST(RefusePlan, StagesThatAreCutForALimitMayNeedLess) {
    const char* const many_kinds = R"yaml(maniple: 1
name: t
inputs:
  x: {shape: [3, 5, 7], fill: 1}
  g: {shape: [29, 31], fill: 1}
  ids: {shape: [11], fill: 2, dtype: i32}
  l: {shape: [23, 19], fill: iota, dtype: u8}
graph:
  a: sum(x, axis=1)
  b: transpose(x, axes=[2, 0, 1])
  c: matmul(reshape(b, shape=[7, 15]), transpose(reshape(x, shape=[7, 15]), axes=[1, 0]))
  d: softmax(c, axis=0)
  e: mean(b, axis=[0, 2], keepdims=true)
  bl: "blur(g, radius=2, boundary=[periodic, zero])"
  gm: gradient_magnitude(bl, boundary=zero)
  em: embedding(g, ids)
  l2: "cast(sin(cast(l, dtype=f32)) > 0, dtype=u8)"
  li: life(l2, boundary=periodic)
  hi: histogram(g, bins=8, min=-2, max=2)
  nm: normalize(g, axis=1)
  am: argmin(g, axis=0)
  mm, vv: moments(g)
  h: cast(g, dtype=f16) * 0.5
outputs: {a: o.h5:/a, b: o.h5:/b, c: o.h5:/c, d: o.h5:/d, e: o.h5:/e, gm: o.h5:/gm, em: o.h5:/em, li: o.h5:/li, hi: o.h5:/hi, nm: o.h5:/nm, am: o.h5:/am, mm: o.h5:/mm, vv: o.h5:/vv, h: o.h5:/h}
)yaml";
    PlanRequest asked;
    asked.strategy = "pipeline";
    asked.stages = asked.microbatches = 3;
    asked.buffer_depth = 1;
    for (const int ranks : {1, 2, 3}) {
        for (const MemoryUse use : {MemoryUse::fast, MemoryUse::balanced, MemoryUse::small}) {
            const Checked checked(many_kinds, asked, use);
            const std::string said = checked.said(ranks, 100), what = described("", asked, ranks, use) + ": " + said;
            const auto least = bytes_after("at least ", said);
            ASSERT_TRUE(least) << what;
            EXPECT_EQ(checked.said(ranks, *least), "") << what;
            EXPECT_NE(checked.said(ranks, *least - 1), "") << what;
        }
    }
}

/// The limits are those that are refused on these ranks, and enough on a few more.
TEST(RefusePlan, AsManyRanksAsAreNamedAreEnoughAndOneLessIsNot) {
    int named = 0;
    for (unsigned seed = 0; seed < seeds; ++seed) {
        RandomCase one(seed);
        one.ranks = 1 + static_cast<int>(seed % 3);
        if (one.asked.strategy == "hybrid") one.asked = {};  // of so many ranks as it says
        const Checked checked(one.text, one.asked, one.use);
        const std::int64_t least = *bytes_after("at least ", checked.said(one.ranks, 1));
        for (const std::int64_t bytes : {least - 1, least * 3 / 4, least / 2}) {
            const std::string said = checked.said(one.ranks, bytes);
            const std::optional<MoreRanks> more = more_ranks(said);
            if (!more) continue;
            const int ranks = more->ranks;
            const std::string what = fmt::format("{}, {} bytes: {}", one.what(), bytes, said);
            EXPECT_GT(ranks, one.ranks) << what;
            if (more->is_still_too_much) {
                EXPECT_LT(more->bytes, *bytes_after("at least ", said)) << what;
                continue;
            }
            ++named;
            EXPECT_LE(more->bytes, bytes) << what;
            EXPECT_EQ(checked.said(ranks, bytes), "") << what;
            // Of `auto` other ways than `data` are looked at only where that is soon done.
            if (one.asked.strategy != "auto") { EXPECT_NE(checked.said(ranks - 1, bytes), "") << what; }
        }
    }
    EXPECT_GT(named, seeds / 2);
}

}  // namespace
}  // namespace maniple
