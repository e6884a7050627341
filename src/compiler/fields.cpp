#include "compiler/fields.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/text.hpp"

namespace maniple::compiler {

namespace {

template <class Number>
Number number(const YamlNode& node, const std::string& what) {
    const std::string& text = scalar(node, what);
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (!node.plain || error != std::errc{} || end != text.data() + text.size()) {
        fail(Spot{&node}, what + " must be a number");
    }
    return value;
}

}  // namespace

void check_keys(const YamlNode& node, const std::vector<std::string>& known, const std::string& what) {
    if (node.kind != YamlNode::Kind::mapping) fail(Spot{&node}, what + " must be a mapping");
    for (const auto& [key, value] : node.entries) {
        if (std::find(known.begin(), known.end(), key.value) == known.end()) {
            fail(Spot{&key, 0, static_cast<int>(key.value.size())}, "unknown key '" + key.value + "' in " + what,
                 nearest_word(key.value, known));
        }
    }
}

const YamlNode& required_field(const YamlNode& mapping, std::string_view key, const std::string& what) {
    const YamlNode* const found = mapping.find(key);
    if (found == nullptr) fail(Spot{&mapping}, what + " lacks the key '" + std::string(key) + "'");
    return *found;
}

const std::string& scalar(const YamlNode& node, const std::string& what) {
    if (node.kind != YamlNode::Kind::scalar) fail(Spot{&node}, what + " must be text");
    return node.value;
}

double real_number(const YamlNode& node, const std::string& what) { return number<double>(node, what); }

std::int64_t integer_number(const YamlNode& node, const std::string& what) { return number<std::int64_t>(node, what); }

bool boolean_word(const YamlNode& node, const std::string& what) {
    const std::string& text = scalar(node, what);
    if (!node.plain || (text != "true" && text != "false")) fail(Spot{&node}, what + " must be true or false");
    return text == "true";
}

void check_name(const YamlNode& node, const std::string& what) {
    const std::string& text = scalar(node, what);
    const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    const bool good = !text.empty() && letter(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
        return letter(c) || std::isdigit(static_cast<unsigned char>(c)) != 0;
    });
    if (!good) fail(Spot{&node}, what + " '" + text + "' is no name");
}

}  // namespace maniple::compiler
