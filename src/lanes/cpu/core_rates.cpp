#include "lanes/cpu/core_rates.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

// One binary runs on all processors: the loop is compiled for several, and the best that this one has is called. Which one
// that is the loader asks before ThreadSanitizer is there.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define MANIPLE_CLONED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MANIPLE_CLONED
#endif

namespace maniple {

namespace {

using Clock = std::chrono::steady_clock;

double ns_since(Clock::time_point begin) {
    return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count());
}

constexpr int lanes = 256;

/// `rounds` multiply-adds of each of `lanes` numbers, enough of them independent to fill all pipes.
MANIPLE_CLONED void multiply_add(float* numbers, float factor, std::int64_t rounds) {
    for (std::int64_t round = 0; round < rounds; ++round) {
        for (int i = 0; i < lanes; ++i) numbers[i] = numbers[i] * factor + 0.5F;
    }
}

double measured_flops() {
    std::vector<float> numbers(lanes, 1.0F);
    constexpr std::int64_t rounds = 200'000;
    double best = 0;
    for (int i = 0; i < 5; ++i) {
        const auto begin = Clock::now();
        multiply_add(numbers.data(), 0.999F, rounds);
        best = std::max(best, 2.0 * lanes * static_cast<double>(rounds) / ns_since(begin));
    }
    // They stay above 0; that they are looked at keeps the loop.
    return std::all_of(numbers.begin(), numbers.end(), [](float number) { return number > 0; }) ? best : 0;
}

/// a[i] = b[i] + 3 c[i]: bytes read and written in a nanosecond, of `threads` that begin together.
double measured_bytes(int threads) {
    constexpr std::size_t count = std::size_t{4} << 20;  // of each array and thread: far beyond the caches
    constexpr int rounds = 5;
    std::vector<std::vector<float>> arrays(static_cast<std::size_t>(threads) * 3);
    std::atomic<int> waiting{0};
    double best = 0;
    Clock::time_point begin;
    const auto meet = [&](int phase) {
        waiting.fetch_add(1);
        while (waiting.load() < threads * phase) std::this_thread::yield();
    };
    const auto work = [&](std::size_t thread) {
        std::vector<float>* const mine = &arrays[thread * 3];
        for (int i = 0; i < 3; ++i) mine[i].assign(count, 1.0F);
        float* const a = mine[0].data();
        const float* const b = mine[1].data();
        const float* const c = mine[2].data();
        for (int round = 0; round < rounds; ++round) {
            meet(2 * round + 1);
            if (thread == 0) begin = Clock::now();
            for (std::size_t i = 0; i < count; ++i) a[i] = b[i] + 3 * c[i];
            meet(2 * round + 2);
            if (thread == 0) best = std::max(best, 3.0 * sizeof(float) * count * threads / ns_since(begin));
        }
    };
    std::vector<std::thread> others;
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(work, static_cast<std::size_t>(thread));
    work(0);
    for (std::thread& other : others) other.join();
    return best;
}

}  // namespace

MeasuredCores measure_cores(int threads) {
    MeasuredCores measured;
    measured.core.flops = measured_flops();
    measured.core.bytes = measured_bytes(1);
    measured.node_bytes = std::max(measured.core.bytes, threads > 1 ? measured_bytes(threads) : 0);
    return measured;
}

}  // namespace maniple
