#include "interleavings.hpp"

#include <algorithm>
#include <cstdlib>

namespace maniple::testing {

namespace {

constexpr std::size_t stack_bytes = 128 * 1024;
constexpr std::size_t most_steps = 2000;  ///< of one order: beyond it a program does not end

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 12) + (hash >> 4);
    hash *= 0xff51afd7ed558ccdULL;
    return hash ^ (hash >> 33);
}

struct Fiber {
    ucontext_t context{};
    std::unique_ptr<char[]> stack{new char[stack_bytes]};
    const Interleavings::Body* body = nullptr;
    std::uint64_t history = 0;  ///< of what it has read and done: with the memory, all that its future depends on
    const void* bed = nullptr;  ///< where it sleeps; null: it does not
    bool ended = false;
};

/// One search. Fibers and stacks are used again for each order.
struct Search {
    ucontext_t scheduler{};
    std::vector<std::unique_ptr<Fiber>> fibers;
    Fiber* current = nullptr;
    std::vector<std::uint64_t*> memory;
    std::unordered_set<std::uint64_t> seen;

    std::uint64_t state() const {
        std::uint64_t hash = 1;
        for (const std::uint64_t* value : memory) hash = mixed(hash, *value);
        for (const auto& fiber : fibers) {
            hash = mixed(hash, fiber->history);
            hash = mixed(hash, (fiber->ended ? 2U : 0U) + (fiber->bed != nullptr ? 1U : 0U));
        }
        return hash;
    }

    std::vector<Fiber*> runnable() const {
        std::vector<Fiber*> result;
        for (const auto& fiber : fibers) {
            if (!fiber->ended && fiber->bed == nullptr) result.push_back(fiber.get());
        }
        return result;
    }

    void go_on(Fiber& fiber) {
        current = &fiber;
        swapcontext(&scheduler, &fiber.context);
        current = nullptr;
    }

    void stop() { swapcontext(&current->context, &scheduler); }
};

Search* search = nullptr;

void begin_fiber() {
    Fiber& fiber = *search->current;
    (*fiber.body)();
    fiber.ended = true;
    search->stop();
}

void make_fibers(const std::vector<Interleavings::Body>& bodies) {
    while (search->fibers.size() < bodies.size()) search->fibers.push_back(std::make_unique<Fiber>());
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        Fiber& fiber = *search->fibers[i];
        fiber.body = &bodies[i];
        fiber.history = i;
        fiber.bed = nullptr;
        fiber.ended = false;
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.get();
        fiber.context.uc_stack.ss_size = stack_bytes;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, begin_fiber, 0);
    }
}

/// The choices of one order, and how many there were each time.
struct Path {
    std::vector<std::size_t> choices;
    std::vector<std::size_t> options;

    /// The next one in depth-first order; false: there is none.
    bool advance() {
        while (!choices.empty() && choices.back() + 1 == options.back()) {
            choices.pop_back();
            options.pop_back();
        }
        if (choices.empty()) return false;
        ++choices.back();
        return true;
    }
};

enum class End { complete, known, endless };

/// Follows the path and, from where it ends, the first choice each time, until all have ended or the state is known.
End follow(Path& path) {
    for (std::size_t depth = 0;; ++depth) {
        const std::vector<Fiber*> runnable = search->runnable();
        if (runnable.empty()) return End::complete;
        if (depth > most_steps) return End::endless;
        if (depth == path.choices.size()) {
            if (!search->seen.insert(search->state()).second) return End::known;
            path.choices.push_back(0);
            path.options.push_back(runnable.size());
        }
        search->go_on(*runnable[path.choices[depth]]);
    }
}

std::string sleepers() {
    const auto count =
        std::count_if(search->fibers.begin(), search->fibers.end(), [](const auto& fiber) { return !fiber->ended; });
    return count == 0 ? "" : std::to_string(count) + " threads sleep and nobody is left to wake them";
}

}  // namespace

Interleavings::Result Interleavings::try_all(const std::function<Program()>& make) {
    Search here;
    search = &here;
    Result result;
    Path path;
    do {
        here.memory.clear();
        Program program = make();
        make_fibers(program.threads);
        const End end = follow(path);
        if (end == End::endless) result.failure = "an order without an end";
        if (end == End::complete) {
            ++result.orders;
            result.failure = sleepers();
            if (result.failure.empty()) result.failure = program.verdict();
        }
    } while (result.failure.empty() && path.advance());
    result.states = static_cast<std::int64_t>(here.seen.size());
    search = nullptr;
    return result;
}

void Interleavings::step() {
    if (search == nullptr || search->current == nullptr) return;
    search->current->history = mixed(search->current->history, 0x51);
    search->stop();
}

void Interleavings::saw(std::uint64_t value) {
    if (search == nullptr || search->current == nullptr) return;
    search->current->history = mixed(search->current->history, value);
}

void Interleavings::start_over() {
    if (search == nullptr || search->current == nullptr) return;
    search->current->history = 7;
}

void Interleavings::wait_on(const void* bed) {
    search->current->bed = bed;
    search->stop();
}

void Interleavings::wake(const void* bed, int how_many) {
    for (const auto& fiber : search->fibers) {
        if (fiber->bed != bed || how_many == 0) continue;
        fiber->bed = nullptr;
        --how_many;
    }
}

void Interleavings::remember(std::uint64_t* value) {
    if (search != nullptr) search->memory.push_back(value);
}

void Interleavings::forget(std::uint64_t* value) {
    if (search == nullptr) return;
    const auto at = std::find(search->memory.begin(), search->memory.end(), value);
    if (at != search->memory.end()) search->memory.erase(at);
}

}  // namespace maniple::testing
