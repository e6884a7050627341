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

/// Null: refused.
std::byte* map(int file, std::size_t bytes, int flags) {
    void* const data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | flags, file, 0);
    if (data == MAP_FAILED) return nullptr;
    madvise(data, bytes, MADV_HUGEPAGE);  // where the system allows it for shared memory
    return static_cast<std::byte*>(data);
}

}  // namespace

SharedMemory::SharedMemory(std::size_t bytes) : size_(bytes) {
    file_ = memfd_create("maniple", MFD_CLOEXEC);
    const bool sized = file_ >= 0 && ftruncate(file_, static_cast<off_t>(bytes)) == 0;
    data_ = sized ? map(file_, bytes, 0) : nullptr;
    if (data_ != nullptr) return;
    stop_sharing();
    data_ = map(-1, bytes, MAP_ANONYMOUS);
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
    const int file = ::open(handle.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return std::nullopt;
    struct stat facts {};
    const bool fits = fstat(file, &facts) == 0 && facts.st_size == static_cast<off_t>(bytes);
    std::byte* const data = fits ? map(file, bytes, 0) : nullptr;
    close(file);
    if (data == nullptr) return std::nullopt;
    return SharedMemory(data, bytes);
}

}  // namespace maniple
