// lanes/vulkan/memory.hpp: buffers in a device's memory, cut from large blocks: drivers allow few allocations.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lanes/vulkan/free_list.hpp"
#include "lanes/vulkan/handles.hpp"

namespace maniple {

/// Who uses a buffer.
enum class BufferUse {
    device,   ///< the device alone
    shared,   ///< device and host in place: the device's own memory, coherent
    staging,  ///< the host writes or reads, the device copies; may have to be flushed
    uniform,  ///< the host writes calls, shaders read them; coherent
};

class MemoryPool;

/// Owns a buffer and its bytes. The pool outlives it.
class DeviceBuffer {
public:
    DeviceBuffer() = default;
    DeviceBuffer(DeviceBuffer&& other) noexcept { *this = std::move(other); }
    DeviceBuffer& operator=(DeviceBuffer&& other) noexcept;
    ~DeviceBuffer();

    vk::Buffer buffer() const { return **buffer_; }
    explicit operator bool() const { return buffer_ != nullptr; }
    std::int64_t bytes() const { return bytes_; }
    std::byte* mapped() const { return mapped_; }  ///< null where the host does not see it

    /// Makes what the host wrote to [offset, offset + bytes) visible to the device, and the other way. Nothing is done
    /// where memory is coherent. Never locks.
    void flush(std::int64_t offset, std::int64_t bytes) const;
    void invalidate(std::int64_t offset, std::int64_t bytes) const;

private:
    friend class MemoryPool;
    vk::MappedMemoryRange atoms(std::int64_t offset, std::int64_t bytes) const;

    MemoryPool* pool_ = nullptr;
    std::size_t block_ = 0;
    std::int64_t offset_ = 0;
    std::int64_t bytes_ = 0;
    std::int64_t held_ = 0;  ///< of the block; a driver may ask for more than the buffer's bytes
    std::byte* mapped_ = nullptr;
    /// Of the block, which may lie elsewhere by now while its memory stays where it is.
    vk::DeviceMemory memory_;
    std::int64_t block_bytes_ = 0;
    bool coherent_ = true;
    std::unique_ptr<vk::raii::Buffer> buffer_;
};

/// Owns the memory of one VkDevice. Borrows the device. Threads: any.
class MemoryPool {
public:
    /// `families`: of all queues that use the buffers, each once.
    MemoryPool(const vk::raii::PhysicalDevice& physical, const vk::raii::Device& device,
               std::vector<std::uint32_t> families);

    /// `bytes` may be 0: then it has a few all the same. The bytes are not set.
    /// Errors: UnavailableError, naming `what` and the bytes.
    DeviceBuffer allocate(std::int64_t bytes, BufferUse use, const std::string& what);

    std::int64_t used_bytes() const;
    std::int64_t block_bytes() const;
    std::int64_t block_count() const;
    std::int64_t buffers_made() const { return buffers_made_.load(std::memory_order_relaxed); }  // for reports

private:
    friend class DeviceBuffer;
    struct Block {
        std::uint32_t type = 0;
        std::int64_t size = 0;
        bool coherent = true;
        vk::raii::DeviceMemory memory{nullptr};
        std::byte* mapped = nullptr;
        FreeList free{0};
    };
    std::uint32_t type_for(BufferUse use, std::uint32_t allowed) const;
    void place(DeviceBuffer& buffer, const vk::MemoryRequirements& needs, std::uint32_t type, const std::string& what);
    std::size_t add_block(std::int64_t needed, std::uint32_t type, const std::string& what);
    std::int64_t available(std::uint32_t heap) const;
    void give_back(const DeviceBuffer& buffer);
    void release(std::size_t number, std::int64_t offset, std::int64_t bytes);

    const vk::raii::PhysicalDevice& physical_;
    const vk::raii::Device& device_;
    const std::vector<std::uint32_t> families_;
    vk::PhysicalDeviceMemoryProperties memory_;
    bool budgeted_ = false;
    std::int64_t atom_bytes_ = 1;
    mutable std::mutex mutex_;
    std::vector<Block> blocks_;  ///< one whose memory is null has been given back
    std::int64_t used_bytes_ = 0;
    std::atomic<std::int64_t> buffers_made_{0};
};

}  // namespace maniple
