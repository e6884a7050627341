#include "report/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/text.hpp"
#include "trace/activity.hpp"

namespace maniple {

namespace {
constexpr std::int64_t terminal_interval_ns = 100'000'000;
constexpr std::int64_t log_interval_ns = 30'000'000'000;
}  // namespace

Progress::Progress(std::string job, std::int64_t steps, Mode mode)
    : job_(std::move(job)), steps_(steps), mode_(mode), begin_ns_(now_ns()), printed_ns_(begin_ns_) {}

Progress::~Progress() { clear_line(); }

void Progress::update(std::int64_t done) {
    if (mode_ == Mode::quiet) return;
    const std::int64_t now = now_ns();
    if (now - printed_ns_ < (mode_ == Mode::terminal ? terminal_interval_ns : log_interval_ns)) return;
    printed_ns_ = now;
    const double seconds = static_cast<double>(now - begin_ns_) / 1e9;
    const double rate = static_cast<double>(done) / seconds;
    const std::string text = fmt::format("{}: step {} of {} ({}%), {:.3g} steps/s, {:.0f} s left", job_, done, steps_,
                                         100 * done / steps_, rate, static_cast<double>(steps_ - done) / rate);
    if (mode_ == Mode::terminal) {
        std::fprintf(stderr, "\r\033[K%s", text.c_str());
        line_open_ = true;
    } else {
        std::fprintf(stderr, "%s maniple: %s\n", utc_now().c_str(), text.c_str());
    }
}

void Progress::say(const std::string& text) {
    if (mode_ == Mode::quiet) return;
    clear_line();
    if (mode_ == Mode::terminal) {
        std::fprintf(stderr, "maniple: %s\n", text.c_str());
    } else {
        std::fprintf(stderr, "%s maniple: %s\n", utc_now().c_str(), text.c_str());
    }
}

void Progress::clear_line() {
    if (line_open_) std::fprintf(stderr, "\r\033[K");
    line_open_ = false;
}

Progress::Mode progress_mode(bool quiet) {
    if (quiet) return Progress::Mode::quiet;
    return isatty(STDERR_FILENO) != 0 ? Progress::Mode::terminal : Progress::Mode::log;
}

}  // namespace maniple
