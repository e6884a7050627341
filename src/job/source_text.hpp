// job/source_text.hpp: the text of one YAML file, with the line and column of every byte of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace maniple {

/// Owns the text. Immutable, so any thread may read it. Lines end at LF, CR LF or CR. Look-ups cost a binary
/// search, however long the lines are. Memory: the text, and about as much again for the tables at worst.
class SourceText {
public:
    /// A byte order mark at the start is dropped. Requires: `text` is below 4 GiB.
    SourceText(std::string_view text, std::string file);

    const std::string& file() const { return file_; }
    std::string_view text() const { return text_; }

    /// Place of the character at byte `offset` (at most the size of the text).
    Place place(std::size_t offset, int length = 1) const;
    /// Place from a line and a column, both from 1.
    Place place(int line, int column, int length) const;
    /// The line with number `number` (from 1) without its end; empty if there is none.
    std::string_view line(int number) const;
    /// The byte at which line `number` starts.
    std::size_t line_start(int number) const { return line_starts_[static_cast<std::size_t>(number - 1)]; }
    /// Characters before byte `offset`.
    std::size_t character_of_byte(std::size_t offset) const;
    int line_count() const { return static_cast<int>(line_starts_.size()); }
    /// The byte at which character `index` of the text (from 0) starts.
    std::size_t byte_of_character(std::size_t index) const;

private:
    std::string file_;
    std::string text_;
    std::vector<std::uint32_t> line_starts_;        ///< bytes
    std::vector<std::uint32_t> characters_before_;  ///< one for each 64 bytes: characters that start before them
};

/// A source line as it goes into a Place: longer ones than this are left out there, since every node of an
/// expression carries its line.
inline constexpr std::size_t longest_line_in_place = 1000;

}  // namespace maniple
