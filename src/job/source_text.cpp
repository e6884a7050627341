#include "job/source_text.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace maniple {

namespace {

constexpr std::size_t block_bytes = 64;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

SourceText::SourceText(std::string_view text, std::string file) : file_(std::move(file)) {
    if (text.substr(0, byte_order_mark.size()) == byte_order_mark) text.remove_prefix(byte_order_mark.size());
    text_ = text;
    line_starts_.push_back(0);
    std::uint32_t characters = 0;
    for (std::size_t i = 0; i < text_.size(); ++i) {
        if (i % block_bytes == 0) characters_before_.push_back(characters);
        if (starts_character(text_[i])) ++characters;
        const bool carriage_return = text_[i] == '\r' && !(i + 1 < text_.size() && text_[i + 1] == '\n');
        if (text_[i] == '\n' || carriage_return) line_starts_.push_back(static_cast<std::uint32_t>(i + 1));
    }
    if (text_.size() % block_bytes == 0) characters_before_.push_back(characters);
}

std::size_t SourceText::character_of_byte(std::size_t offset) const {
    offset = std::min(offset, text_.size());
    const std::size_t block = offset / block_bytes;
    return characters_before_[block] +
           count_characters(std::string_view(text_).substr(block * block_bytes, offset - block * block_bytes));
}

std::size_t SourceText::byte_of_character(std::size_t index) const {
    const auto after = std::upper_bound(characters_before_.begin(), characters_before_.end(), index);
    const auto block = static_cast<std::size_t>(after - characters_before_.begin()) - 1;
    std::size_t left = index - characters_before_[block];
    std::size_t offset = block * block_bytes;
    for (; offset < text_.size(); ++offset) {
        if (starts_character(text_[offset]) && left-- == 0) break;
    }
    return offset;
}

std::string_view SourceText::line(int number) const {
    if (number < 1 || number > line_count()) return {};
    const std::size_t start = line_start(number);
    const std::size_t end = number < line_count() ? line_start(number + 1) : text_.size();
    std::string_view text = std::string_view(text_).substr(start, end - start);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

Place SourceText::place(std::size_t offset, int length) const {
    const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    const auto number = static_cast<int>(after - line_starts_.begin());
    const std::size_t column = character_of_byte(offset) - character_of_byte(line_start(number)) + 1;
    return place(number, static_cast<int>(column), length);
}

Place SourceText::place(int number, int column, int length) const {
    Place result{file_, number, column, length, {}};
    const std::string_view text = line(number);
    if (text.size() <= longest_line_in_place) result.line_text = text;
    return result;
}

}  // namespace maniple
