#include "job/reading.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "job/yaml_text.hpp"

namespace maniple {

void Reading::error(const Place& place, std::string message, std::string suggestion,
                    std::vector<Diagnostic::Note> notes) {
    errors.push_back({place, std::move(message), std::move(suggestion), std::move(notes), false});
    if (errors.size() > max_errors) throw TooManyErrors{};
}

/// `{h: dense(x, w), p: …}` reads as the keys h, `w)` and p: reports the value that was cut, if there is one.
bool Reading::report_cut(const YamlNode& node) {
    const YamlNode* cut = nullptr;
    for (const auto& [key, value] : node.entries) {
        if (cut == nullptr && !quoting_hint(value).empty()) cut = &value;
        const bool rest = value.absent() && value.flow;
        if (cut == nullptr || !rest) continue;
        incomplete = true;
        error(cut->place, in_quotes(cut->value) + " is cut off at a comma; " + quoting_hint(*cut));
        return true;
    }
    return false;
}

std::vector<const YamlEntry*> Reading::entries(const YamlNode& node, std::string_view section) {
    if (node.kind != YamlNode::Kind::mapping) {
        incomplete = true;
        error(node.place, "expected a mapping as the value of '" + std::string(section) + "', found " + describe(node));
        return {};
    }
    const bool was_cut = report_cut(node);
    std::vector<const YamlEntry*> found;
    for (const YamlEntry& entry : node.entries) {
        const auto& [key, value] = entry;
        if (key.value.starts_with("x-") || (was_cut && !quoting_hint(value).empty())) continue;
        if (!value.absent()) {
            found.push_back(&entry);
        } else if (!was_cut) {
            error(key.place, in_quotes(key.value) + " has no value" +
                                 (value.flow ? "; " + std::string(quoting_rule) : std::string()));
        }
    }
    return found;
}

Section::Section(Reading& reading, const YamlNode& node, std::string_view name, const std::vector<std::string>& known,
                 const std::vector<std::string>& required)
    : reading_(reading), node_(node), entries_(reading.entries(node, name)) {
    if (node.kind != YamlNode::Kind::mapping) return;
    const std::string where = name.empty() ? "" : " in '" + std::string(name) + "'";
    for (const YamlEntry* entry : entries_) {
        const YamlNode& key = entry->first;
        if (std::find(known.begin(), known.end(), key.value) != known.end()) continue;
        const std::string message = "unknown key " + in_quotes(key.value) + where + "; expected one of ";
        misspelt_.push_back(nearest_word(key.value, known));
        // The names that a misspelt section defines are not known, and not unknown either.
        if (name.empty() && !misspelt_.back().empty()) reading.incomplete = true;
        reading.error(key.place, message + join(known, ", "), misspelt_.back());
    }
    for (const std::string& key : required) {
        // A misspelt key is one error, not two.
        if (!written(key)) reading.error(node.place, "missing key '" + key + "'" + where);
    }
}

bool Section::written(const std::string& key) const {
    return node_.find(key) != nullptr || std::find(misspelt_.begin(), misspelt_.end(), key) != misspelt_.end();
}

const YamlNode* Section::find(std::string_view key) const {
    for (const YamlEntry* entry : entries_) {
        if (entry->first.value == key) return &entry->second;
    }
    return nullptr;
}

Place Section::key_place(std::string_view key) const {
    for (const YamlEntry* entry : entries_) {
        if (entry->first.value == key) return entry->first.place;
    }
    return {};
}

}  // namespace maniple
