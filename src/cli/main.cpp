// maniple: runs tensor jobs on clusters.
#include <cstdio>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"

namespace maniple {
namespace {

int dispatch(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty()) throw UsageError("no command; maniple --help lists them");
    const std::string& command = words[0];
    const std::vector<std::string> rest(words.begin() + 1, words.end());
    if (command == "--version") {
        std::fputs(version_text().c_str(), stdout);
        return 0;
    }
    if (command == "--help" || command == "-h" || command == "help") {
        std::fputs(usage().c_str(), stdout);
        return 0;
    }
    if (command == "run") return run_command(&argc, &argv, rest);
    if (command == "plan") return plan_command(rest);
    if (command == "check") return check_command(rest);
    if (command == "simulate") return simulate_command(rest);
    if (command == "devices") return devices_command(&argc, &argv, rest);
    if (command == "inspect") return inspect_command(rest);
    if (command == "kernels") return kernels_command(rest);
    const std::vector<std::string> later = {"launch"};
    for (const std::string& word : later) {
        if (command == word) throw UnavailableError("maniple " + command + " is not built in yet");
    }
    const std::vector<std::string> known = {"run",     "check",   "plan",      "simulate", "devices",
                                            "kernels", "inspect", "--version", "--help"};
    throw UsageError(Place{}, "unknown command '" + command + "', expected one of " + join(known, ", "),
                     nearest_word(command, known));
}

}  // namespace
}  // namespace maniple

int main(int argc, char** argv) {
    try {
        return maniple::dispatch(argc, argv);
    } catch (const maniple::Error& error) {
        maniple::print_messages(error.diagnostics());
        return static_cast<int>(error.code());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "maniple: internal error: %s\n", error.what());
        return static_cast<int>(maniple::ExitCode::internal);
    }
}
