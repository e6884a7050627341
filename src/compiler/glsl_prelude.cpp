#include "compiler/glsl_prelude.hpp"

#include <cctype>
#include <string_view>
#include <vector>

#include "compiler/print_parts.hpp"

namespace maniple::compiler {

namespace {

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

struct Piece {
    std::string name;
    std::string text;
};

/// "add_f32" of "float add_f32(float a, …"; empty for a comment that stands alone.
std::string name_of_piece(const std::string& text) {
    std::size_t line = 0;
    while (text.compare(line, 2, "//") == 0) line = text.find('\n', line) + 1;
    const std::size_t end = text.find('(', line);
    if (end == std::string::npos) return "";
    std::size_t begin = end;
    while (begin > line && in_word(text[begin - 1])) --begin;
    return text.substr(begin, end - begin);
}

/// The pieces of all texts; those that a piece names stand before it.
std::vector<Piece> all_pieces() {
    std::vector<Piece> pieces;
    for (const char* const prelude : {glsl_arithmetic_text, glsl_half_text, glsl_functions_text}) {
        const std::string text = std::string(prelude) + "\n";
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t end = std::min(text.find("\n\n", begin), text.size() - 1);
            Piece piece{"", text.substr(begin, end + 1 - begin)};
            piece.name = name_of_piece(piece.text);
            if (!piece.name.empty()) pieces.push_back(piece);
            begin = end + 2;
        }
    }
    return pieces;
}

}  // namespace

std::set<std::string> words_of(const std::string& text) {
    std::set<std::string> words;
    for (std::size_t begin = 0; begin < text.size();) {
        std::size_t end = begin;
        while (end < text.size() && in_word(text[end])) ++end;
        if (end > begin) words.insert(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

std::string glsl_pieces(const std::string& code) {
    const std::vector<Piece> pieces = all_pieces();
    std::set<std::string> words = words_of(code);
    std::string text;
    for (std::size_t i = pieces.size(); i-- > 0;) {
        if (!words.contains(pieces[i].name)) continue;
        words.merge(words_of(pieces[i].text));
        text = pieces[i].text + text;
    }
    return text;
}

std::string glsl_extensions(const std::string& code) {
    const std::set<std::string> words = words_of(code);
    std::string text;
    const auto add = [&](const char* name) { text += std::string("#extension ") + name + " : require\n"; };
    if (words.contains("int64_t") || words.contains("uint64_t")) add("GL_EXT_shader_explicit_arithmetic_types_int64");
    if (words.contains("uint8_t")) add("GL_EXT_shader_8bit_storage");
    if (words.contains("uint16_t")) add("GL_EXT_shader_16bit_storage");
    return text;
}

}  // namespace maniple::compiler
