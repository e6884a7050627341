// lanes/shared_memory.hpp: memory that several processes of a node see.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace maniple {

/// A stretch of zeroed memory, mapped while the object lives. It has no name in any file system: nothing is left behind
/// when its processes are killed, and no mount limits it. Pages are taken when they are first written. Where the system
/// does not allow sharing it is the maker's alone.
class SharedMemory {
public:
    /// Of the system: `large` ones where it has them. What is used here and there is to have small ones.
    enum class Pages { large, small };

    /// Makes `bytes` of it. Errors: UnavailableError.
    explicit SharedMemory(std::size_t bytes, Pages pages = Pages::large);
    ~SharedMemory();
    SharedMemory(SharedMemory&& other) noexcept;
    SharedMemory& operator=(SharedMemory&&) = delete;
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    std::byte* data() const { return data_; }
    std::size_t size() const { return size_; }

    /// What another process of this machine opens it by, until stop_sharing(). Text without blanks.
    std::string handle() const;
    /// Nobody opens it any more; who has, keeps it.
    void stop_sharing();

    /// The memory that another process made; none where that process or its memory cannot be reached from here, or is not
    /// of `bytes`.
    static std::optional<SharedMemory> open(const std::string& handle, std::size_t bytes);
    /// The `bytes` from `first` on of memory with small pages. Requires: both are multiples of the size of a page.
    static std::optional<SharedMemory> open_part(const std::string& handle, std::size_t all_bytes, std::size_t first,
                                                 std::size_t bytes);

private:
    static std::optional<SharedMemory> open(const std::string& handle, std::size_t all_bytes, std::size_t first,
                                            std::size_t bytes, Pages pages);
    SharedMemory(std::byte* data, std::size_t size) : data_(data), size_(size) {}

    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    int file_ = -1;  ///< of the one who made it, while others may open it
};

}  // namespace maniple
