#include "lanes/cpu/around_cache.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace maniple {

namespace {

#if defined(__x86_64__)

constexpr std::size_t line_bytes = 64;

/// Whole lines; `to` is aligned to them.
__attribute__((target("avx512f"))) void store_wide(std::byte* to, const std::byte* from, std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += line_bytes)
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to + at), _mm512_loadu_si512(from + at));
}

void store_lines(std::byte* to, const std::byte* from, std::size_t bytes) {
    constexpr std::size_t register_bytes = 16;
    for (std::size_t at = 0; at < bytes; at += register_bytes) {
        const __m128i value = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
        _mm_stream_si128(reinterpret_cast<__m128i*>(to + at), value);
    }
}

#endif

}  // namespace

void copy_around_cache(std::byte* to, const std::byte* from, std::size_t bytes) {
#if defined(__x86_64__)
    static const auto store = __builtin_cpu_supports("avx512f") ? store_wide : store_lines;
    const std::size_t before = (line_bytes - reinterpret_cast<std::uintptr_t>(to) % line_bytes) % line_bytes;
    const std::size_t head = std::min(bytes, before);
    const std::size_t lines = (bytes - head) / line_bytes * line_bytes;
    std::memcpy(to, from, head);
    store(to + head, from + head, lines);
    std::memcpy(to + head + lines, from + head + lines, bytes - head - lines);
#else
    std::memcpy(to, from, bytes);
#endif
}

void finish_around_cache() {
#if defined(__x86_64__)
    _mm_sfence();
#endif
}

std::size_t last_cache_bytes() {
    constexpr long guess = 32 << 20;
    static const long found = sysconf(_SC_LEVEL3_CACHE_SIZE);
    return static_cast<std::size_t>(found > 0 ? found : guess);
}

}  // namespace maniple
