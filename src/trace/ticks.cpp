#include "trace/ticks.hpp"

namespace maniple {

namespace {

double measure() {
    constexpr std::int64_t enough_ns = 50'000;  // reading both clocks takes some 50 ns
    const std::int64_t begin_ns = now_ns();
    const std::int64_t begin = ticks();
    std::int64_t passed_ns = 0;
    while (passed_ns < enough_ns) passed_ns = now_ns() - begin_ns;
    return static_cast<double>(ticks() - begin) / static_cast<double>(passed_ns);
}

}  // namespace

double ticks_per_ns() {
    static const double rate = measure();
    return rate;
}

}  // namespace maniple
