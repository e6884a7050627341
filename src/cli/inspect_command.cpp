#include <cstdio>

#include "base/error.hpp"
#include "cli/commands.hpp"
#include "lanes/file/files.hpp"

namespace maniple {

int inspect_command(const std::vector<std::string>& arguments) {
    if (arguments.size() != 1) throw UsageError("maniple inspect takes one file: maniple inspect FILE.h5");
    if (arguments[0] == "--help") {
        std::fputs("maniple inspect FILE.h5: what a result holds and where it came from; its checksums are verified\n",
                   stdout);
        return 0;
    }
    std::fputs(inspect_file(arguments[0]).c_str(), stdout);
    return 0;
}

}  // namespace maniple
