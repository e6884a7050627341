#include "job/values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>

#include "base/text.hpp"
#include "tensor/box.hpp"

namespace maniple {

namespace {

constexpr std::size_t longest_shown = 60;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::vector<std::string> names_of(const Constants& constants) {
    std::vector<std::string> names;
    for (const auto& [name, value] : constants) names.push_back(name);
    return names;
}

/// "0.5", "-3 by --set". Requires: `name` is one of them.
std::string value_of(const std::string& name, const Constants& constants) {
    return text_of(constants.at(name)) + (constants.set.contains(name) ? " by --set" : "");
}

/// The integer constant that `node` names. Requires: its text is a name.
std::int64_t integer_constant(const YamlNode& node, const Constants& constants) {
    const auto found = constants.find(node.value);
    if (found == constants.end()) {
        refuse(node, "no constant " + in_quotes(node.value) + ": expected a plain decimal integer or a constant's name",
               nearest_word(node.value, names_of(constants)));
    }
    if (!found->second.is_integer)
        refuse(node,
               "constant " + in_quotes(node.value) + " is not an integer: it is " + value_of(node.value, constants));
    return found->second.integer;
}

[[noreturn]] void refuse_count(const YamlNode& node) {
    const std::string found = describe(node);
    const bool digits = std::all_of(node.value.begin(), node.value.end(), is_digit) && !node.value.empty();
    if (node.plain && digits && node.value[0] == '0') {
        refuse(node, found + " has a leading zero: expected a plain decimal integer");
    }
    if (node.plain && digits) refuse(node, found + " is too large: expected at most 9223372036854775807");
    refuse(node, "expected a plain decimal integer, like 1000, found " + found);
}

}  // namespace

std::string in_quotes(std::string_view text) {
    if (text.size() <= longest_shown) return "'" + std::string(text) + "'";
    std::size_t end = longest_shown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return "'" + std::string(text.substr(0, end)) + "...'";
}

std::string describe(const YamlNode& node) {
    if (node.kind == YamlNode::Kind::sequence) return "a list";
    if (node.kind == YamlNode::Kind::mapping) return "a mapping";
    if (node.absent()) return "nothing";
    return (node.plain ? "" : "the quoted text ") + in_quotes(node.value);
}

void refuse(const YamlNode& node, const std::string& message, std::string suggestion) {
    const std::string hint = quoting_hint(node);
    throw JobError(node.place, hint.empty() ? message : message + "; " + hint, std::move(suggestion));
}

const std::string& read_text(const YamlNode& node, std::string_view expected) {
    if (node.kind != YamlNode::Kind::scalar || node.value.empty()) {
        refuse(node, "expected " + std::string(expected) + ", found " + describe(node));
    }
    return node.value;
}

std::int64_t read_count(const YamlNode& node, std::int64_t minimum, const Constants* constants) {
    const bool scalar = node.kind == YamlNode::Kind::scalar;
    std::optional<std::int64_t> value;
    if (scalar && node.plain) value = parse_count(node.value);
    if (!value && scalar && constants != nullptr && is_name(node.value)) value = integer_constant(node, *constants);
    const bool negative = scalar && node.plain && node.value.starts_with('-') && parse_number(node.value);
    if (!value && !negative) refuse_count(node);
    if (negative || *value < minimum) {
        const bool named = constants != nullptr && constants->contains(node.value);
        const std::string meaning = named ? ", which is " + value_of(node.value, *constants) : "";
        refuse(node,
               "expected an integer of at least " + std::to_string(minimum) + ", found " + describe(node) + meaning);
    }
    return *value;
}

bool read_boolean(const YamlNode& node) {
    if (node.plain && (node.value == "true" || node.value == "false")) return node.value == "true";
    std::string lower = node.value;
    for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    std::string suggestion;
    if (lower == "yes" || lower == "on" || lower == "true" || lower == "y") suggestion = "true";
    if (lower == "no" || lower == "off" || lower == "false" || lower == "n") suggestion = "false";
    refuse(node, "expected true or false, found " + describe(node), suggestion);
}

double read_seconds(const YamlNode& node) {
    const std::string& text = read_text(node, "a time with a unit");
    const std::optional<double> seconds = parse_seconds(text);
    if (!seconds) {
        refuse(node, "expected a time with one of the units ms s min h d, like 10 min, found " + in_quotes(text));
    }
    if (*seconds <= 0) refuse(node, "expected a time above 0, found " + in_quotes(text));
    return *seconds;
}

std::int64_t read_bytes(const YamlNode& node) {
    const std::string& text = read_text(node, "a size with a unit");
    const std::optional<std::int64_t> bytes = parse_bytes(text);
    if (!bytes) {
        refuse(node, "expected a size with one of the units B KiB MiB GiB TiB kB MB GB TB, like 8 GiB, found " +
                         in_quotes(text));
    }
    if (*bytes <= 0) refuse(node, "expected a size above 0, found " + in_quotes(text));
    return *bytes;
}

std::string read_choice(const YamlNode& node, const std::vector<std::string>& choices) {
    const std::string expected = "one of " + join(choices, ", ");
    const std::string& word = read_text(node, expected);
    if (std::find(choices.begin(), choices.end(), word) != choices.end()) return word;
    refuse(node, "expected " + expected + ", found " + describe(node), nearest_word(word, choices));
}

std::string read_name(const YamlNode& node) {
    const std::string& name = read_text(node, "a name");
    if (is_name(name)) return name;
    if (is_keyword(name)) refuse(node, in_quotes(name) + " is a word of expressions: expected another name");
    refuse(node, in_quotes(name) + " is not a name: expected letters, digits and _, not starting with a digit");
}

Number read_number(const YamlNode& node) {
    std::optional<Number> number;
    if (node.kind == YamlNode::Kind::scalar && node.plain) number = parse_number(node.value);
    if (!number) refuse(node, "expected a number like 10, 0.5 or 1e-6, found " + describe(node));
    return *number;
}

std::string read_sha256(const YamlNode& node) {
    std::string digest = read_text(node, "a SHA-256");
    for (char& c : digest) c = static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    const bool hexadecimal = digest.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (digest.size() != 64 || !hexadecimal) refuse(node, "expected a SHA-256 of 64 hexadecimal digits");
    return digest;
}

DType read_dtype(const YamlNode& node) {
    std::vector<std::string> names;
    for (int i = 0; i < dtype_count; ++i) names.emplace_back(name_of(static_cast<DType>(i)));
    // NumPy's and C's names are what most people type first.
    static const std::map<std::string, std::string> others = {
        {"float32", "f32"}, {"float", "f32"},  {"float64", "f64"}, {"double", "f64"}, {"float16", "f16"},
        {"half", "f16"},    {"int32", "i32"},  {"int", "i32"},     {"int64", "i64"},  {"long", "i64"},
        {"uint8", "u8"},    {"uint32", "u32"}, {"boolean", "bool"}};
    if (const auto other = others.find(node.value); other != others.end()) {
        refuse(node, "expected one of " + join(names, ", ") + ", found " + describe(node), other->second);
    }
    return *parse_dtype(read_choice(node, names));
}

std::vector<std::int64_t> read_shape(const YamlNode& node, const Constants& constants) {
    if (node.kind != YamlNode::Kind::sequence) {
        refuse(node, "expected a list of extents like [1024, 1024], found " + describe(node));
    }
    if (node.items.size() > static_cast<std::size_t>(max_rank)) {
        refuse(node, "a tensor has at most " + std::to_string(max_rank) + " axes, found " +
                         std::to_string(node.items.size()));
    }
    std::vector<std::int64_t> shape;
    std::vector<Diagnostic> errors;
    for (const YamlNode& item : node.items) {
        try {
            shape.push_back(read_count(item, 0, &constants));
        } catch (const JobError& error) { errors.push_back(error.diagnostics().front()); }
    }
    if (!errors.empty()) throw JobError(std::move(errors));
    return shape;
}

std::string text_of(const Number& number) {
    char real[32];
    std::snprintf(real, sizeof real, "%g", number.real);
    return number.is_integer ? std::to_string(number.integer) : real;
}

std::optional<Number> parse_number(std::string_view text) {
    const std::size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    const std::string_view digits = text.substr(sign);
    if (digits.empty() || digits.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
    if (digits.size() > 1 && digits[0] == '0' && is_digit(digits[1])) return std::nullopt;
    if (!is_digit(digits[0]) && !(digits[0] == '.' && digits.size() > 1 && is_digit(digits[1]))) return std::nullopt;
    Number number;
    const char* const begin = text.data() + (text[0] == '+' ? 1 : 0);
    const char* const end = text.data() + text.size();
    const auto real = std::from_chars(begin, end, number.real);
    if (real.ec != std::errc() || real.ptr != end) return std::nullopt;
    number.is_integer = digits.find_first_of(".eE") == std::string_view::npos;
    if (number.is_integer && std::from_chars(begin, end, number.integer).ec != std::errc()) return std::nullopt;
    return number;
}

namespace {

Number number_of(double real) { return {false, 0, real}; }

/// `a op b`; of integers an integer (but for `/`), if that does not overflow.
std::optional<Number> combine(const std::string& kernel, const Number& a, const Number& b) {
    const bool integers = a.is_integer && b.is_integer;
    Number result;
    bool overflow = false;
    if (kernel == "add") {
        overflow = __builtin_add_overflow(a.integer, b.integer, &result.integer);
        result.real = a.real + b.real;
    } else if (kernel == "sub") {
        overflow = __builtin_sub_overflow(a.integer, b.integer, &result.integer);
        result.real = a.real - b.real;
    } else if (kernel == "mul") {
        overflow = __builtin_mul_overflow(a.integer, b.integer, &result.integer);
        result.real = a.real * b.real;
    } else if (kernel == "div") {
        return number_of(a.real / b.real);
    } else {
        return std::nullopt;
    }
    if (!integers) return number_of(result.real);
    if (overflow) return std::nullopt;
    return result;
}

}  // namespace

std::optional<Number> evaluate(const Expression& expression, const Constants& constants) {
    switch (expression.kind) {
        case Expression::Kind::integer: return Number{true, expression.integer, expression.real};
        case Expression::Kind::real: return number_of(expression.real);
        case Expression::Kind::name: {
            const auto found = constants.find(expression.name);
            return found == constants.end() ? std::nullopt : std::optional<Number>(found->second);
        }
        case Expression::Kind::call: break;
    }
    if (!expression.from_operator || expression.arguments.empty()) return std::nullopt;
    const std::optional<Number> first = evaluate(expression.arguments[0], constants);
    if (!first) return std::nullopt;
    if (expression.name == "neg") return combine("sub", {true, 0, 0}, *first);
    if (expression.arguments.size() != 2) return std::nullopt;
    const std::optional<Number> second = evaluate(expression.arguments[1], constants);
    return second ? combine(expression.name, *first, *second) : std::nullopt;
}

std::optional<Number> evaluate(const Expression::Value& value, const Constants& constants) {
    if (value.kind == Expression::Value::Kind::word) {
        const auto found = constants.find(value.word);
        return found == constants.end() ? std::nullopt : std::optional<Number>(found->second);
    }
    if (value.kind == Expression::Value::Kind::list) return std::nullopt;
    return evaluate(value.expression.front(), constants);
}

}  // namespace maniple
