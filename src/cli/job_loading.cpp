#include "cli/job_loading.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"

namespace maniple {

namespace {
/// One byte more than a job file may have, so that the parser sees that it is too long.
constexpr std::size_t most_bytes = (std::size_t{16} << 20) + 1;
}  // namespace

std::string read_job_text(const std::string& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        throw DataError("cannot read the job file '" + path + "': it is a folder");
    std::ifstream file(path, std::ios::binary);
    std::string text;
    char part[1 << 16];
    while (file && text.size() < most_bytes) {
        file.read(part, static_cast<std::streamsize>(std::min(sizeof part, most_bytes - text.size())));
        text.append(part, static_cast<std::size_t>(file.gcount()));
    }
    if (!file.is_open() || file.bad())
        throw DataError("cannot read the job file '" + path + "': " + std::strerror(errno));
    return text;
}

}  // namespace maniple
