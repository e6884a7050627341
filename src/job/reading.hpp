// job/reading.hpp: what the sections of a job file share while they are read: errors, constants, folder.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "job/values.hpp"
#include "job/yaml.hpp"

namespace maniple {

using YamlEntry = std::pair<YamlNode, YamlNode>;

/// Thrown, past every attempt(), when there are so many errors that reading on would only cost time and memory.
struct TooManyErrors {};

/// Collects the errors of one file, so that one wrong value does not hide the next.
class Reading {
public:
    static constexpr std::size_t max_errors = 1000;  ///< far more than are ever printed

    std::vector<Diagnostic> errors;
    Constants constants;
    std::filesystem::path folder;  ///< of the job file
    std::set<std::string> broken;  ///< names whose definitions have errors
    bool incomplete = false;       ///< a section could not be read: names that it may define are missing

    void error(const Place& place, std::string message, std::string suggestion = {},
               std::vector<Diagnostic::Note> notes = {});

    /// Calls `read`; a JobError that it throws is kept and false returned. Errors: TooManyErrors, as of error().
    template <class Function>
    bool attempt(Function read) {
        try {
            read();
            return true;
        } catch (const JobError& error) {
            errors.insert(errors.end(), error.diagnostics().begin(), error.diagnostics().end());
            if (errors.size() > max_errors) throw TooManyErrors{};
            return false;
        }
    }

    /// The entries of `node` to read: all but keys that begin with `x-` and keys without a value, which are errors
    /// (also those that came from an expression cut by flow style). Empty, and an error, if `node` is no mapping.
    std::vector<const YamlEntry*> entries(const YamlNode& node, std::string_view section);

    /// `path` as seen from the current folder.
    std::string resolve(const std::string& path) const { return (folder / path).string(); }

private:
    bool report_cut(const YamlNode& node);
};

/// A mapping with fixed keys. Borrows the node and the reading.
class Section {
public:
    /// Reports unknown keys and those of `required` that are missing.
    Section(Reading& reading, const YamlNode& node, std::string_view name, const std::vector<std::string>& known,
            const std::vector<std::string>& required = {});

    const YamlNode* find(std::string_view key) const;
    /// Whether `key` was written, perhaps misspelt or with a value that cannot be read.
    bool written(const std::string& key) const;
    Place key_place(std::string_view key) const;
    const std::vector<const YamlEntry*>& entries() const { return entries_; }

    /// Calls `take` with the value of `key` if that is there, keeping its errors.
    template <class Function>
    void read(std::string_view key, Function take) const {
        if (const YamlNode* node = find(key)) reading_.attempt([&] { take(*node); });
    }

private:
    Reading& reading_;
    const YamlNode& node_;
    std::vector<const YamlEntry*> entries_;
    std::vector<std::string> misspelt_;  ///< the keys that unknown ones are near to
};

}  // namespace maniple
