// cli/settings.hpp: options of one command from the command line and the environment, each with where it came from.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace maniple {

/// One option as a command declares it. Its variable is MANIPLE_ and the name in capitals, with _ for -.
struct Option {
    std::string name;
    std::string value;  ///< "N", "DIR": how the help names it; empty: a flag
    std::string help;
    bool repeated = false;
    bool from_environment = true;
    bool built_in = true;  ///< else it is parsed, then refused by name
};

/// The value of one option, and where it came from.
struct Setting {
    std::string value;
    std::string origin;  ///< "command line", "MANIPLE_LANES"
};

/// The settings of one call of one command: the command line wins over the environment.
class Settings {
public:
    /// Errors: UsageError with the nearest option, or for an empty value; UnavailableError for an option that is not built
    /// in yet.
    Settings(const std::string& command, const std::vector<Option>& options, const std::vector<std::string>& arguments);

    bool has(const std::string& name) const { return find(name) != nullptr; }
    const Setting* find(const std::string& name) const;
    std::vector<std::string> all(const std::string& name) const;  ///< of a repeated option
    const std::vector<std::string>& positional() const { return positional_; }

    /// The value of `name` if it is one of `known`. Errors: UsageError with the nearest of them.
    std::optional<std::string> one_of(const std::string& name, const std::vector<std::string>& known) const;
    /// A plain integer. Errors: UsageError.
    std::optional<int> count(const std::string& name, int least, int most) const;
    std::optional<double> seconds(const std::string& name) const;

    /// "--lanes" or "MANIPLE_LANES", as the user wrote it.
    std::string written(const std::string& name) const;

private:
    void read_environment(const std::vector<Option>& options);

    std::string command_;
    std::map<std::string, std::vector<Setting>> settings_;
    std::vector<std::string> positional_;
};

/// What `maniple COMMAND --help` prints of `options`.
std::string help_text(const std::string& command, const std::vector<Option>& options);

/// One warning for each MANIPLE_ variable that no command knows, with the nearest one.
std::vector<Diagnostic> unknown_variables();

/// "MANIPLE_TIME_LEFT" for "time-left".
std::string variable_of(const std::string& option);

}  // namespace maniple
