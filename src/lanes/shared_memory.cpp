#include "lanes/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"

namespace maniple {

namespace {

/// Of a file, or of memory without one (-1).
struct Stretch {
    int file = -1;
    std::size_t first = 0;
    std::size_t bytes = 0;
};

/// Null: refused.
std::byte* map(const Stretch& stretch, SharedMemory::Pages pages) {
    const int flags = MAP_SHARED | MAP_NORESERVE | (stretch.file < 0 ? MAP_ANONYMOUS : 0);
    void* const data =
        mmap(nullptr, stretch.bytes, PROT_READ | PROT_WRITE, flags, stretch.file, static_cast<off_t>(stretch.first));
    if (data == MAP_FAILED) return nullptr;
    // Large ones where the system allows them for shared memory, small ones also where it makes all of it large.
    madvise(data, stretch.bytes, pages == SharedMemory::Pages::large ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return static_cast<std::byte*>(data);
}

}  // namespace

SharedMemory::SharedMemory(std::size_t bytes, Pages pages) : size_(bytes) {
    file_ = memfd_create("maniple", MFD_CLOEXEC);
    const bool sized = file_ >= 0 && ftruncate(file_, static_cast<off_t>(bytes)) == 0;
    data_ = sized ? map({file_, 0, bytes}, pages) : nullptr;
    if (data_ != nullptr) return;
    stop_sharing();
    data_ = map({-1, 0, bytes}, pages);
    if (data_ != nullptr) return;
    throw UnavailableError("no memory for a rank's buffers (" + format_bytes(static_cast<std::int64_t>(bytes)) +
                           "): " + std::strerror(errno));
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(other.size_), file_(std::exchange(other.file_, -1)) {}

SharedMemory::~SharedMemory() {
    stop_sharing();
    if (data_ != nullptr) munmap(data_, size_);
}

std::string SharedMemory::handle() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(file_);
}

void SharedMemory::stop_sharing() {
    if (file_ >= 0) close(file_);
    file_ = -1;
}

std::optional<SharedMemory> SharedMemory::open(const std::string& handle, std::size_t bytes) {
    return open(handle, bytes, 0, bytes, Pages::large);
}

std::optional<SharedMemory> SharedMemory::open_part(const std::string& handle, std::size_t all_bytes, std::size_t first,
                                                    std::size_t bytes) {
    return open(handle, all_bytes, first, bytes, Pages::small);
}

std::optional<SharedMemory> SharedMemory::open(const std::string& handle, std::size_t all_bytes, std::size_t first,
                                               std::size_t bytes, Pages pages) {
    const int file = ::open(handle.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return std::nullopt;
    struct stat facts {};
    const bool fits = fstat(file, &facts) == 0 && facts.st_size == static_cast<off_t>(all_bytes);
    std::byte* const data = fits ? map({file, first, bytes}, pages) : nullptr;
    close(file);
    if (data == nullptr) return std::nullopt;
    return SharedMemory(data, bytes);
}

}  // namespace maniple
