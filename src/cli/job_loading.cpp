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

std::string read_text_of(const std::string& path, const std::string& what, const Place& place) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        throw DataError(place, "cannot read the " + what + " '" + path + "': it is a folder");
    std::ifstream file(path, std::ios::binary);
    std::string text;
    char part[1 << 16];
    while (file && text.size() < most_bytes) {
        file.read(part, static_cast<std::streamsize>(std::min(sizeof part, most_bytes - text.size())));
        text.append(part, static_cast<std::size_t>(file.gcount()));
    }
    if (!file.is_open() || file.bad())
        throw DataError(place, "cannot read the " + what + " '" + path + "': " + std::strerror(errno));
    return text;
}

}  // namespace

std::string read_job_text(const std::string& path) { return read_text_of(path, "job file", {}); }

std::string read_plan_text(const PlanSpec& plan) {
    return plan.from.empty() ? "" : read_text_of(plan.from, "plan file", plan.from_place);
}

}  // namespace maniple
