#include "tasks/pattern.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "tasks/kernel.hpp"

namespace maniple::bench {
namespace {

constexpr std::string_view names[] = {"trivial", "no_comm", "stencil_1d", "stencil_1d_periodic",
                                      "fft",     "tree",    "spread",     "random_nearest"};

/// After how many steps the dependences repeat.
int sets_of(Pattern pattern, int width) {
    switch (pattern) {
        case Pattern::fft: return std::max(1, static_cast<int>(std::bit_width(static_cast<unsigned>(width - 1))));
        case Pattern::spread:
        case Pattern::random_nearest: return period;
        default: return 1;
    }
}

int set_at(Pattern pattern, int step, int sets) { return (pattern == Pattern::fft ? step - 1 + sets : step) % sets; }

/// In [0, 1), from where the dependence lies alone: the same on every rank.
double draw(int set, int from, int to) {
    const auto key = (static_cast<std::uint64_t>(set) << 32U) | (static_cast<std::uint64_t>(from) << 16U) |
                     static_cast<std::uint64_t>(to);
    return static_cast<double>(scramble(key) >> 11U) * 0x1p-53;
}

void append_random(std::vector<int>& found, int width, int set, int column) {
    for (int near = std::max(0, column - radix / 2); near <= std::min(column + (radix - 1) / 2, width - 1); ++near) {
        if (near == column || draw(set, near, column) < fraction) found.push_back(near);
    }
}

std::vector<int> dependences(Pattern pattern, int width, int set, int column) {
    std::vector<int> found;
    const auto add = [&](int other) {
        if (other >= 0 && other < width) found.push_back(other);
    };
    switch (pattern) {
        case Pattern::trivial: break;
        case Pattern::no_comm: add(column); break;
        case Pattern::stencil_1d:
            for (int near = column - 1; near <= column + 1; ++near) add(near);
            break;
        case Pattern::stencil_1d_periodic:
            for (int near = column - 1; near <= column + 1; ++near) add((near + width) % width);
            break;
        case Pattern::fft:
            for (int other : {column - (1 << set), column, column + (1 << set)}) add(other);
            break;
        case Pattern::tree: add(column / 2); break;
        case Pattern::spread:
            for (int i = 0; i < radix; ++i) add((column + i * width / radix + (i > 0 ? set : 0)) % width);
            break;
        case Pattern::random_nearest: append_random(found, width, set, column); break;
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

}  // namespace

std::string_view name_of(Pattern pattern) { return names[static_cast<std::size_t>(pattern)]; }

std::optional<Pattern> pattern_named(std::string_view name) {
    for (const Pattern pattern : all_patterns) {
        if (name_of(pattern) == name) return pattern;
    }
    return std::nullopt;
}

TaskGraph::TaskGraph(Pattern pattern, int width, int steps) : pattern_(pattern), width_(width), steps_(steps) {
    if (width < 1 || width > 65535 || steps < 1 || steps > 65535) {
        throw std::invalid_argument("a task graph has 1 to 65535 columns and steps");
    }
    if (pattern == Pattern::spread && width < radix * period) throw std::invalid_argument("too narrow for spread");
    const int sets = sets_of(pattern, width);
    offsets_.push_back(0);
    for (int set = 0; set < sets; ++set) {
        for (int column = 0; column < width; ++column) {
            for (const int other : dependences(pattern, width, set, column)) {
                columns_.push_back(static_cast<std::uint16_t>(other));
            }
            offsets_.push_back(static_cast<std::uint32_t>(columns_.size()));
        }
    }
    // Step 0 has a set of its own, without dependences.
    offsets_.resize(offsets_.size() + static_cast<std::size_t>(width), offsets_.back());
    for (int step = 0; step < steps; ++step) {
        const int set = step == 0 ? sets : set_at(pattern, step, sets);
        set_of_step_.push_back(static_cast<std::uint32_t>(set * width));
        tasks_ += width_at(step);
    }
}

int TaskGraph::width_at(int step) const {
    return pattern_ == Pattern::tree && step < 16 ? std::min(width_, 1 << step) : width_;
}

}  // namespace maniple::bench
