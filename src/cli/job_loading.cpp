#include "cli/job_loading.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace maniple {

std::string read_job_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    if (!file || file.bad()) throw DataError("cannot read the job file '" + path + "': " + std::strerror(errno));
    return text.str();
}

}  // namespace maniple
