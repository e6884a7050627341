#include "base/error.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <tuple>

#include "base/text.hpp"

namespace maniple {

namespace {

constexpr std::size_t longest_line_shown = 200;

struct Colours {
    const char* bold = "";
    const char* kind = "";
    const char* caret = "";
    const char* off = "";
};

Colours colours_of(const char* kind) { return {"\033[1m", kind, "\033[1;32m", "\033[0m"}; }

/// The byte where character `index` of `text` starts.
std::size_t byte_of_character(std::string_view text, std::size_t index) {
    std::size_t byte = 0;
    for (; byte < text.size(); ++byte) {
        const bool starts = (static_cast<unsigned char>(text[byte]) & 0xC0) != 0x80;
        if (starts && index-- == 0) break;
    }
    return byte;
}

/// What to print under the characters of `shown` to stand below the next one: a tab under a tab, else a blank.
std::string padding_below(std::string_view shown) {
    std::string padding;
    for (const char c : shown) {
        const bool starts = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
        if (starts) padding += c == '\t' ? '\t' : ' ';
    }
    return padding;
}

/// The source line and the caret line. A very long line is shown from 80 characters before the place.
std::string render_source(const Place& place, const Colours& colours) {
    std::string_view line = place.line_text;
    auto before = static_cast<std::size_t>(std::max(place.column, 1) - 1);
    std::string shown;
    if (line.size() > longest_line_shown && before > 80) {
        line.remove_prefix(byte_of_character(line, before - 80));
        before = 80;
        shown = "...";
    }
    before += shown.size();
    const std::string_view middle = line.substr(0, byte_of_character(line, longest_line_shown));
    shown += printable(middle);
    const std::size_t characters = count_characters(shown);
    if (middle.size() < line.size()) shown += "...";
    before = std::min(before, characters);
    const auto wanted = static_cast<std::size_t>(std::max(place.length, 1));
    const std::size_t under = std::max<std::size_t>(1, std::min(wanted, characters - before));
    const std::string padding = padding_below(std::string_view(shown).substr(0, byte_of_character(shown, before)));
    return shown + "\n" + padding + colours.caret + "^" + std::string(under - 1, '~') + colours.off + "\n";
}

std::string render_head(const Place& place, const char* kind, const std::string& message, const Colours& colours) {
    std::string where = "maniple";
    if (place) {
        where = printable(place.file) + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
    } else if (!place.file.empty()) {
        where = printable(place.file);
    }
    return std::string(colours.bold) + where + ":" + colours.off + " " + colours.kind + kind + ":" + colours.off + " " +
           printable(message) + "\n";
}

/// The rank that a launcher gave this process, for messages of a process that is about to die.
const char* rank_of_process() {
    for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
        if (const char* rank = std::getenv(name)) return rank;
    }
    return "0";
}

std::string first_message(const std::vector<Diagnostic>& diagnostics) {
    MANIPLE_CHECK(!diagnostics.empty(), std::string("an error without a diagnostic"));
    return diagnostics.front().message;
}

}  // namespace

std::string render(const Diagnostic& diagnostic, bool colour) {
    const char* kind = diagnostic.warning ? "warning" : "error";
    const Colours colours = colour ? colours_of(diagnostic.warning ? "\033[1;35m" : "\033[1;31m") : Colours{};
    std::string text = render_head(diagnostic.place, kind, diagnostic.message, colours);
    if (diagnostic.place && !diagnostic.place.line_text.empty()) text += render_source(diagnostic.place, colours);
    if (!diagnostic.suggestion.empty()) text += "  did you mean '" + printable(diagnostic.suggestion) + "'?\n";
    const Colours note_colours = colour ? colours_of("\033[1;36m") : Colours{};
    for (const Diagnostic::Note& note : diagnostic.notes) {
        text += render_head(note.place, "note", note.message, note_colours);
        if (note.place && !note.place.line_text.empty()) text += render_source(note.place, note_colours);
    }
    return text;
}

std::vector<Diagnostic> by_place(std::vector<Diagnostic> diagnostics) {
    constexpr std::size_t most = 20;
    std::stable_sort(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
    });
    if (diagnostics.size() > most) {
        const std::size_t more = diagnostics.size() - most;
        diagnostics.resize(most);
        diagnostics.back().notes.push_back(
            {{}, "and " + std::to_string(more) + (more == 1 ? " more error" : " more errors")});
    }
    return diagnostics;
}

Error::Error(ExitCode code, std::string message)
    : std::runtime_error(message), code_(code), diagnostics_{{{}, std::move(message), {}, {}, false}} {}

Error::Error(ExitCode code, std::vector<Diagnostic> diagnostics)
    : std::runtime_error(first_message(diagnostics)), code_(code), diagnostics_(std::move(diagnostics)) {}

void broken_invariant(const char* file, int line, const std::string& message) {
    std::fprintf(stderr, "maniple: internal error on rank %s: %s:%d: %s\n", rank_of_process(), file, line,
                 message.c_str());
    std::fflush(stderr);
    std::abort();
}

}  // namespace maniple
