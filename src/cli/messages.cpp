#include "cli/messages.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace maniple {

void print_messages(const std::vector<Diagnostic>& diagnostics) {
    const char* no_color = std::getenv("NO_COLOR");
    const bool colour = isatty(STDERR_FILENO) != 0 && (no_color == nullptr || *no_color == '\0');
    for (const Diagnostic& diagnostic : diagnostics) std::fputs(render(diagnostic, colour).c_str(), stderr);
}

}  // namespace maniple
