#include "run/claim_memory.hpp"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <sstream>

#include "run/schedule_file.hpp"

namespace maniple {

/// At the beginning of the memory. What several ranks write lies in cache lines of its own.
struct ClaimMemory::Head {
    using Word = ClaimPool<>::Word;
    std::uint64_t mark = 0;  ///< a random number: that the right memory was opened
    std::uint64_t layout = 0;
    alignas(128) Word range{0};
    alignas(128) Word given_back{0};
    alignas(128) std::array<Word, most_programs> programs{};
    alignas(128) std::array<Word, capacity> slots{};
    alignas(128) std::array<Word, capacity> returned{};
};

namespace {

constexpr std::size_t page_bytes = 4096;

std::uint64_t random_number() {
    std::uint64_t number = 0;
    const bool drawn = getrandom(&number, sizeof number, 0) == static_cast<ssize_t>(sizeof number);
    return drawn ? number : static_cast<std::uint64_t>(getpid());
}

std::string host_name_here() {
    std::array<char, 256> name{};
    gethostname(name.data(), name.size() - 1);
    return name.data();
}

}  // namespace

static_assert(ClaimPool<>::Word::is_always_lock_free, "words that processes share");

ClaimMemory::ClaimMemory(const Layout& layout)
    : memory_((sizeof(Head) + page_bytes - 1) / page_bytes * page_bytes + bytes_in_one_piece(layout)) {
    Head* const head = new (memory_.data()) Head;
    head->mark = random_number();
    head->layout = fingerprint(layout);
}

ClaimMemory::Head& ClaimMemory::head() const { return *std::launder(reinterpret_cast<Head*>(memory_.data())); }

std::string ClaimMemory::description() const {
    return fmt::format("{} {} {} {}", host_name_here(), memory_.handle(), memory_.size(), head().mark);
}

std::optional<ClaimMemory> ClaimMemory::open(const std::string& description) {
    std::istringstream text(description);
    std::string host, handle;
    std::size_t bytes = 0;
    std::uint64_t mark = 0;
    if (!(text >> host >> handle >> bytes >> mark) || host != host_name_here()) return std::nullopt;
    std::optional<SharedMemory> memory = SharedMemory::open(handle, bytes);
    if (!memory) return std::nullopt;
    ClaimMemory opened(std::move(*memory));
    if (opened.head().mark != mark) return std::nullopt;
    return opened;
}

ClaimPool<> ClaimMemory::pool() const {
    Head& head = this->head();
    return ClaimPool<>({&head.range, &head.given_back, head.slots.data(), head.returned.data(), capacity});
}

std::byte* ClaimMemory::storage() const {
    return memory_.data() + (sizeof(Head) + page_bytes - 1) / page_bytes * page_bytes;
}

std::uint64_t ClaimMemory::layout_fingerprint() const { return head().layout; }

std::atomic<std::uint64_t>& ClaimMemory::program_fingerprint(int number) const {
    return head().programs[static_cast<std::size_t>(number)];
}

std::uint64_t fingerprint(const Layout& layout) {
    std::string text;
    for (const BufferSpec& buffer : layout.buffers) {
        text += fmt::format("{} {} {} {} {} {} {} {}\n", buffer.name, to_string(buffer.box), buffer.element_bytes,
                            static_cast<int>(buffer.memory.kind), buffer.memory.gpu, buffer.storage.value,
                            buffer.storage_row, buffer.pool_byte);
    }
    return fingerprint(text);
}

}  // namespace maniple
