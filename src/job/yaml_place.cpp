// Where the characters of a scalar stand in the file, after YAML's folding, indentation and escapes.

#include "job/yaml_place.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <tuple>

#include "base/text.hpp"

namespace maniple {

namespace {

using Stretches = std::vector<YamlNode::Stretch>;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Adds a stretch for the byte of the file that holds byte `offset` of the value.
void add_stretch(Stretches& stretches, const SourceText& source, std::size_t offset, std::size_t byte) {
    const Place place = source.place(byte);
    stretches.push_back({offset, place.line, place.column});
}

/// Bytes of the value that the escape at `raw` (which starts with a backslash) stands for, and its own length.
std::pair<std::size_t, std::size_t> escape_lengths(std::string_view raw) {
    const char kind = raw.size() > 1 ? raw[1] : '\0';
    const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits == 0) {
        const std::size_t bytes = kind == 'L' || kind == 'P' ? 3 : kind == 'N' || kind == '_' ? 2 : 1;
        return {bytes, std::min<std::size_t>(2, raw.size())};
    }
    const std::string hexadecimal(raw.substr(2, digits));
    const unsigned long code = std::strtoul(hexadecimal.c_str(), nullptr, 16);
    const std::size_t bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    return {bytes, std::min(2 + digits, raw.size())};
}

/// A quoted scalar on one line: a new stretch after each escape.
Stretches quoted_stretches(const SourceText& source, std::size_t start, std::string_view raw, char quote) {
    Stretches stretches;
    std::size_t offset = 0;
    add_stretch(stretches, source, 0, start);
    for (std::size_t i = 0; i < raw.size();) {
        std::size_t value_bytes = 1;
        std::size_t raw_bytes = 1;
        if (quote == '\'' && raw[i] == '\'') raw_bytes = 2;
        if (quote == '"' && raw[i] == '\\') std::tie(value_bytes, raw_bytes) = escape_lengths(raw.substr(i));
        i += raw_bytes;
        offset += value_bytes;
        if (raw_bytes > 1) add_stretch(stretches, source, offset, start + i);
    }
    return stretches;
}

/// A scalar that was folded: each line's text without the blanks around it stands somewhere in the value, in order,
/// with nothing but blanks between. (An escape inside of a folded double-quoted scalar makes it inexact.)
Stretches folded_stretches(const SourceText& source, std::size_t start, std::string_view raw, std::string_view value) {
    Stretches stretches;
    std::size_t offset = 0;
    for (std::size_t i = 0; i < raw.size();) {
        while (i < raw.size() && is_blank(raw[i])) ++i;
        while (offset < value.size() && is_blank(value[offset])) ++offset;
        std::size_t end = std::min(raw.find_first_of("\r\n", i), raw.size());
        const std::size_t next = end;
        while (end > i && is_blank(raw[end - 1])) --end;
        if (end == i) break;
        add_stretch(stretches, source, std::min(offset, value.size()), start + i);
        offset += end - i;
        i = next;
    }
    return stretches;
}

/// A literal block scalar: line k of the value is line k after the header, without the indentation.
Stretches literal_stretches(const SourceText& source, int header_line, std::string_view value) {
    Stretches stretches;
    std::optional<int> indentation;
    std::size_t offset = 0;
    for (int line = header_line + 1; offset < value.size(); ++line) {
        const std::size_t end = std::min(value.find('\n', offset), value.size());
        if (end > offset && !indentation) {
            const std::size_t length = source.line(line).size();
            indentation = static_cast<int>(length - std::min(length, end - offset));
        }
        stretches.push_back({offset, line, indentation.value_or(0) + 1});
        offset = end + 1;
    }
    return stretches;
}

/// A scalar that is its own text needs no stretch. In a long one a place would cost as much as it is long, and an
/// expression has as many places as tokens: so one for each KiB.
Stretches stretches_of_unchanged(const SourceText& source, std::size_t start, std::string_view raw) {
    constexpr std::size_t spacing = 1024;
    Stretches stretches;
    for (std::size_t offset = 0; raw.size() > spacing && offset < raw.size(); offset += spacing) {
        while ((static_cast<unsigned char>(raw[offset]) & 0xC0) == 0x80) --offset;  // the start of a character
        add_stretch(stretches, source, offset, start + offset);
    }
    return stretches;
}

}  // namespace

std::vector<YamlNode::Stretch> stretches_of(const SourceText& source, std::size_t start, std::size_t end,
                                            std::string_view value) {
    std::string_view raw = source.text().substr(start, end - start);
    if (raw.empty()) return {};
    if (raw == value) return stretches_of_unchanged(source, start, raw);
    const char first = raw.front();
    if (first == '|') return literal_stretches(source, source.place(start).line, value);
    if (first == '>') {
        const std::size_t header = std::min(raw.find_first_of("\r\n"), raw.size());
        return folded_stretches(source, start + header, raw.substr(header), value);
    }
    const bool quoted = raw.size() >= 2 && (first == '"' || first == '\'');
    if (quoted) {
        raw = raw.substr(1, raw.size() - 2);
        ++start;
        if (raw.find_first_of("\r\n") == std::string_view::npos) return quoted_stretches(source, start, raw, first);
    }
    return folded_stretches(source, start, raw, value);
}

Place YamlNode::place_at(std::size_t offset, int length) const {
    if (!source) return place;
    offset = std::min(offset, value.size());
    Stretch stretch{0, place.line, place.column};
    const auto after = std::upper_bound(stretches.begin(), stretches.end(), offset,
                                        [](std::size_t wanted, const Stretch& s) { return wanted < s.offset; });
    if (after != stretches.begin()) stretch = *(after - 1);
    const std::string_view before = std::string_view(value).substr(stretch.offset, offset - stretch.offset);
    // Where a place is inexact (folded text), it stays on its line at least.
    stretch.line = std::min(stretch.line, source->line_count());
    const std::size_t line_start = source->line_start(stretch.line);
    const std::size_t line_end = line_start + source->line(stretch.line).size();
    const auto last = static_cast<int>(source->character_of_byte(line_end) - source->character_of_byte(line_start)) + 1;
    const auto column = stretch.column + static_cast<int>(count_characters(before));
    return source->place(stretch.line, std::min(column, last), length);
}

}  // namespace maniple
