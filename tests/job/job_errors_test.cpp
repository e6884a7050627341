// Wrong job files: each with the place and a piece of the message that the first error must have.

#include <gtest/gtest.h>

#include "job/job.hpp"

namespace maniple {
namespace {

/// Lines 1 to 4 of most files below; what is wrong starts at line 5.
constexpr const char* head =
    "maniple: 1\n"
    "name: test\n"
    "constants: {n: 8, half: 0.5}\n"
    "inputs: {u: in.h5:/u, w: in.h5:/w}\n";
constexpr const char* outputs = "outputs: {u: out.h5:/u}\n";

std::vector<Diagnostic> errors_of(const std::string& text) {
    try {
        parse_job(text, "dir/job.yaml");
    } catch (const JobError& error) {
        EXPECT_EQ(error.code(), ExitCode::job);
        return error.diagnostics();
    }
    return {};
}

struct Wrong {
    std::string text;
    int line;
    int column;
    std::string fragment;
    std::string suggestion = {};
};

void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.fragment; }

void expect_first(const std::string& text, const Wrong& wrong) {
    const std::vector<Diagnostic> errors = errors_of(text);
    ASSERT_FALSE(errors.empty()) << text;
    const Diagnostic& first = errors[0];
    const std::string all = text + "\n" + render(first);
    EXPECT_EQ(errors.size(), 1U) << all << render(errors.back());
    EXPECT_EQ(first.place.line, wrong.line) << all;
    EXPECT_EQ(first.place.column, wrong.column) << all;
    EXPECT_NE(first.message.find(wrong.fragment), std::string::npos) << all;
    EXPECT_EQ(first.suggestion, wrong.suggestion) << all;
    EXPECT_FALSE(first.place.line_text.empty() && wrong.column > 1) << all;
}

/// With `outputs` at the end.
class JobErrors : public testing::TestWithParam<Wrong> {};

TEST_P(JobErrors, StandAtTheirPlace) { expect_first(head + GetParam().text + outputs, GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Top, JobErrors,
    testing::Values(Wrong{"inpts: {}\n", 5, 1, "unknown key 'inpts'", "inputs"},
                    Wrong{"colour: red\n", 5, 1, "unknown key 'colour'"},
                    Wrong{"name: again\n", 5, 1, "duplicate key 'name'"},
                    Wrong{"description: [a]\n", 5, 14, "expected a text, found a list"},
                    Wrong{"kernels: ./a.so\n", 5, 10, "expected a list of kernel packs"},
                    Wrong{"kernels: [{sha256: ab, path: a.so}]\n", 5, 20, "64 hexadecimal digits"},
                    Wrong{"kernels: [{path: a.so, sha: ab}]\n", 5, 24, "unknown key 'sha' in 'kernels'"},
                    Wrong{"graph: [a]\n", 5, 8, "expected a mapping as the value of 'graph'"},
                    Wrong{"graph:\n", 5, 1, "'graph' has no value"},
                    Wrong{"loop: null\n", 5, 7, "expected a mapping as the value of 'loop', found 'null'"}));

// The missing path is an error of its own, at the mapping.
TEST(JobErrorsKernels, MissingPath) {
    expect_first(std::string(head) + "kernels: [{}]\n" + outputs, {"", 5, 11, "missing key 'path' in 'kernels'"});
}

const std::string digest(64, 'a');

INSTANTIATE_TEST_SUITE_P(
    Inputs, JobErrors,
    testing::Values(Wrong{"parameters: {2x: a.h5:/p}\n", 5, 14, "'2x' is not a name"},
                    Wrong{"parameters: {not: a.h5:/p}\n", 5, 14, "'not' is a word of expressions"},
                    Wrong{"parameters: {p: 5}\n", 5, 17, "expected FILE:/DATASET, found '5'"},
                    Wrong{"parameters: {p: 'a.h5'}\n", 5, 17, "expected FILE:/DATASET"},
                    Wrong{"parameters: {p: ':/p'}\n", 5, 17, "no file before ':/'"},
                    Wrong{"parameters: {p: 'a.h5:/'}\n", 5, 17, "no data set after ':/'"},
                    Wrong{"parameters: {p: 'a.h5:/p[1'}\n", 5, 25, "slice is not closed"},
                    Wrong{"parameters: {p: 'a.h5:/p[]'}\n", 5, 25, "an empty slice"},
                    Wrong{"parameters: {p: 'a.h5:/p[1, x]'}\n", 5, 29, "expected an integer in the slice"},
                    Wrong{"parameters: {p: 'a.h5:/p[::-1]'}\n", 5, 28, "step of a slice must be at least 1"},
                    Wrong{"parameters: {p: 'a.h5:/p[::0]'}\n", 5, 28, "step of a slice must be at least 1"},
                    Wrong{"parameters: {p: 'a.h5:/p[1:2:3:4]'}\n", 5, 30, "expected an integer in the slice"},
                    Wrong{"parameters: {p: 'a.h5:/p[..., ...]'}\n", 5, 31, "a second '...'"},
                    Wrong{"parameters: {p: 'a.h5:/p[1,,2]'}\n", 5, 28, "found nothing"},
                    Wrong{"parameters: {p: {}}\n", 5, 17, "missing key 'from' or 'fill'"},
                    Wrong{"parameters: {p: {fill: 1}}\n", 5, 17, "missing key 'shape'"},
                    Wrong{"parameters: {p: {from: a.h5:/p, dtype: float}}\n", 5, 40, "expected one of f32", "f32"},
                    Wrong{"parameters: {p: {from: a.h5:/p, dtype: bol}}\n", 5, 40, "expected one of", "bool"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shap: [1]}}\n", 5, 33, "unknown key 'shap'", "shape"},
                    Wrong{"parameters: {p: {from: a.h5:/p, fill: 1, shape: []}}\n", 5, 33, "exclude each other"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: 5}}\n", 5, 40, "expected a list of extents"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: [-1]}}\n", 5, 41, "at least 0, found '-1'"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: [010]}}\n", 5, 41, "leading zero"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: [0x10]}}\n", 5, 41, "plain decimal integer"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: [1_000]}}\n", 5, 41, "plain decimal integer"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: [1e3]}}\n", 5, 41, "plain decimal integer"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: ['3']}}\n", 5, 41, "the quoted text '3'"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: [half]}}\n", 5, 41, "not an integer"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: [hal]}}\n", 5, 41, "no constant 'hal'", "half"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: [1,1,1,1,1,1,1,1,1]}}\n", 5, 40, "at most 8"},
                    Wrong{"parameters: {p: {from: a.h5:/p, shape: [9223372036854775808]}}\n", 5, 41, "too large"},
                    Wrong{"parameters: {p: {fill: 1, shape: [4294967296, 4294967296]}}\n", 5, 34, "2^63 - 1"},
                    Wrong{"parameters: {p: {from: a.h5:/p, sha256: abc}}\n", 5, 41, "64 hexadecimal digits"},
                    Wrong{"parameters: {p: {fill: 1, shape: [], sha256: " + digest + "}}\n", 5, 38, "come from a file"},
                    Wrong{"parameters: {p: {fill: 1, shape: [], mask: fill}}\n", 5, 38, "come from a file"},
                    Wrong{"parameters: {p: {fill: 1, shape: [], allow: [external]}}\n", 5, 38, "come from a file"},
                    Wrong{"parameters: {p: {from: a.h5:/p, mask: fil}}\n", 5, 39, "expected one of fill", "fill"},
                    Wrong{"parameters: {p: {from: a.h5:/p, mask: [fill]}}\n", 5, 39, "found a list"},
                    Wrong{"parameters: {p: {from: a.h5:/p, mask: true}}\n", 5, 39, "expected one of fill"},
                    Wrong{"parameters: {p: {from: a.h5:/p, mask: fill, dtype: i32}}\n", 5, 39, "dtype: f32 or f64"},
                    Wrong{"parameters: {p: {from: a.h5:/p, msak: fill}}\n", 5, 33, "unknown key 'msak'", "mask"},
                    Wrong{"parameters: {p: {from: a.h5:/p, allow: external}}\n", 5, 40, "a list like [external]"},
                    Wrong{"parameters: {p: {from: a.h5:/p, allow: [externl]}}\n", 5, 41, "found 'externl'", "external"},
                    Wrong{"parameters: {p: {from: a.h5:/p, allow: [external, external]}}\n", 5, 51, "twice"},
                    Wrong{"parameters: {p: {from: a.h5:/p, allow: [[external]]}}\n", 5, 41, "found a list"},
                    Wrong{"parameters: {p: {from: a.h5:/p, alow: [external]}}\n", 5, 33, "unknown key 'alow'",
                          "allow"}));

TEST(JobErrorsOfInputs, MaskAndAllowAreKept) {
    const Job job = parse_job(
        "maniple: 1\nname: a\ninputs: {u: {from: a.h5:/u, mask: fill, dtype: f16}, v: {from: a.h5:/v, allow: "
        "[external]}, w: {from: a.h5:/w, allow: []}}\noutputs: {u: o.h5:/u}\n",
        "a.yaml");
    EXPECT_TRUE(job.input("u")->mask_fill && !job.input("u")->allow_external);
    EXPECT_TRUE(job.input("v")->allow_external && !job.input("v")->mask_fill);
    EXPECT_FALSE(job.input("w")->allow_external);
}

INSTANTIATE_TEST_SUITE_P(
    Fills, JobErrors,
    testing::Values(Wrong{"parameters: {p: {shape: [2], fill: unifrm(seed=1)}}\n", 5, 36, "expected a number",
                          "uniform"},
                    Wrong{"parameters: {p: {shape: [2], fill: iotta}}\n", 5, 36, "expected a number", "iota"},
                    Wrong{"parameters: {p: {shape: [2], fill: normal()}}\n", 5, 36, "needs a seed"},
                    Wrong{"parameters: {p: {shape: [2], fill: normal(7)}}\n", 5, 43, "without a name"},
                    Wrong{"parameters: {p: {shape: [2], fill: normal(sed=7)}}\n", 5, 43, "unknown parameter", "seed"},
                    Wrong{"parameters: {p: {shape: [2], fill: normal(seed=-7)}}\n", 5, 48, "a seed is"},
                    Wrong{"parameters: {p: {shape: [2], fill: normal(seed=1.5)}}\n", 5, 48, "a seed is"},
                    Wrong{"parameters: {p: {shape: [2], fill: 'normal(seed=1, std=-1)'}}\n", 5, 56, "negative"},
                    Wrong{"parameters: {p: {shape: [2], fill: 'normal(seed=1, std=x)'}}\n", 5, 56, "expected a number"},
                    Wrong{"parameters: {p: {shape: [2], fill: normal(seed=1, std=2)}}\n", 5, 36, "must be quoted"},
                    Wrong{"parameters: {p: {shape: [2], fill: 0.5, dtype: i32}}\n", 5, 36, "expected an integer"},
                    Wrong{"parameters: {p: {shape: [2], fill: 300, dtype: u8}}\n", 5, 36, "300 does not fit dtype u8"},
                    Wrong{"parameters: {p: {shape: [2], fill: uniform(seed=1), dtype: i32}}\n", 5, 36, "floating"},
                    Wrong{"parameters: {p: {shape: [2], fill: [1]}}\n", 5, 36, "found a list"}));

INSTANTIATE_TEST_SUITE_P(
    Graph, JobErrors,
    testing::Values(Wrong{"graph:\n  a: dense(u w)\n", 6, 14, "unexpected 'w'"},
                    Wrong{"graph:\n  a: 'u +'\n", 6, 10, "the expression ends here"},
                    Wrong{"graph:\n  a: [u]\n", 6, 6, "expected an expression, found a list"},
                    Wrong{"graph:\n  a:\n", 6, 3, "'a' has no value"},
                    Wrong{"graph:\n  a b: u\n", 6, 3, "'a b' is not a name"},
                    Wrong{"graph:\n  a, 2b: f(u)\n", 6, 6, "'2b' is not a name"},
                    Wrong{"graph:\n  a, : f(u)\n", 6, 5, "'' is not a name"},
                    Wrong{"graph:\n  a, a: f(u)\n", 6, 6, "'a' is defined twice"},
                    Wrong{"graph:\n  u: f(u)\n", 6, 3, "'u' is defined twice"},
                    Wrong{"graph:\n  n: f(u)\n", 6, 3, "'n' is defined twice"},
                    Wrong{"graph:\n  a: f(u)\n  b, a: g(u)\n", 7, 6, "'a' is defined twice"},
                    Wrong{"parameters: {u: a.h5:/p}\n", 5, 14, "'u' is defined twice"},
                    Wrong{"graph: {h: dense(u, w), a: f(u)}\n", 5, 12, "must be quoted"},
                    Wrong{"graph: {h: u, w}\n", 5, 15, "must be quoted"},
                    Wrong{"graph: {h: sum(u, axis=[0, 1])}\n", 5, 24, "must be quoted"},
                    Wrong{"graph:\n  a: where(u: w)\n", 6, 13, "quote a value"},
                    Wrong{"after: {b: [u]}\ngraph: {a: f(u), b: f(u)}\n", 5, 13,
                          "not defined: expected a name of the graph"},
                    Wrong{"after: {aa: [a]}\ngraph: {a: f(u)}\n", 5, 9, "not defined", "a"},
                    Wrong{"after: {a: b}\ngraph: {a: f(u), b: f(u)}\n", 5, 12, "expected a list of names"},
                    Wrong{"place: {a: gpuu}\ngraph: {a: f(u)}\n", 5, 12, "expected cpu, gpu or gpu:N", "gpu"},
                    Wrong{"place: {a: gpu:x}\ngraph: {a: f(u)}\n", 5, 12, "expected cpu, gpu or gpu:N", "gpu"},
                    Wrong{"place: {a: cpu:1}\ngraph: {a: f(u)}\n", 5, 12, "expected cpu, gpu or gpu:N", "cpu"},
                    Wrong{"place: {u: gpu}\n", 5, 9, "not defined: expected a name of the graph"}));

INSTANTIATE_TEST_SUITE_P(
    Iteration, JobErrors,
    testing::Values(Wrong{"loop: {carry: {u: w}}\n", 5, 7, "missing key 'steps' in 'loop'"},
                    Wrong{"loop:\n  until: u < 1\n", 6, 3, "missing key 'steps'"},
                    Wrong{"loop: {stps: 5}\n", 5, 8, "unknown key 'stps' in 'loop'", "steps"},
                    Wrong{"loop: {steps: 0}\n", 5, 15, "at least 1, found '0'"},
                    Wrong{"loop: {steps: -4}\n", 5, 15, "at least 1, found '-4'"},
                    Wrong{"loop: {steps: 1e3}\n", 5, 15, "plain decimal integer"},
                    Wrong{"loop: {steps: half}\n", 5, 15, "constant 'half' is not an integer"},
                    Wrong{"loop: {steps: 5, check: 0}\n", 5, 25, "at least 1"},
                    Wrong{"loop: {steps: 5, until: 'u <'}\n", 5, 29, "the expression ends here"},
                    Wrong{"loop: {steps: 5, until: 'u < 1 < 2'}\n", 5, 32, "cannot be chained"},
                    Wrong{"loop: {steps: 5, carry: {v: u}}\n", 5, 26, "'v' is not defined: expected an input"},
                    Wrong{"loop: {steps: 5, carry: {n: u}}\n", 5, 26, "'n' is a constant: expected an input"},
                    Wrong{"loop: {steps: 5, carry: {u: u_nxt}}\ngraph: {u_next: f(u)}\n", 5, 29, "not defined",
                          "u_next"},
                    Wrong{"checkpoint: {to: c.h5}\n", 5, 13, "'checkpoint' needs 'loop' or 'train'"},
                    Wrong{"loop: {steps: 5}\ncheckpoint: {to: c.h5, every: 5}\n", 6, 31, "200 steps or 10 min"},
                    Wrong{"loop: {steps: 5}\ncheckpoint: {to: c.h5, every: 010 steps}\n", 6, 31, "leading zero"},
                    Wrong{"loop: {steps: 5}\ncheckpoint: {to: c.h5, every: 5 m}\n", 6, 31, "200 steps or 10 min"},
                    Wrong{"loop: {steps: 5}\ncheckpoint: {to: c.h5, every: 0 s}\n", 6, 31, "above 0"},
                    Wrong{"loop: {steps: 5}\ncheckpoint: {to: c.h5, keep: 0}\n", 6, 30, "at least 1"},
                    Wrong{"loop: {steps: 5}\ncheckpoint: {to: c.h5:/x}\n", 6, 18, "a file without data set"},
                    Wrong{"loop: {steps: 5}\ncheckpoint: {every: 5 steps}\n", 6, 13, "missing key 'to'"},
                    Wrong{"loop: {steps: 5}\ncheckpoint: {to: out.h5}\n", 6, 18, "an input or output file too"},
                    Wrong{"loop: {steps: 5}\ncheckpoint: {to: ./x/../in.h5}\n", 6, 18, "an input or output file too"}));

const std::string train = "graph: {loss: f(u)}\ntrain: {loss: loss, ";

INSTANTIATE_TEST_SUITE_P(
    Train, JobErrors,
    testing::Values(
        Wrong{train + "over: [u], optimizer: sgd(rate=1), epochs: 1}\n", 6, 8, "missing key 'batch' in 'train'"},
        Wrong{train + "over: u, optimizer: sgd(rate=1), epochs: 1, batch: n}\n", 6, 27, "expected a list of inputs"},
        Wrong{train + "over: [], optimizer: sgd(rate=1), epochs: 1, batch: n}\n", 6, 27, "'over' is empty"},
        Wrong{train + "over: [v], optimizer: sgd(rate=1), epochs: 1, batch: n}\n", 6, 28, "'v' is not defined"},
        Wrong{train + "over: [u, u], optimizer: sgd(rate=1), epochs: 1, batch: n}\n", 6, 31, "listed twice"},
        Wrong{train + "over: [u], optimizer: sdg(rate=1), epochs: 1, batch: n}\n", 6, 43, "an optimizer", "sgd"},
        Wrong{train + "over: [u], optimizer: sgd(0.1), epochs: 1, batch: n}\n", 6, 47, "without a name"},
        Wrong{train + "over: [u], optimizer: adam(rat=1), epochs: 1, batch: n}\n", 6, 48, "unknown parameter", "rate"},
        Wrong{train + "over: [u], optimizer: adam(), epochs: 1, batch: n}\n", 6, 43, "needs a rate"},
        Wrong{train + "over: [u], optimizer: sgd(rate=u), epochs: 1, batch: n}\n", 6, 52, "expected a number"},
        Wrong{train + "over: [u], optimizer: sgd(rate=1), epochs: 0, batch: n}\n", 6, 64, "at least 1"},
        Wrong{train + "over: [u], optimizer: sgd(rate=1), epochs: 1, batch: n, shuffle: no}\n", 6, 86, "or false",
              "false"},
        Wrong{train + "over: [u], optimizer: sgd(rate=1), epochs: 1, batch: n, shuffle: true}\n", 6, 86, "a seed"},
        Wrong{"train: {over: [u], loss: u, optimizer: sgd(rate=1), epochs: 1, batch: n}\n", 5, 26,
              "a name of the graph"},
        Wrong{train + "over: [u], optimizer: sgd(rate=1), epochs: 1, batch: 1}\nloop: {steps: 1}\n", 6, 8,
              "exclude each other"}));

INSTANTIATE_TEST_SUITE_P(
    Plan, JobErrors,
    testing::Values(Wrong{"plan: pipelin\n", 5, 7, "expected one of data", "pipeline"},
                    Wrong{"plan: hybrid\n", 5, 7, "expected one of data"},
                    Wrong{"plan: [data]\n", 5, 7, "expected a mapping"},
                    Wrong{"plan: {strategie: data}\n", 5, 8, "unknown key", "strategy"},
                    Wrong{"plan: {stages: 0}\n", 5, 16, "at least 1"},
                    Wrong{"plan: {stages: 2.0}\n", 5, 16, "plain decimal integer"},
                    Wrong{"plan: {schedule: 1f2b}\n", 5, 18, "expected one of gpipe, 1f1b", "1f1b"},
                    Wrong{"plan: {lanes: all}\n", 5, 15, "expected one of auto, cpu, gpu, both"},
                    Wrong{"plan: {memory: 8}\n", 5, 16, "a size with one of the units"},
                    Wrong{"plan: {memory: 8 gb}\n", 5, 16, "a size with one of the units"},
                    Wrong{"plan: {memory: 0 B}\n", 5, 16, "above 0"},
                    Wrong{"plan: {max_time: 10}\n", 5, 18, "a time with one of the units"},
                    Wrong{"plan: {max_time: 10 sec}\n", 5, 18, "a time with one of the units"},
                    Wrong{"plan: {reproducible: no}\n", 5, 22, "expected true or false, found 'no'", "false"},
                    Wrong{"plan: {reproducible: Yes}\n", 5, 22, "expected true or false, found 'Yes'", "true"},
                    Wrong{"plan: {reproducible: on}\n", 5, 22, "expected true or false", "true"},
                    Wrong{"plan: {reproducible: 'true'}\n", 5, 22, "the quoted text 'true'", "true"},
                    Wrong{"plan: {data: 0}\n", 5, 14, "at least 1"},
                    Wrong{"plan: {strategy: data, data: 2}\n", 5, 8, "exclude each other"}));

/// The whole file.
class FileErrors : public testing::TestWithParam<Wrong> {};

TEST_P(FileErrors, StandAtTheirPlace) { expect_first(GetParam().text, GetParam()); }

const std::string start = "maniple: 1\nname: t\n";
const std::string with_input = start + "inputs: {u: in.h5:/u, v: in.h5:/v}\n";

INSTANTIATE_TEST_SUITE_P(
    Whole, FileErrors,
    testing::Values(
        Wrong{"", 1, 1, "the file is empty"}, Wrong{"just text\n", 1, 1, "expected a mapping"},
        Wrong{"- maniple\n", 1, 1, "expected a mapping"},
        Wrong{"name: t\ninputs: {u: a.h5:/u}\noutputs: {u: b.h5:/u}\n", 1, 1, "missing key 'maniple'"},
        Wrong{"# x\n\nmaniple: 1\ninputs: {u: a.h5:/u}\noutputs: {u: b.h5:/u}\n", 3, 1, "missing key 'name'"},
        Wrong{start, 1, 1, "missing key 'outputs'"}, Wrong{start + "outputs: {}\n", 3, 10, "'outputs' is empty"},
        Wrong{start + "outputs: {x-a: b}\n", 3, 10, "'outputs' is empty"},
        Wrong{"maniple: 2\nname: t\ninputs: {u: a.h5:/u}\noutputs: {u: b.h5:/u}\n", 1, 10, "version 2"},
        Wrong{"maniple: 1.0\nname: t\ninputs: {u: a.h5:/u}\noutputs: {u: b.h5:/u}\n", 1, 10, "plain decimal"},
        Wrong{"maniple: 1\nname: .t\ninputs: {u: a.h5:/u}\noutputs: {u: b.h5:/u}\n", 2, 7, "not a job's name"},
        Wrong{"maniple: 1\nname: a b\ninputs: {u: a.h5:/u}\noutputs: {u: b.h5:/u}\n", 2, 7, "not a job's name"},
        Wrong{"maniple: 1\nname: a/b\ninputs: {u: a.h5:/u}\noutputs: {u: b.h5:/u}\n", 2, 7, "not a job's name"},
        Wrong{with_input + "outputs: {w: o.h5:/w}\n", 4, 11, "'w' is not defined"},
        Wrong{with_input + "graph: {total: sum(u)}\noutputs: {totl: o.h5:/w}\n", 5, 11, "not defined", "total"},
        Wrong{with_input + "constants: {c: 1}\noutputs: {c: o.h5:/w}\n", 5, 11, "'c' is a constant"},
        Wrong{with_input + "constants: {c: x}\noutputs: {u: o.h5:/w}\n", 4, 16, "expected a number"},
        Wrong{with_input + "constants: {c: 010}\noutputs: {u: o.h5:/w}\n", 4, 16, "expected a number"},
        Wrong{with_input + "constants: {c: '1'}\noutputs: {u: o.h5:/w}\n", 4, 16, "expected a number"},
        Wrong{with_input + "constants: {u: 1}\noutputs: {u: o.h5:/w}\n", 4, 13, "'u' is defined twice"},
        Wrong{with_input + "outputs: {u: o.h5}\n", 4, 14, "expected FILE:/DATASET"},
        Wrong{with_input + "outputs: {u: 'o.h5:/u[1:2]'}\n", 4, 22, "a slice is for inputs"},
        Wrong{with_input + "outputs: {u: {compression: gzip 4}}\n", 4, 14, "missing key 'to' in 'u'"},
        Wrong{with_input + "outputs: {u: {to: o.h5:/u, compression: lzf}}\n", 4, 41, "unknown compression 'lzf'"},
        Wrong{with_input + "outputs: {u: {to: o.h5:/u, compression: gzip 10}}\n", 4, 41, "from 0 to 9"},
        Wrong{with_input + "outputs: {u: {to: o.h5:/u, compression: gzip x}}\n", 4, 41, "from 0 to 9"},
        Wrong{with_input + "outputs: {u: {to: o.h5:/u, attributes: {a: {b: c}}}}\n", 4, 44, "a list of numbers"},
        Wrong{with_input + "outputs: {u: {to: o.h5:/u, attributes: {a: [b]}}}\n", 4, 45, "expected a number"},
        Wrong{with_input + "outputs: {u: {to: o.h5:/u, every: 2}}\n", 4, 28, "'every' needs 'loop' or 'train'"},
        Wrong{with_input + "loop: {steps: 9}\noutputs: {u: {to: o.h5:/u, every: 2 s}}\n", 5, 35, "plain decimal"},
        Wrong{with_input + "outputs: {u: o.h5:/a, v: o.h5:/a}\n", 4, 26, "has two outputs"},
        Wrong{with_input + "outputs: {u: o.h5:/a, v: x/../o.h5:/a/}\n", 4, 26, "has two outputs"},
        Wrong{with_input + "outputs: {u: o.h5:/a//b, v: o.h5:/a}\n", 4, 14, "would lie below data set '/a'"},
        Wrong{with_input + "outputs: {u: o.h5:/a, v: o.h5:/a/b/c}\n", 4, 26, "would lie below data set '/a'"},
        Wrong{with_input + "outputs: {u: in.h5:/w}\n", 4, 14, "is an input file too"},
        Wrong{with_input + "outputs: {u: ./in.h5:/w}\n", 4, 14, "is an input file too"},
        Wrong{"maniple: 1\nname: t\nä: {b: 1, c: *d}\n", 3, 14, "no anchor 'd'"}));

TEST(JobErrorList, HoldsEveryIndependentErrorSorted) {
    const std::vector<Diagnostic> errors = errors_of(
        "maniple: 1\nname: t\nname: t\noutputs: {a: o.h5:/a, b: c}\nplan: {stages: x, schedule: y}\n"
        "inputs: {a: in.h5:/a, b: {shape: [x, 010], fill: 1}}\n");
    ASSERT_EQ(errors.size(), 6U);
    for (std::size_t i = 1; i < errors.size(); ++i) {
        const Place& a = errors[i - 1].place;
        const Place& b = errors[i].place;
        EXPECT_LT(std::make_pair(a.line, a.column), std::make_pair(b.line, b.column));
    }
}

TEST(JobErrorList, HoldsAtMost20) {
    std::string text = std::string(head) + outputs + "graph:\n";
    for (int i = 0; i < 50; ++i) text += "  a" + std::to_string(i) + ": f(\n";
    const std::vector<Diagnostic> errors = errors_of(text);
    ASSERT_EQ(errors.size(), 20U);
    EXPECT_NE(errors.back().notes.back().message.find("30 more errors"), std::string::npos);
}

TEST(JobErrorList, BothHalvesOfACutExpressionSayToQuote) {
    const std::vector<Diagnostic> errors = errors_of(std::string(head) + outputs + "graph: {h: f(u, v: 2)}\n");
    ASSERT_EQ(errors.size(), 2U);
    EXPECT_EQ(errors[0].place.column, 15);
    for (const Diagnostic& error : errors) EXPECT_NE(error.message.find("must be quoted"), std::string::npos);
}

TEST(JobErrorList, NotesPointAtTheFirstDefinition) {
    const std::vector<Diagnostic> errors = errors_of(std::string(head) + outputs + "graph: {u: f(w)}\n");
    ASSERT_EQ(errors.size(), 1U);
    ASSERT_EQ(errors[0].notes.size(), 1U);
    EXPECT_EQ(errors[0].notes[0].place.line, 4);
    EXPECT_EQ(errors[0].notes[0].place.column, 10);
}

TEST(JobErrorList, AWrongSectionDoesNotMakeItsNamesUnknown) {
    EXPECT_EQ(errors_of(start + "graph: 5\noutputs: {a: o.h5:/a}\n").size(), 1U);
    EXPECT_EQ(errors_of(start + "graph: {a: 'f('}\noutputs: {a: o.h5:/a}\n").size(), 1U);
    EXPECT_EQ(errors_of(start + "graph: {a: f(x, y), b: g(x, z)}\noutputs: {b: o.h5:/a}\n").size(), 1U);
}

// A file with very many errors is not read to its end: what would be printed is known long before.
TEST(JobErrorsCount, IsBounded) {
    std::string text = std::string(head) + "graph:\n";
    for (int i = 0; i < 100'000; ++i) text += "  a" + std::to_string(i) + ": u +\n";
    const std::vector<Diagnostic> errors = errors_of(text + outputs);
    ASSERT_EQ(errors.size(), 20U);
    EXPECT_NE(errors.back().notes.back().message.find("and at least 98"), std::string::npos);
}

TEST(JobErrorsCarets, CoverTheWholeRange) {
    const auto length_of_first = [](const std::string& lines) {
        const std::vector<Diagnostic> errors = errors_of(head + lines + outputs);
        return errors.empty() ? 0 : errors.front().place.length;
    };
    EXPECT_EQ(length_of_first("loop: {steps: 3, carry: [u, w]}\n"), 6);
    EXPECT_EQ(length_of_first("description: !text abc\n"), 5);
    EXPECT_EQ(length_of_first("description: *nowhere\n"), 8);
    EXPECT_EQ(length_of_first("parameters: {p: {shape: [2], fill: 'normal(seed=1, std=-20)'}}\n"), 3);
    EXPECT_EQ(length_of_first("parameters: {p: {shape: [2], fill: 'normal(seed=[1, 2])'}}\n"), 6);
}

// A block scalar ends with a line feed: the end of its expression is behind the last token, on that token's line.
TEST(JobErrorsPlaces, EndOfABlockScalar) {
    const std::vector<Diagnostic> errors = errors_of(std::string(head) + "graph:\n  a: |\n    sqrt(\n" + outputs);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].place.line, 7);
    EXPECT_EQ(errors[0].place.column, 10);
}

// The names of a misspelt section are not reported as undefined.
TEST(JobErrorsFollowUps, OfAMisspeltSection) {
    const std::vector<Diagnostic> errors =
        errors_of("maniple: 1\nname: test\ninput: {u: in.h5:/u}\noutputs: {u: out.h5:/u}\n");
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].suggestion, "inputs");
}

}  // namespace
}  // namespace maniple
