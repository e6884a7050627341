// job/yaml.hpp: a strict YAML 1.2 tree with positions, composed from libyaml's events. The only home of libyaml.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "job/source_text.hpp"

namespace maniple {

/// One node. Aliases are expanded: a copy keeps the places of the text that it was copied from. Owns its text.
struct YamlNode {
    enum class Kind { scalar, sequence, mapping };
    Kind kind = Kind::scalar;
    std::string value;   ///< of a scalar, after YAML's escapes and folding
    bool plain = false;  ///< a scalar without quotes and not a block scalar: only those can be numbers, booleans, null
    bool flow = false;   ///< written as {…} or […], or a scalar inside of one
    std::vector<YamlNode> items;                         ///< of a sequence
    std::vector<std::pair<YamlNode, YamlNode>> entries;  ///< of a mapping, in order; keys are scalars, unique
    /// First character (the quote of a quoted scalar). Its `line_text` is left empty in documents where the lines
    /// of all nodes would pass 32 MiB.
    Place place;

    /// Where byte `offset` of `value` stands in the file: for errors inside expressions and kernel bodies. Exact for
    /// plain and quoted scalars on one line and for literal block scalars; else the nearest place known.
    Place place_at(std::size_t offset, int length = 1) const;
    const YamlNode* find(std::string_view key) const;  ///< of a mapping; null if absent
    bool absent() const;                               ///< nothing was written: `key:` or, in a flow mapping, `key`

    /// (offset in value, line, column) of the starts of stretches that stand contiguously in the file. Empty:
    /// the whole value stands at `place`.
    struct Stretch {
        std::size_t offset;
        int line;
        int column;
    };
    std::vector<Stretch> stretches;
    /// The text of the file, shared by every node of one document (owners: all its nodes).
    std::shared_ptr<const SourceText> source;

    // Defined after the class: pairs of nodes are incomplete inside of it, and clang looks.
    YamlNode();
    YamlNode(const YamlNode&);
    YamlNode(YamlNode&&) noexcept;
    YamlNode& operator=(const YamlNode&);
    YamlNode& operator=(YamlNode&&) noexcept;
    ~YamlNode();
};

inline YamlNode::YamlNode() = default;
inline YamlNode::YamlNode(const YamlNode&) = default;
inline YamlNode::YamlNode(YamlNode&&) noexcept = default;
inline YamlNode& YamlNode::operator=(const YamlNode&) = default;
inline YamlNode& YamlNode::operator=(YamlNode&&) noexcept = default;
inline YamlNode::~YamlNode() = default;

/// Composes the one document of `text`. Strict: no duplicate keys, tags, merge keys, second documents, non-scalar
/// keys, tabs as indentation or control characters; UTF-8 only; at most 16 MiB, depth 64, 1,000 aliases and
/// 10^6 nodes after expansion. Time and memory are linear in the text and the expanded nodes.
/// Errors: JobError, its places in `file`.
YamlNode compose_yaml(std::string_view text, const std::string& file);

/// The same, but the errors after which the tree still has a meaning (duplicate keys, of which the first counts, and
/// tags, which are ignored) are appended to `errors`, so that whoever reads the tree can report its own with them.
/// Errors: JobError for all others, with those of `errors` before it.
YamlNode compose_yaml(std::string_view text, const std::string& file, std::vector<Diagnostic>& errors);

/// What to say where `node` looks like the first piece of an expression that flow style cut at a comma, `[` or
/// `: ` because it was not quoted; empty if it does not look so.
std::string quoting_hint(const YamlNode& node);

}  // namespace maniple
