#include "lanes/vulkan/memory.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/text.hpp"

namespace maniple {

namespace {

using Flag = vk::MemoryPropertyFlagBits;

/// What memory for a use has to have, the best first.
std::vector<vk::MemoryPropertyFlags> wishes(BufferUse use) {
    switch (use) {
        case BufferUse::device: return {Flag::eDeviceLocal, {}};
        case BufferUse::shared:
            return {Flag::eDeviceLocal | Flag::eHostVisible | Flag::eHostCoherent | Flag::eHostCached};
        case BufferUse::staging:
            return {Flag::eHostVisible | Flag::eHostCoherent | Flag::eHostCached,
                    Flag::eHostVisible | Flag::eHostCached, Flag::eHostVisible | Flag::eHostCoherent};
        default:
            return {Flag::eDeviceLocal | Flag::eHostVisible | Flag::eHostCoherent,
                    Flag::eHostVisible | Flag::eHostCoherent};
    }
}

std::int64_t rounded_up(std::int64_t value, std::int64_t to) { return (value + to - 1) / to * to; }

}  // namespace

DeviceBuffer& DeviceBuffer::operator=(DeviceBuffer&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(block_, other.block_);
    std::swap(offset_, other.offset_);
    std::swap(bytes_, other.bytes_);
    std::swap(held_, other.held_);
    std::swap(mapped_, other.mapped_);
    std::swap(memory_, other.memory_);
    std::swap(block_bytes_, other.block_bytes_);
    std::swap(coherent_, other.coherent_);
    std::swap(buffer_, other.buffer_);
    return *this;
}

DeviceBuffer::~DeviceBuffer() {
    if (pool_ == nullptr) return;
    buffer_.reset();
    pool_->give_back(*this);
}

vk::MappedMemoryRange DeviceBuffer::atoms(std::int64_t offset, std::int64_t bytes) const {
    const std::int64_t atom = pool_->atom_bytes_;
    const std::int64_t begin = (offset_ + offset) / atom * atom;
    const std::int64_t end = std::min(block_bytes_, rounded_up(offset_ + offset + bytes, atom));
    return {memory_, static_cast<vk::DeviceSize>(begin), static_cast<vk::DeviceSize>(end - begin)};
}

void DeviceBuffer::flush(std::int64_t offset, std::int64_t bytes) const {
    if (!coherent_) pool_->device_.flushMappedMemoryRanges(atoms(offset, bytes));
}

void DeviceBuffer::invalidate(std::int64_t offset, std::int64_t bytes) const {
    if (!coherent_) pool_->device_.invalidateMappedMemoryRanges(atoms(offset, bytes));
}

MemoryPool::MemoryPool(const vk::raii::PhysicalDevice& physical, const vk::raii::Device& device,
                       std::vector<std::uint32_t> families)
    : physical_(physical), device_(device), families_(std::move(families)), memory_(physical.getMemoryProperties()),
      budgeted_(has_extension(physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME)),
      atom_bytes_(static_cast<std::int64_t>(physical.getProperties().limits.nonCoherentAtomSize)) {}

DeviceBuffer MemoryPool::allocate(std::int64_t bytes, BufferUse use, const std::string& what) {
    using Usage = vk::BufferUsageFlagBits;
    const vk::BufferUsageFlags usage = use == BufferUse::uniform
                                           ? vk::BufferUsageFlags(Usage::eUniformBuffer)
                                           : Usage::eStorageBuffer | Usage::eTransferSrc | Usage::eTransferDst;
    DeviceBuffer result;
    result.bytes_ = rounded_up(std::max<std::int64_t>(bytes, 1), 16);
    vk::BufferCreateInfo info({}, static_cast<vk::DeviceSize>(result.bytes_), usage);
    // Queues of several families take turns with a buffer, in another order each time that recorded commands are used
    // again: which of them had it before cannot be recorded.
    if (families_.size() > 1 && use != BufferUse::uniform)
        info.setSharingMode(vk::SharingMode::eConcurrent).setQueueFamilyIndices(families_);
    const std::string name = what + " (" + format_bytes(bytes) + ")";
    const std::lock_guard lock(mutex_);
    try {
        result.buffer_ = std::make_unique<vk::raii::Buffer>(device_, info);
        const vk::MemoryRequirements needs = result.buffer_->getMemoryRequirements();
        place(result, needs, type_for(use, needs.memoryTypeBits), name);
        buffers_made_.fetch_add(1, std::memory_order_relaxed);
    } catch (const vk::OutOfDeviceMemoryError&) {
        throw UnavailableError("out of device memory for " + name);
    } catch (const vk::OutOfHostMemoryError&) {
        throw UnavailableError("out of host memory for " + name + " of a device");
    }
    return result;
}

std::uint32_t MemoryPool::type_for(BufferUse use, std::uint32_t allowed) const {
    for (const vk::MemoryPropertyFlags wish : wishes(use)) {
        for (std::uint32_t i = 0; i < memory_.memoryTypeCount; ++i) {
            const vk::MemoryPropertyFlags flags = memory_.memoryTypes[i].propertyFlags;
            if ((allowed >> i & 1) != 0 && (flags & wish) == wish) return i;
        }
    }
    throw UnavailableError("the device has no memory of the kind that is needed");
}

void MemoryPool::place(DeviceBuffer& buffer, const vk::MemoryRequirements& needs, std::uint32_t type,
                       const std::string& what) {
    const auto bytes = static_cast<std::int64_t>(needs.size);
    // Whole atoms, so that no flush or invalidation of one buffer meets the bytes of another.
    const std::int64_t alignment = std::max(static_cast<std::int64_t>(needs.alignment), atom_bytes_);
    std::optional<std::int64_t> at;
    std::size_t number = 0;
    for (; number < blocks_.size() && !at; ++number) {
        if (blocks_[number].type == type && blocks_[number].size > 0) at = blocks_[number].free.take(bytes, alignment);
    }
    if (at) {
        --number;
    } else {
        number = add_block(bytes, type, what);
        at = blocks_[number].free.take(bytes, alignment);
    }
    const Block& block = blocks_[number];
    try {
        buffer.buffer_->bindMemory(*block.memory, static_cast<vk::DeviceSize>(*at));
    } catch (...) {
        release(number, *at, bytes);
        throw;
    }
    buffer.block_ = number;
    buffer.offset_ = *at;
    buffer.held_ = bytes;
    buffer.mapped_ = block.mapped == nullptr ? nullptr : block.mapped + *at;
    buffer.memory_ = *block.memory;
    buffer.block_bytes_ = block.size;
    buffer.coherent_ = block.coherent;
    buffer.pool_ = this;
    used_bytes_ += bytes;
}

std::size_t MemoryPool::add_block(std::int64_t needed, std::uint32_t type, const std::string& what) {
    constexpr std::int64_t mib = 1024 * 1024;
    const std::uint32_t heap = memory_.memoryTypes[type].heapIndex;
    const auto heap_bytes = static_cast<std::int64_t>(memory_.memoryHeaps[heap].size);
    const std::int64_t usual = std::clamp(heap_bytes / 64, 4 * mib, 256 * mib);
    const std::int64_t left = available(heap);
    if (needed > left) {
        throw UnavailableError("out of device memory for " + what + ": " +
                               format_bytes(std::max<std::int64_t>(0, left)) + " of " + format_bytes(heap_bytes) +
                               " are left, " + format_bytes(used_bytes_) + " in use by this lane");
    }
    Block block;
    block.type = type;
    // What would fill more than half of a block gets one of its own.
    block.size = rounded_up(needed > usual / 2 || usual > left ? needed : usual, atom_bytes_);
    const vk::MemoryPropertyFlags flags = memory_.memoryTypes[type].propertyFlags;
    block.coherent = !(flags & Flag::eHostVisible) || (flags & Flag::eHostCoherent);
    block.memory =
        vk::raii::DeviceMemory(device_, vk::MemoryAllocateInfo(static_cast<vk::DeviceSize>(block.size), type));
    if (flags & Flag::eHostVisible) block.mapped = static_cast<std::byte*>(block.memory.mapMemory(0, VK_WHOLE_SIZE));
    block.free = FreeList(block.size);
    const auto unused = std::find_if(blocks_.begin(), blocks_.end(), [](const Block& b) { return b.size == 0; });
    const auto number = static_cast<std::size_t>(unused - blocks_.begin());
    if (unused == blocks_.end()) {
        blocks_.push_back(std::move(block));
    } else {
        *unused = std::move(block);
    }
    return number;
}

std::int64_t MemoryPool::available(std::uint32_t heap) const {
    if (budgeted_) {
        const auto chain = physical_.getMemoryProperties2<vk::PhysicalDeviceMemoryProperties2,
                                                          vk::PhysicalDeviceMemoryBudgetPropertiesEXT>();
        const auto& budget = chain.get<vk::PhysicalDeviceMemoryBudgetPropertiesEXT>();
        return static_cast<std::int64_t>(budget.heapBudget[heap]) - static_cast<std::int64_t>(budget.heapUsage[heap]);
    }
    auto left = static_cast<std::int64_t>(memory_.memoryHeaps[heap].size);
    for (const Block& block : blocks_) {
        if (memory_.memoryTypes[block.type].heapIndex == heap) left -= block.size;
    }
    return left;
}

void MemoryPool::give_back(const DeviceBuffer& buffer) {
    const std::lock_guard lock(mutex_);
    release(buffer.block_, buffer.offset_, buffer.held_);
    used_bytes_ -= buffer.held_;
}

void MemoryPool::release(std::size_t number, std::int64_t offset, std::int64_t bytes) {
    Block& block = blocks_[number];
    block.free.give_back(offset, bytes);
    if (block.free.is_whole(block.size)) block = Block{};
}

std::int64_t MemoryPool::used_bytes() const {
    const std::lock_guard lock(mutex_);
    return used_bytes_;
}

std::int64_t MemoryPool::block_bytes() const {
    const std::lock_guard lock(mutex_);
    std::int64_t bytes = 0;
    for (const Block& block : blocks_) bytes += block.size;
    return bytes;
}

std::int64_t MemoryPool::block_count() const {
    const std::lock_guard lock(mutex_);
    return std::count_if(blocks_.begin(), blocks_.end(), [](const Block& block) { return block.size > 0; });
}

}  // namespace maniple
