#include "tasks/kernel.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <vector>

#include "harness.hpp"

namespace maniple::bench {
namespace {

/// Twice a large last-level cache: reads of it miss.
constexpr std::size_t memory_words = (64U << 20U) / sizeof(std::uint64_t);
constexpr std::size_t line_words = 8;

std::vector<std::uint64_t>& memory() {
    static std::vector<std::uint64_t> words;
    return words;
}

/// Eight chains of two lanes hide the latency of a multiply and an add.
double multiply_add(std::int64_t iterations, double start) {
    using Pair = double __attribute__((vector_size(16)));
    constexpr int chains = 8;
    Pair sums[chains];
    for (int i = 0; i < chains; ++i) sums[i] = Pair{start + i, start - i};
    const Pair factor = {0.999999, 0.999998};
    const Pair addend = {1e-6, 2e-6};
    for (std::int64_t iteration = 0; iteration < iterations; ++iteration) {
        for (Pair& sum : sums) sum = sum * factor + addend;
    }
    Pair total = sums[0];
    for (int i = 1; i < chains; ++i) total += sums[i];
    return total[0] + total[1];
}

std::uint64_t read_memory(std::int64_t bytes, std::uint64_t key) {
    const auto words = std::min<std::size_t>(static_cast<std::size_t>(bytes) / sizeof(std::uint64_t), memory_words);
    const std::size_t places = (memory_words - words) / line_words + 1;
    const std::uint64_t* const begin = memory().data() + scramble(key) % places * line_words;
    std::uint64_t sums[line_words] = {};
    std::size_t at = 0;
    for (; at + line_words <= words; at += line_words) {
        for (std::size_t i = 0; i < line_words; ++i) sums[i] += begin[at + i];
    }
    for (; at < words; ++at) sums[0] += begin[at];
    std::uint64_t total = 0;
    for (const std::uint64_t sum : sums) total += sum;
    return total;
}

}  // namespace

std::string text_of(const Kernel& kernel) {
    if (kernel.kind == Kernel::Kind::empty) return "empty";
    const std::string name = kernel.kind == Kernel::Kind::compute ? "compute:" : "memory:";
    return name + std::to_string(kernel.size) + (kernel.imbalanced ? "*" : "");
}

std::optional<Kernel> kernel_named(const std::string& text) {
    if (text == "empty") return Kernel{};
    Kernel kernel;
    const auto colon = std::min(text.find(':'), text.size());
    if (text.compare(0, colon, "compute") == 0) {
        kernel.kind = Kernel::Kind::compute;
    } else if (text.compare(0, colon, "memory") == 0) {
        kernel.kind = Kernel::Kind::memory;
    } else {
        return std::nullopt;
    }
    kernel.imbalanced = text.back() == '*';
    const char* const end = text.data() + text.size() - (kernel.imbalanced ? 1 : 0);
    const auto [stop, error] = std::from_chars(text.data() + std::min(colon + 1, text.size()), end, kernel.size);
    if (error != std::errc() || stop != end || kernel.size < 1) return std::nullopt;
    return kernel;
}

void prepare(const Kernel& kernel) {
    if (kernel.kind != Kernel::Kind::memory || !memory().empty()) return;
    memory().resize(memory_words);
    for (std::size_t i = 0; i < memory_words; ++i) memory()[i] = scramble(i);
}

std::uint64_t run_kernel(const Kernel& kernel, std::uint32_t step, std::uint32_t column) {
    if (kernel.kind == Kernel::Kind::empty) return 0;
    const std::uint64_t key = (static_cast<std::uint64_t>(step) << 32U) | column;
    std::int64_t size = kernel.size;
    if (kernel.imbalanced) {
        const double drawn = static_cast<double>(scramble(~key) >> 11U) * 0x1p-53;
        size = std::llround((0.5 + drawn) * static_cast<double>(size));
    }
    if (kernel.kind == Kernel::Kind::memory) return read_memory(size, key);
    return std::bit_cast<std::uint64_t>(multiply_add(size, 1.0 + 0x1p-16 * column));
}

std::int64_t iterations_for(double ns) {
    constexpr std::int64_t tried = 100'000;
    const Kernel kernel{Kernel::Kind::compute, tried, false};
    std::vector<double> times;
    std::uint64_t seen = 0;
    for (std::uint32_t i = 0; i < 9; ++i) {
        const double begin = now_ns();
        seen ^= run_kernel(kernel, 0, i);
        times.push_back(now_ns() - begin);
    }
    const double each = *std::min_element(times.begin(), times.end()) / static_cast<double>(tried);
    [[maybe_unused]] const volatile std::uint64_t kept = seen;  // or there is nothing to time
    return std::max<std::int64_t>(1, std::llround(ns / each));
}

}  // namespace maniple::bench
