#include "cli/test_hooks.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.hpp"

namespace maniple {

namespace {

/// Empty: it is not set.
std::string variable(const char* name) {
    const char* text = std::getenv(name);
    return text == nullptr ? "" : text;
}

double slowness_of(Rank rank, const std::string& text) {
    if (text.empty()) return 1;
    int which = -1;
    double times = 0;
    if (std::sscanf(text.c_str(), "%d:%lf", &which, &times) != 2 || times < 1)
        throw UsageError("MANIPLE_SLOW_RANK takes a rank and a factor from 1 on, as 1:3, found '" + text + "'");
    return which == rank.value ? times : 1;
}

void read_slow_lane(const std::string& text, TestHooks& hooks) {
    if (text.empty()) return;
    double times = 0;
    int gpu = -1;
    char rest = 0;
    if (std::sscanf(text.c_str(), "cpu:%lf%c", &times, &rest) == 1 && times >= 1) {
        hooks.cpu_slowness = times;
    } else if (std::sscanf(text.c_str(), "%d:%lf%c", &gpu, &times, &rest) == 2 && gpu >= 0 && times >= 1) {
        hooks.slow_gpu = gpu;
        hooks.gpu_slowness = times;
    } else {
        throw UsageError("MANIPLE_SLOW_LANE takes cpu or a gpu lane and a factor from 1 on, as cpu:3 or 0:3, found '" +
                         text + "'");
    }
}

void read_slow_kernel(const std::string& text, TestHooks& hooks) {
    if (text.empty()) return;
    const std::size_t end = text.find(':');
    char rest = 0;
    long long step = 0;
    const bool read = end != std::string::npos && end > 0 &&
                      std::sscanf(text.c_str() + end, ":%lf:%lld%c", &hooks.kernel_slowness, &step, &rest) == 2;
    if (!read || hooks.kernel_slowness < 1 || step < 0)
        throw UsageError("MANIPLE_SLOW_KERNEL takes a kernel, a factor from 1 on and a step, as blur:50:20, found '" +
                         text + "'");
    hooks.slow_kernel = text.substr(0, end);
    hooks.slow_kernel_step = step;
}

}  // namespace

TestHooks read_test_hooks(Rank rank) {
    TestHooks hooks;
    hooks.slowness = slowness_of(rank, variable("MANIPLE_SLOW_RANK"));
    read_slow_lane(variable("MANIPLE_SLOW_LANE"), hooks);
    read_slow_kernel(variable("MANIPLE_SLOW_KERNEL"), hooks);
    const std::string claims = variable("MANIPLE_CLAIM_BY");
    if (!claims.empty() && claims != "messages")
        throw UsageError("MANIPLE_CLAIM_BY takes messages, found '" + claims + "'");
    hooks.claims_by_messages = !claims.empty();
    hooks.tampers = variable("MANIPLE_TAMPER_PLAN") == std::to_string(rank.value);
    return hooks;
}

}  // namespace maniple
