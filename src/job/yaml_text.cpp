#include "job/yaml_text.hpp"

#include <algorithm>
#include <cstdint>
#include <unordered_set>

namespace maniple {

namespace {

constexpr std::size_t max_text_bytes = std::size_t{16} << 20;

struct Character {
    std::uint32_t code = 0;
    std::size_t bytes = 0;  ///< 0: not UTF-8
};

/// The first character of `text`; no overlong forms, no surrogates.
Character decode(std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    if (first < 0x80) return {first, 1};
    const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return {};
    std::uint32_t code = first & (0xFFU >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte & 0xC0) != 0x80) return {};
        code = (code << 6) | (byte & 0x3FU);
    }
    const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (overlong || surrogate || code > 0x10FFFF) return {};
    return {code, bytes};
}

/// YAML's printable characters without the line breaks that only YAML 1.1 knew (NEL, LS, PS): libyaml would count
/// lines by them, editors do not.
bool is_allowed(std::uint32_t code) {
    if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
    if (code >= 0x7F && code < 0xA0) return false;
    return code != 0x2028 && code != 0x2029 && code != 0xFEFF && code != 0xFFFE && code != 0xFFFF;
}

std::string hexadecimal(std::uint32_t value, int digits) {
    std::string text;
    for (int i = digits - 1; i >= 0; --i) text += "0123456789ABCDEF"[(value >> (4 * i)) & 0xF];
    return text;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

void check_yaml_text(std::string_view text, const std::string& file) {
    if (text.size() > max_text_bytes) {
        const std::string found = std::to_string(text.size());
        throw JobError(Place{file, 1, 1, 1, {}}, "the file has " + found + " bytes: expected at most 16 MiB");
    }
    std::size_t offset = text.substr(0, 3) == "\xEF\xBB\xBF" ? 3 : 0;
    const std::size_t mark_bytes = offset;
    while (offset < text.size()) {
        const Character character = decode(text.substr(offset));
        if (character.bytes == 0 || !is_allowed(character.code)) {
            const auto byte = static_cast<unsigned char>(text[offset]);
            const std::string message = character.bytes == 0
                                            ? "byte 0x" + hexadecimal(byte, 2) + " is not UTF-8"
                                            : "character U+" + hexadecimal(character.code, 4) + " is not allowed";
            throw JobError(SourceText(text, file).place(offset - mark_bytes), message);
        }
        offset += character.bytes;
    }
}

std::size_t skip_properties(std::string_view text, std::size_t start, std::size_t end) {
    while (start < end) {
        const char c = text[start];
        if (c == '&' || c == '!') {
            start = std::min(text.find_first_of(" \t\r\n,[]{}", start), end);
        } else if (c == '#') {
            start = std::min(text.find_first_of("\r\n", start), end);
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            ++start;
        } else {
            break;
        }
    }
    return start;
}

std::string explain_yaml_problem(const char* problem, const char* context, char found, bool in_flow) {
    std::string message = problem == nullptr ? "not YAML" : problem;
    const bool flow = in_flow || (context != nullptr && contains(context, "flow"));
    if (found == '\t' && (contains(message, "cannot start any token") || contains(message, "tab"))) {
        return "a tab may not be used for indentation: use blanks";
    }
    if (contains(message, "cannot start any token")) {
        message = std::string("a value may not start with '") + found + "': quote it";
    } else if (contains(message, "mapping values are not allowed")) {
        message = "':' is not allowed here: quote a value that contains ': ', or check the indentation";
    } else if (contains(message, "could not find expected ':'")) {
        message = "expected ':' after the key before this";
    } else if (contains(message, "unexpected end of stream")) {
        message = "the file ends inside of a quoted text: expected the closing quote";
    } else if (contains(message, "did not find expected key")) {
        message = "expected a key at the indentation of the keys before it, or the end of the mapping";
    } else if (const std::size_t at = message.find("did not find expected "); at == 0) {
        message = "expected " + message.substr(std::string_view("did not find expected ").size());
    }
    if (flow) message += "; " + std::string(quoting_rule);
    return message;
}

std::string explain_yaml_context(std::string_view context) {
    if (contains(context, "flow mapping")) return "in the mapping that this brace opens";
    if (contains(context, "flow sequence")) return "in the list that this bracket opens";
    if (contains(context, "block mapping")) return "in the mapping that begins here";
    if (contains(context, "block collection") || contains(context, "sequence")) return "in the list that begins here";
    if (contains(context, "quoted scalar")) return "the text begins here";
    if (contains(context, "block scalar")) return "in the block of text that begins here";
    if (contains(context, "simple key")) return "the key is here";
    return std::string(context);
}

void drop_duplicates(YamlNode& node) {
    for (YamlNode& item : node.items) drop_duplicates(item);
    std::unordered_set<std::string> seen;
    std::erase_if(node.entries, [&](const auto& entry) { return !seen.insert(entry.first.value).second; });
    for (auto& entry : node.entries) drop_duplicates(entry.second);
}

const YamlNode* YamlNode::find(std::string_view key) const {
    for (const auto& [name, node] : entries) {
        if (name.value == key) return &node;
    }
    return nullptr;
}

bool YamlNode::absent() const { return kind == Kind::scalar && plain && value.empty(); }

std::string quoting_hint(const YamlNode& node) {
    if (!node.flow || !node.plain || node.kind != YamlNode::Kind::scalar) return {};
    const auto open = std::count(node.value.begin(), node.value.end(), '(');
    const auto closed = std::count(node.value.begin(), node.value.end(), ')');
    return open == closed ? std::string() : std::string(quoting_rule);
}

}  // namespace maniple
