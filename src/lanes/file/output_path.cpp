#include "lanes/file/output_path.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "lanes/file/hdf5_handle.hpp"

namespace maniple {
namespace fs = std::filesystem;
namespace {

/// The result of a system call that returns -1 and sets errno. Where a fault for tests strikes, it is not made.
template <class Call>
int system_call(Call&& call) {
    if (!hdf5::fault_strikes()) return call();
    errno = EIO;
    return -1;
}

[[noreturn]] void throw_create(const Place& place, const std::string& what) {
    const int error = errno;
    if (error == ENOSPC || error == EDQUOT) throw FileError(place, fmt::format("{}: {}", what, std::strerror(error)));
    throw CreateError(place, fmt::format("{}: {}", what, std::strerror(error)));
}

bool has_no_locks(int error) { return error == ENOSYS || error == ENOLCK || error == EOPNOTSUPP || error == EINVAL; }

/// Whether `descriptor` is still the file of that name: another run may have removed it between our open and flock.
bool still_named(int descriptor, const fs::path& file) {
    struct stat opened = {}, named = {};
    return fstat(descriptor, &opened) == 0 && stat(file.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

}  // namespace

OutputPath resolve_output(const std::string& file, const Place& place) {
    const fs::path given = file;
    const fs::path folder = given.has_parent_path() ? given.parent_path() : fs::path(".");
    std::error_code error;
    const fs::path real_folder = fs::canonical(folder, error);
    if (error || !fs::is_directory(real_folder, error)) {
        throw CreateError(place,
                          fmt::format("cannot create '{}': the folder '{}' does not exist", file, folder.string()));
    }
    fs::path name = real_folder / given.filename();
    if (fs::is_symlink(name, error) && fs::exists(name, error)) name = fs::canonical(name, error);
    const fs::file_status status = fs::status(name, error);
    if (!given.has_filename() || fs::is_directory(status)) {
        throw CreateError(place, fmt::format("cannot create '{}': it is a folder", file));
    }
    if (fs::exists(status) && !fs::is_regular_file(status)) {
        throw CreateError(place, fmt::format("cannot create '{}': it is not a regular file", file));
    }
    const auto beside = [&name](const char* ending) {
        return name.parent_path() / ("." + name.filename().string() + ending);
    };
    return {name, beside(".maniple-tmp"), beside(".maniple-lock"), beside(".maniple-raw")};
}

OutputLock::OutputLock(const OutputPath& path, const Place& place) : file_(path.lock) {
    const std::string output = path.final_name.string();
    while (descriptor_ < 0) {
        const int descriptor = system_call([this] { return open(file_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666); });
        if (descriptor < 0) throw_create(place, fmt::format("cannot create '{}'", output));
        if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
            const int error = errno;
            if (has_no_locks(error)) {
                effective_ = false;
                descriptor_ = descriptor;
                return;
            }
            close(descriptor);
            if (error == EINTR) continue;
            if (error == EWOULDBLOCK) { throw CreateError(place, fmt::format("another run is writing '{}'", output)); }
            errno = error;
            throw_create(place, fmt::format("cannot lock '{}'", output));
        }
        if (still_named(descriptor, file_)) {
            descriptor_ = descriptor;
        } else {
            close(descriptor);
        }
    }
}

OutputLock::~OutputLock() {
    if (descriptor_ < 0) return;
    unlink(file_.c_str());
    close(descriptor_);
}

OutputLock::OutputLock(OutputLock&& other) noexcept
    : file_(std::move(other.file_)), descriptor_(std::exchange(other.descriptor_, -1)), effective_(other.effective_) {}

void synchronize(const fs::path& file) {
    const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    const bool failed = descriptor < 0 || system_call([&] { return fsync(descriptor); }) != 0;
    const int error = errno;
    if (descriptor >= 0) close(descriptor);
    if (failed)
        throw FileError(fmt::format("cannot put '{}' on stable storage: {}", file.string(), std::strerror(error)));
}

void publish(const OutputPath& path) {
    if (system_call([&] { return rename(path.temporary.c_str(), path.final_name.c_str()); }) == 0) return;
    throw FileError(fmt::format("cannot rename '{}' to '{}': {}", path.temporary.string(), path.final_name.string(),
                                std::strerror(errno)));
}

void remove_stale(const fs::path& file, const Place& place) {
    if (system_call([&] { return unlink(file.c_str()); }) == 0 || errno == ENOENT) return;
    throw_create(place, fmt::format("cannot remove the left-over '{}'", file.string()));
}

bool is_same_file(const fs::path& a, const fs::path& b) {
    struct stat first = {}, second = {};
    return stat(a.c_str(), &first) == 0 && stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

}  // namespace maniple
