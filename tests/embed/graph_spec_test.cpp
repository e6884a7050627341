// The job that a graph written in code stands for.
#include "embed/graph_spec.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.hpp"
#include "job/job.hpp"

namespace maniple {
namespace {

TEST(GraphSpec, IsAJob) {
    GraphSpec spec("heat");
    spec.constant("dt", 0.5);
    spec.input<float>("u", {4, 6});
    spec.generated("noise", {6}, DType::f64, "normal(seed=7)");
    spec.call("v", "heat_step", {"u"}, {{"alpha", "0.2*dt"}, {"boundary", "[clamp, periodic]"}});
    spec.define("total", "sum(v, axis=0) + noise");
    spec.steps(10);
    spec.carry("u", "v");
    spec.until("max(total) < 1e-3", 5);
    spec.output("v");
    spec.output("total", 2);
    spec.plan("data", 3);
    const Job job = parse_job(spec.text(), "code");
    EXPECT_EQ(job.name, "heat");
    ASSERT_EQ(job.inputs.size(), 2u);
    EXPECT_TRUE(job.inputs[0].from.has_value());
    EXPECT_EQ(job.inputs[1].fill->seed, 7u);
    ASSERT_EQ(job.graph.size(), 2u);
    EXPECT_EQ(job.graph[0].expression.name, "heat_step");
    EXPECT_EQ(job.loop->steps, 10);
    EXPECT_EQ(job.loop->check, 5);
    EXPECT_EQ(job.loop->carry[0].input, "u");
    EXPECT_EQ(job.outputs[1].every, 2);
    EXPECT_EQ(job.plan.max_ranks, 3);
    EXPECT_EQ(spec.given().inputs[0].shape, (Shape{4, 6}));
    EXPECT_EQ(spec.given().inputs[0].dtype, DType::f32);
}

TEST(GraphSpec, ParametersKeepTheirBits) {
    for (const double value : {0.1, 1.0 / 3, 1e-30, -2.5, 1e300})
        EXPECT_EQ(std::stod(ParameterValue(value).text()), value);
    EXPECT_EQ(ParameterValue(-3).text(), "-3");
    EXPECT_EQ(ParameterValue(true).text(), "true");
    EXPECT_EQ(ParameterValue(std::vector<std::int64_t>{1, 2}).text(), "[1, 2]");
    EXPECT_THROW(ParameterValue(std::numeric_limits<double>::infinity()), UsageError);
}

TEST(GraphSpec, NothingInsideATextEndsIt) {
    GraphSpec spec("x");
    spec.generated("a", {2}, DType::f32, 1);
    spec.define("b", "a + 1\"\noutputs: {a: x:/y}");
    spec.output("b");
    try {
        parse_job(spec.text(), "code");
        FAIL() << "no error";
    } catch (const JobError& error) {
        ASSERT_EQ(error.diagnostics().size(), 1u);
        EXPECT_NE(std::string(error.what()).find("unexpected character"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace maniple
