// job/values.hpp: the single values of a job file: counts, times, sizes, words, names, numbers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "job/expression.hpp"
#include "job/job.hpp"
#include "job/yaml.hpp"

namespace maniple {

/// The job's constants by name, and which of them `--set` gave their values.
struct Constants : std::map<std::string, Number> {
    std::set<std::string> set;
};

/// Every function below throws a JobError at the value if that is not what is asked for.

[[noreturn]] void refuse(const YamlNode& node, const std::string& message, std::string suggestion = {});
/// "'1e3'", "the quoted text 'x'", "a list", "a mapping", "nothing": what stands at `node`, for messages.
std::string describe(const YamlNode& node);
/// "'abc'", cut if it is long.
std::string in_quotes(std::string_view text);

/// The text of a scalar that is not empty; `expected` completes "expected …".
const std::string& read_text(const YamlNode& node, std::string_view expected);
/// A plain decimal integer from `minimum` on; with `constants` also the name of an integer one.
std::int64_t read_count(const YamlNode& node, std::int64_t minimum, const Constants* constants = nullptr);
bool read_boolean(const YamlNode& node);
double read_seconds(const YamlNode& node);
std::int64_t read_bytes(const YamlNode& node);
/// One of `choices`, with a suggestion if it is near to one.
std::string read_choice(const YamlNode& node, const std::vector<std::string>& choices);
/// A name as the job's name space has them.
std::string read_name(const YamlNode& node);
Number read_number(const YamlNode& node);
/// 64 hexadecimal digits, made lower case.
std::string read_sha256(const YamlNode& node);
DType read_dtype(const YamlNode& node);
std::vector<std::int64_t> read_shape(const YamlNode& node, const Constants& constants);

/// "-12", "0.5".
std::string text_of(const Number& number);

/// An integer ("-12") or a real ("0.5", "1e-6"); nothing for "010", "0x10", "1_000", "nan" and the like.
std::optional<Number> parse_number(std::string_view text);

/// The value of an expression over numbers and constants with + - * /; nothing for any other.
std::optional<Number> evaluate(const Expression& expression, const Constants& constants);
/// The same for the value of a parameter.
std::optional<Number> evaluate(const Expression::Value& value, const Constants& constants);

}  // namespace maniple
