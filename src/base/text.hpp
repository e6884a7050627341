// base/text.hpp: words for the user: the nearest valid one, numbers with units, checked narrowing.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.hpp"

namespace maniple {

/// The word of `known` that is closest to `word` by Damerau-Levenshtein distance, or "" when none is within a
/// third of the longer one's length (at least 1).
std::string nearest_word(std::string_view word, std::span<const std::string> known);

/// "1.5 MiB": bytes with a binary unit, at most one decimal.
std::string format_bytes(std::int64_t bytes);

/// A plain decimal integer, at least 0: "10", not "010", "0x10", "1_000", "1e3", "+1" or " 1".
std::optional<std::int64_t> parse_count(std::string_view text);

/// A time with its unit in seconds: "10 s", "55min", "1.5 h"; units ms s min h d.
std::optional<double> parse_seconds(std::string_view text);

/// A size with its unit in bytes, rounded down: "8 GiB", "1.5MB"; units B KiB MiB GiB TiB kB MB GB TB.
std::optional<std::int64_t> parse_bytes(std::string_view text);

/// Characters (not bytes) of UTF-8 text.
std::size_t count_characters(std::string_view text);

/// `text` with every control character, and every byte that is not UTF-8, replaced by '?'; tabs are kept.
std::string printable(std::string_view text);

/// The time of day in UTC: "2026-01-31T12:00:00Z".
std::string utc_now();

/// Elements joined with `separator`.
std::string join(std::span<const std::string> words, std::string_view separator);

/// `value` as To; a value that To cannot hold breaks an invariant.
template <class To, class From>
To checked_cast(From value) {
    static_assert(std::is_integral_v<To> && std::is_integral_v<From>);
    To result = static_cast<To>(value);
    MANIPLE_CHECK(static_cast<From>(result) == value && ((result < To{}) == (value < From{})),
                  "number " + std::to_string(value) + " does not fit its type");
    return result;
}

}  // namespace maniple
