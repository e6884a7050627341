#include "job/job.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

const std::string inference = R"yaml(
maniple: 1                                   # format version, required
name: digits
description: Classify handwritten digits.
constants: {hidden: 128, alpha: 0.2, n: 5}
kernels: [./mine.so, {path: /abs/mine2.so, sha256: )yaml" +
                              std::string(64, 'A') + R"yaml(}]
inputs:
  images: mnist.h5:/test/images
  first: "mnist.h5:/test/images[0:8000, ::2, -1, ...]"
  w1: {from: model.h5:/dense1/kernel, dtype: f32, shape: [784, hidden]}
  noise: {shape: [1024, hidden], fill: normal(seed=7)}
  ramp: {shape: [n], fill: "uniform(seed=1, low=-alpha, high=2*alpha)", dtype: f64}
  count: {shape: [], fill: iota}
  half: {shape: [2], fill: -0.5}
graph:
  h: relu(dense(images, w1, b1))
  best: argmax(h, axis=1)
  u2, v2: gray_scott(u, v, feed=0.04)
outputs:
  h: results.h5:/probabilities
  best:
    to: sub/../results.h5:/g//labels/
    compression: gzip 4
    attributes: {units: class, code: "3", n: 3, x: 0.5, valid: true, range: [0, 9], scale: [1, 2.5], no: no}
after: {best: [h, u2]}
place: {best: gpu, h: cpu, u2: gpu:1}
x-note: {any: [thing, {at: all}]}
)yaml";

const std::string heat = R"yaml(
maniple: 1
name: heat
constants: {steps: 1000, interval: 100}
inputs: {u: terrain.h5:/elevation}
graph:
  u_next: heat_step(u, alpha=0.2, boundary=clamp)
  total: sum(u_next)
loop: {steps: steps, until: "total < 1e-6", carry: {u: u_next}, check: 10}
outputs:
  u_next: heat.h5:/u
  total: {to: heat.h5:/total, every: interval}
checkpoint: {to: heat.ckpt.h5, every: 10 min, keep: 3}
plan: {strategy: pipeline, stages: 2, microbatches: 8, schedule: 1f1b, buffer_depth: 3, lanes: auto, sharing: adaptive,
       memory: 8 GiB, memory_use: balanced, comm: auto, max_ranks: 4, max_devices: 0, max_time: 10 s,
       reproducible: true}
)yaml";

const std::string training = R"yaml(
maniple: 1
name: train
inputs: {images: a.h5:/i, labels: a.h5:/l}
parameters: {w1: {shape: [784, 10], fill: he_normal(seed=1)}, b1: m.h5:/b}
graph: {loss: "cross_entropy(dense(images, w1, b1), labels)"}
train: {over: [images, labels], loss: loss, optimizer: "sgd(rate=0.1, momentum=0.9)", epochs: 5, batch: 256,
        shuffle: 11}
outputs: {w1: trained.h5:/w1, loss: {to: trained.h5:/loss, every: 1}}
checkpoint: {to: c.h5, every: 200 steps}
)yaml";

TEST(ParseJob, ReadsInputs) {
    const Job job = parse_job(inference, "jobs/digits.yaml");
    EXPECT_EQ(job.file, "jobs/digits.yaml");
    EXPECT_EQ(job.name, "digits");
    EXPECT_EQ(job.place.line, 2);
    ASSERT_EQ(job.constants.size(), 3U);
    EXPECT_EQ(job.constants[0].second, (Number{true, 128, 128}));
    ASSERT_EQ(job.kernels.size(), 2U);
    EXPECT_EQ(job.kernels[0].path, "jobs/./mine.so");
    EXPECT_EQ(job.kernels[1].path, "/abs/mine2.so");
    EXPECT_EQ(job.kernels[1].sha256, std::string(64, 'a'));
    ASSERT_EQ(job.inputs.size(), 7U);
    const FileReference& images = *job.inputs[0].from;
    EXPECT_EQ(images.path, "jobs/mnist.h5");
    EXPECT_EQ(images.dataset, "/test/images");
    EXPECT_TRUE(images.slice.empty());
    EXPECT_EQ(job.input("w1")->dtype, DType::f32);
    EXPECT_EQ(*job.input("w1")->shape, (std::vector<std::int64_t>{784, 128}));
    EXPECT_EQ(job.input("nothing"), nullptr);
}

TEST(ParseJob, ReadsSlices) {
    const Job job = parse_job(inference, "digits.yaml");
    const std::vector<SliceItem>& slice = job.input("first")->from->slice;
    ASSERT_EQ(slice.size(), 4U);
    EXPECT_EQ(slice[0].start, 0);
    EXPECT_EQ(slice[0].stop, 8000);
    EXPECT_EQ(slice[0].step, std::nullopt);
    EXPECT_EQ(slice[1].start, std::nullopt);
    EXPECT_EQ(slice[1].stop, std::nullopt);
    EXPECT_EQ(slice[1].step, 2);
    EXPECT_EQ(slice[2].kind, SliceItem::Kind::index);
    EXPECT_EQ(slice[2].index, -1);
    EXPECT_EQ(slice[3].kind, SliceItem::Kind::ellipsis);
}

TEST(ParseJob, ReadsFills) {
    const Job job = parse_job(inference, "digits.yaml");
    EXPECT_EQ(job.input("noise")->fill->kind, Fill::Kind::normal);
    EXPECT_EQ(job.input("noise")->fill->seed, 7U);
    EXPECT_EQ(job.input("noise")->fill->std, 1);
    const Fill& ramp = *job.input("ramp")->fill;
    EXPECT_EQ(ramp.kind, Fill::Kind::uniform);
    EXPECT_DOUBLE_EQ(ramp.low, -0.2);
    EXPECT_DOUBLE_EQ(ramp.high, 0.4);
    EXPECT_EQ(job.input("count")->fill->kind, Fill::Kind::iota);
    EXPECT_TRUE(job.input("count")->shape->empty());
    EXPECT_DOUBLE_EQ(job.input("half")->fill->value.real, -0.5);
}

TEST(ParseJob, ReadsTheGraphAndItsOrder) {
    const Job job = parse_job(inference, "digits.yaml");
    ASSERT_EQ(job.graph.size(), 3U);
    EXPECT_EQ(job.graph[2].names, (std::vector<std::string>{"u2", "v2"}));
    EXPECT_EQ(job.graph[2].name_places[1].column, 7);
    EXPECT_EQ(job.graph[0].expression.name, "relu");
    EXPECT_EQ(job.graph[0].expression.arguments[0].place.column, 11);
    ASSERT_EQ(job.after.size(), 1U);
    EXPECT_EQ(job.after[0].after, (std::vector<std::string>{"h", "u2"}));
    ASSERT_EQ(job.places.size(), 3U);
    EXPECT_EQ(job.places[0].device, std::nullopt);
    EXPECT_EQ(job.places[2].lane, "gpu");
    EXPECT_EQ(job.places[2].device, 1);
}

TEST(ParseJob, ReadsOutputs) {
    const Job job = parse_job(inference, "digits.yaml");
    ASSERT_EQ(job.outputs.size(), 2U);
    const OutputSpec& best = job.outputs[1];
    EXPECT_EQ(best.to.dataset, "/g/labels");
    EXPECT_EQ(best.gzip_level, 4);
    ASSERT_EQ(best.attributes.size(), 8U);
    EXPECT_EQ(std::get<std::string>(best.attributes[0].second), "class");
    EXPECT_EQ(std::get<std::string>(best.attributes[1].second), "3");
    EXPECT_EQ(std::get<std::int64_t>(best.attributes[2].second), 3);
    EXPECT_EQ(std::get<double>(best.attributes[3].second), 0.5);
    EXPECT_EQ(std::get<bool>(best.attributes[4].second), true);
    EXPECT_EQ(std::get<std::vector<std::int64_t>>(best.attributes[5].second).size(), 2U);
    EXPECT_EQ(std::get<std::vector<double>>(best.attributes[6].second)[1], 2.5);
    EXPECT_EQ(std::get<std::string>(best.attributes[7].second), "no");
}

TEST(ParseJob, ReadsLoops) {
    const Job job = parse_job(heat, "/data/heat.yaml");
    ASSERT_TRUE(job.loop);
    EXPECT_EQ(job.loop->steps, 1000);
    EXPECT_EQ(job.loop->check, 10);
    EXPECT_EQ(job.loop->until->name, "less");
    ASSERT_EQ(job.loop->carry.size(), 1U);
    EXPECT_EQ(job.loop->carry[0].value, "u_next");
    EXPECT_EQ(job.outputs[1].every, 100);
    ASSERT_TRUE(job.checkpoint);
    EXPECT_EQ(job.checkpoint->to.path, "/data/heat.ckpt.h5");
    EXPECT_EQ(job.checkpoint->every_seconds, 600);
    EXPECT_EQ(job.checkpoint->every_steps, std::nullopt);
    EXPECT_EQ(job.checkpoint->keep, 3);
}

TEST(ParseJob, ReadsPlans) {
    const PlanSpec plan = parse_job(heat, "heat.yaml").plan;
    EXPECT_EQ(plan.strategy, "pipeline");
    EXPECT_EQ(plan.stages, 2);
    EXPECT_EQ(plan.schedule, "1f1b");
    EXPECT_EQ(plan.memory_bytes, std::int64_t{8} << 30);
    EXPECT_EQ(plan.max_devices, 0);
    EXPECT_EQ(plan.max_time_seconds, 10);
    EXPECT_EQ(plan.reproducible, true);
    EXPECT_EQ(plan.key_places.at("stages").column, 28);
    EXPECT_EQ(parse_job(inference, "x").plan.strategy, "auto");
}

TEST(ParseJob, ReadsTraining) {
    const Job job = parse_job(training, "t.yaml");
    ASSERT_EQ(job.parameters.size(), 2U);
    EXPECT_EQ(job.parameters[0].input.fill->kind, Fill::Kind::he_normal);
    ASSERT_TRUE(job.train);
    EXPECT_EQ(job.train->over, (std::vector<std::string>{"images", "labels"}));
    EXPECT_EQ(job.train->optimizer.name, "sgd");
    EXPECT_EQ(job.train->optimizer.parameters[1].value.expression[0].real, 0.9);
    EXPECT_EQ(job.train->batch, 256);
    EXPECT_EQ(job.train->shuffle, 11U);
    EXPECT_EQ(job.checkpoint->every_steps, 200);
}

TEST(ParseJob, IsTheSameEverywhere) {
    const Job job = parse_job(heat, "heat.yaml");
    EXPECT_EQ(job.text, heat);
    EXPECT_EQ(job.loop->steps, parse_job(heat, "heat.yaml").loop->steps);
}

TEST(Overrides, SetConstants) {
    const Job job = parse_job(heat, "h", {{{"steps", "7"}, {"interval", "1"}, {"interval", "2"}}, ""});
    EXPECT_EQ(job.loop->steps, 7);
    EXPECT_EQ(job.outputs[1].every, 2);
}

std::vector<Diagnostic> usage_errors(const JobOverrides& overrides) {
    try {
        parse_job(heat, "h", overrides);
    } catch (const UsageError& error) {
        EXPECT_EQ(error.code(), ExitCode::usage);
        return error.diagnostics();
    }
    return {};
}

TEST(Overrides, ThatFitNothingAreWrongUsage) {
    EXPECT_EQ(usage_errors({{{"step", "7"}}, ""}).at(0).suggestion, "steps");
    EXPECT_FALSE(usage_errors({{{"nothing", "7"}}, ""}).empty());
    EXPECT_FALSE(usage_errors({{{"steps", "many"}}, ""}).empty());
    EXPECT_FALSE(usage_errors({{{"steps", ""}}, ""}).empty());
    EXPECT_EQ(usage_errors({{}, "pipelin"}).at(0).suggestion, "pipeline");
    EXPECT_FALSE(usage_errors({{}, "{strategy: data"}).empty());
    EXPECT_FALSE(usage_errors({{}, "{stages: x}"}).empty());
    EXPECT_FALSE(usage_errors({{}, "[data]"}).empty());
}

TEST(Overrides, ABareWordKeepsTheOtherKeysOfThePlan) {
    const PlanSpec plan = parse_job(heat, "h", {{}, "model"}).plan;
    EXPECT_EQ(plan.strategy, "model");
    EXPECT_EQ(plan.max_ranks, 4);
    const PlanSpec hybrid = parse_job(heat, "h", {{}, "{data: 2, pipeline: 4}"}).plan;
    EXPECT_EQ(hybrid.strategy, "hybrid");
    ASSERT_EQ(hybrid.hybrid.size(), 2U);
    EXPECT_EQ(hybrid.hybrid[1], std::make_pair(std::string("pipeline"), std::int64_t{4}));
    EXPECT_EQ(hybrid.max_ranks, std::nullopt);
}

}  // namespace
}  // namespace maniple
