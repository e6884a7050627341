// Kernels that reach around corners, fold in order or may not be cut, in random blocks of one to three indices.
#include <gtest/gtest.h>
#include <mpi.h>

#include <cstring>
#include <random>

#include "../plan/random_grids.hpp"
#include "random_run.hpp"

extern "C" const maniple_pack maniple_pack_test;  // tests/compiler/kernels

namespace maniple {
namespace {

class Draw {
public:
    explicit Draw(std::uint32_t seed) : random_(seed) {}
    std::int64_t below(std::int64_t count) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(count));
    }
    std::int64_t extent() { return 1 + below(below(3) == 0 ? 20 : 9); }
    std::string rules(int axes) {
        static const char* const names[] = {"clamp", "zero", "periodic"};
        std::string text = ", boundary=[";
        for (int axis = 0; axis < axes; ++axis) text += std::string(axis > 0 ? ", " : "") + names[below(3)];
        return text + "]";
    }
    std::string axis(int axes) {
        const std::int64_t chosen = below(axes + 2);
        if (chosen == axes) return "";
        if (chosen > axes) return ", axis=[0, -1]";
        return ", axis=" + std::to_string(chosen);
    }

private:
    std::mt19937 random_;
};

/// The parts of a job that follow from a seed.
struct Case {
    std::string inputs, graph, tail, outputs;
    Catalogue catalogue;

    void input(const std::string& name, const Shape& shape, DType type) {
        inputs += "  " + name + ": in.h5:/" + name + "\n";
        catalogue.inputs.push_back({name, shape, type, {}, shape});
    }
    void entry(const std::string& name, const std::string& expression) {
        graph += "  " + name + ": \"" + expression + "\"\n";
    }
    void output(const std::string& name) { outputs += "  " + name + ": out.h5:/" + name + "\n"; }
    void loop(std::int64_t steps, const std::string& carry) {
        tail = "loop: {steps: " + std::to_string(steps) + ", carry: {" + carry + "}}\n";
    }
    std::string text() const {
        return "maniple: 1\nname: blocks\ninputs:\n" + inputs + "graph:\n" + graph + tail + "outputs:\n" + outputs;
    }
};

Case blur(Draw& draw) {
    Case made;
    made.input("u", {draw.extent(), draw.extent()}, DType::f32);
    made.entry("v", "box_blur(u, radius=" + std::to_string(draw.below(4)) + draw.rules(2) + ")");
    made.entry("w", "box_blur(v" + draw.rules(2) + ")");
    made.entry("mean, square", "spread(w" + draw.axis(2) + ")");
    made.loop(1 + draw.below(6), "u: v");
    for (const char* name : {"v", "w", "mean", "square"}) made.output(name);
    return made;
}

Case cube(Draw& draw) {
    Case made;
    made.input("u", {draw.extent(), draw.extent(), draw.extent()}, draw.below(2) == 0 ? DType::f32 : DType::i64);
    made.entry("v", "cube(u" + draw.rules(3) + ")");
    made.entry("at", "first_largest(v" + draw.axis(3) + ")");
    made.loop(1 + draw.below(3), "u: v");
    made.output("v");
    made.output("at");
    return made;
}

Case product(Draw& draw) {
    const std::int64_t n = draw.extent(), k = draw.extent(), m = draw.extent();
    Case made;
    made.input("a", {n, k}, DType::i32);
    made.input("b", {k, m}, DType::i32);
    made.input("x", {n, k}, DType::f32);
    made.input("y", {k, m}, DType::f32);
    made.entry("c", "matrix_product(a, b)");
    made.entry("at", "first_largest(c" + draw.axis(2) + ")");
    made.entry("z", "matrix_product(row_share(box_blur(x" + draw.rules(2) + ")), y)");
    for (const char* name : {"c", "at", "z"}) made.output(name);
    return made;
}

Case ordered(Draw& draw) {
    Case made;
    made.input("x", {draw.extent(), draw.extent(), draw.extent()}, DType::i32);
    made.entry("d", "digits(x" + draw.axis(3) + ")");
    made.entry("at", "first_largest(d)");
    made.output("d");
    made.output("at");
    return made;
}

Case line(Draw& draw) {
    Case made;
    made.input("x", {1 + draw.below(60)}, DType::f32);
    made.entry("a, b", "limit_slope(x" + draw.rules(1) + ")");
    made.entry("p", "pull(x, a)");
    for (const char* name : {"a", "b", "p"}) made.output(name);
    return made;
}

Case life(Draw& draw) {
    Case made;
    made.input("u", {draw.extent(), draw.extent()}, DType::u8);
    made.entry("v", "life(u" + draw.rules(2) + ")");
    made.entry("alive", "sum(v" + draw.axis(2) + ")");
    made.loop(1 + draw.below(9), "u: v");
    made.output("v");
    made.output("alive");
    return made;
}

/// Two carried tensors with halos of their own, or one that is carried along a chain.
Case waves(Draw& draw) {
    const Shape shape{draw.extent(), draw.extent()};
    Case made;
    made.input("u", shape, DType::f32);
    made.input("v", shape, DType::f32);
    if (draw.below(2) == 0) {
        made.entry("u2, v2", "gray_scott(u, v" + draw.rules(2) + ")");
        made.loop(1 + draw.below(5), "u: u2, v: v2");
        made.output("v2");
    } else {
        made.entry("u2", "wave_step(u, v, c2=0.1" + draw.rules(2) + ")");
        made.loop(1 + draw.below(5), "u: u2, v: u");
    }
    made.output("u2");
    return made;
}

Case heat3d(Draw& draw) {
    Case made;
    made.input("u", {draw.extent(), draw.extent(), draw.extent()}, DType::f64);
    made.entry("v", "heat_step3d(u, alpha=0.1" + draw.rules(3) + ")");
    made.entry("largest", "max(v" + draw.axis(3) + ")");
    made.entry("at", "argmax(v)");
    made.loop(1 + draw.below(5), "u: v");
    for (const char* name : {"v", "largest", "at"}) made.output(name);
    return made;
}

Case standard_case(std::uint32_t seed) {
    Draw draw(seed);
    switch (seed % 3) {
        case 0: return life(draw);
        case 1: return waves(draw);
        default: return heat3d(draw);
    }
}

Case case_of(std::uint32_t seed) {
    Draw draw(seed);
    switch (seed % 5) {
        case 0: return blur(draw);
        case 1: return cube(draw);
        case 2: return product(draw);
        case 3: return ordered(draw);
        default: return line(draw);
    }
}

void run_all(const maniple_pack& pack, Case (*make)(std::uint32_t), std::uint32_t seeds) {
    const World world(MPI_COMM_WORLD);
    const KernelRegistry registry(pack);
    std::int64_t failures = 0;
    for (std::uint32_t seed = 0; seed < seeds && failures == 0; ++seed) {
        const Case made = make(seed);
        const Job job = parse_job(made.text(), "blocks.yaml");
        RunCase run{build_graph(job, made.catalogue, registry), {}, {}, seed, true, made.text(), 0, {}};
        run.load = [&](const Tensor& tensor) { return input_bytes(tensor, seed); };
        if (seed % 7 != 0) run.request.grids = random_grids(run.graph, seed, world.size());
        run_case(run, world, nullptr);
        failures = world.sum(std::int64_t{::testing::Test::HasFailure() ? 1 : 0});
    }
    EXPECT_EQ(failures, 0);
}

TEST(BlockGrids, EqualTheReference) { run_all(maniple_pack_test, case_of, 200); }
TEST(BlockGrids, OfStandardKernelsEqualTheReference) { run_all(standard_kernels(), standard_case, 150); }

}  // namespace
}  // namespace maniple
