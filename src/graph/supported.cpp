#include "graph/supported.hpp"

#include <algorithm>
#include <string>

namespace maniple {

namespace {

[[noreturn]] void refuse(const Place& place, const std::string& what) {
    throw UnavailableError(place, what + " is not built in yet");
}

void check_plan(const PlanSpec& plan) {
    const auto place_of = [&](const std::string& key) {
        const auto found = plan.key_places.find(key);
        return found == plan.key_places.end() ? plan.place : found->second;
    };
    if (plan.strategy != "auto" && plan.strategy != "data") refuse(place_of("strategy"), "plan: " + plan.strategy);
    for (const auto& [key, place] : plan.key_places) {
        const bool carried_out = key == "strategy" || key == "max_ranks" || key == "memory" || key == "lanes";
        if (!carried_out) refuse(place, "plan: {" + key + ": …}");
    }
}

}  // namespace

void refuse_unsupported(const Job& job) {
    if (!job.kernels.empty()) refuse(job.kernels[0].place, "a kernel pack");
    if (!job.parameters.empty()) refuse(job.parameters[0].input.place, "parameters:");
    if (job.train) refuse(job.train->place, "train:");
    if (job.checkpoint) refuse(job.checkpoint->place, "checkpoint:");
    check_plan(job.plan);
}

bool is_known_kernel(std::string_view name) {
    static constexpr std::string_view names[] = {"add",
                                                 "sub",
                                                 "mul",
                                                 "div",
                                                 "maximum",
                                                 "minimum",
                                                 "pow",
                                                 "neg",
                                                 "abs",
                                                 "exp",
                                                 "log",
                                                 "sqrt",
                                                 "square",
                                                 "sin",
                                                 "cos",
                                                 "tanh",
                                                 "sigmoid",
                                                 "relu",
                                                 "gelu",
                                                 "clip",
                                                 "where",
                                                 "cast",
                                                 "axpy",
                                                 "less",
                                                 "less_equal",
                                                 "greater",
                                                 "greater_equal",
                                                 "equal",
                                                 "not_equal",
                                                 "logical_and",
                                                 "logical_or",
                                                 "logical_not",
                                                 "sum",
                                                 "mean",
                                                 "max",
                                                 "min",
                                                 "prod",
                                                 "argmax",
                                                 "argmin",
                                                 "norm2",
                                                 "variance",
                                                 "matmul",
                                                 "dense",
                                                 "transpose",
                                                 "reshape",
                                                 "concat",
                                                 "slice",
                                                 "softmax",
                                                 "layer_norm",
                                                 "batch_norm",
                                                 "conv2d",
                                                 "max_pool2d",
                                                 "avg_pool2d",
                                                 "cross_entropy",
                                                 "mse",
                                                 "attention",
                                                 "embedding",
                                                 "heat_step",
                                                 "heat_step3d",
                                                 "wave_step",
                                                 "gray_scott",
                                                 "life",
                                                 "blur",
                                                 "gradient_magnitude",
                                                 "fft",
                                                 "ifft",
                                                 "power_spectrum",
                                                 "mandelbrot",
                                                 "nbody_forces",
                                                 "histogram",
                                                 "normalize",
                                                 "moments"};
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace maniple
