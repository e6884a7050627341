#include "lanes/cpu/slowness.hpp"

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "trace/activity.hpp"

namespace maniple {

Slowness::Slowness(Rank rank) {
    const char* text = std::getenv("MANIPLE_TEST_SLOW");
    if (text == nullptr || *text == '\0') return;
    char* end = nullptr;
    const long slow_rank = std::strtol(text, &end, 10);
    const bool has_factor = end != text && *end == ':';
    const double factor = has_factor ? std::strtod(end + 1, &end) : 0;
    if (factor < 1 || *end != '\0') {
        throw UsageError(std::string("MANIPLE_TEST_SLOW takes RANK:FACTOR with a factor from 1 on, found '") + text +
                         "'");
    }
    if (slow_rank == rank.value) factor_ = factor;
}

void Slowness::wait(std::int64_t begin_ns) const {
    const std::int64_t computed = now_ns();
    const std::int64_t end = begin_ns + static_cast<std::int64_t>(factor_ * static_cast<double>(computed - begin_ns));
    constexpr std::int64_t worth_sleeping_ns = 200'000;
    if (end - computed > worth_sleeping_ns)
        std::this_thread::sleep_for(std::chrono::nanoseconds(end - computed - worth_sleeping_ns / 2));
    while (now_ns() < end) {}
}

}  // namespace maniple
