// tests/fuzz/targets/expect_presentable.hpp: what every error must be, whatever the text that it is about.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"

namespace maniple {

/// `text` line by line, as editors count them: LF, CR and CR LF end a line.
inline std::vector<std::string> lines_of(std::string_view text) {
    if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
    std::vector<std::string> lines(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool pair = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        if (pair) continue;
        if (text[i] == '\n' || text[i] == '\r') {
            lines.emplace_back();
        } else {
            lines.back() += text[i];
        }
    }
    return lines;
}

inline void expect_place(const Place& place, const std::vector<std::string>& lines) {
    if (!place) return;
    MANIPLE_CHECK(place.line <= static_cast<int>(lines.size()), "line " + std::to_string(place.line));
    const std::string& line = lines[static_cast<std::size_t>(place.line) - 1];
    const int columns = static_cast<int>(count_characters(line)) + 1;
    MANIPLE_CHECK(place.column >= 1 && place.column <= columns, "column " + std::to_string(place.column));
    MANIPLE_CHECK(place.length >= 1, "length " + std::to_string(place.length));
    MANIPLE_CHECK(place.line_text.empty() || place.line_text == line, "line text " + place.line_text);
}

/// Aborts unless `error` has 1 to 20 messages, each with its places in `text` and printable.
inline void expect_presentable(const Error& error, std::string_view text) {
    const std::vector<std::string> lines = lines_of(text);
    const std::size_t count = error.diagnostics().size();
    MANIPLE_CHECK(count >= 1 && count <= 20, std::to_string(count) + " errors");
    for (const Diagnostic& diagnostic : error.diagnostics()) {
        MANIPLE_CHECK(!diagnostic.message.empty(), std::string("an error without a message"));
        expect_place(diagnostic.place, lines);
        for (const Diagnostic::Note& note : diagnostic.notes) expect_place(note.place, lines);
        for (const char c : render(diagnostic)) {
            MANIPLE_CHECK(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t', std::string("a control"));
        }
    }
}

}  // namespace maniple
