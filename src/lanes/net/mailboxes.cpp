#include "lanes/net/mailboxes.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <sstream>

namespace maniple {

namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t line_bytes = 64;

constexpr std::size_t rounded_up(std::size_t bytes, std::size_t multiple) {
    return (bytes + multiple - 1) / multiple * multiple;
}

/// Messages of at most so many bytes, with tags less than `slots`.
struct SizeClass {
    std::size_t bytes;
    std::size_t slots;

    constexpr std::size_t slot_bytes() const { return rounded_up(MailSlot::offset_of_bytes + bytes, line_bytes); }
    /// What the receiver has taken stands before the slots.
    constexpr std::size_t counts_bytes() const { return rounded_up(slots * sizeof(MailSlot::Count), page_bytes); }
    constexpr std::size_t table_bytes() const { return counts_bytes() + rounded_up(slots * slot_bytes(), page_bytes); }
};

/// Ascending. A slot of the first one is a cache line.
constexpr std::array<SizeClass, 4> classes = {
    {{line_bytes - MailSlot::offset_of_bytes, 16384}, {512, 4096}, {4096, 1024}, {32768, 128}}};

/// Of messages that stay where they are. Behind the tables of the others.
constexpr SizeClass addresses = {sizeof(RemoteRuns), 4096};

constexpr std::size_t slots_of_inbox() {
    std::size_t slots = addresses.slots;
    for (const SizeClass& one : classes) slots += one.slots;
    return slots;
}

constexpr std::size_t bytes_of_inbox() {
    std::size_t bytes = page_bytes + addresses.table_bytes();
    for (const SizeClass& one : classes) bytes += one.table_bytes();
    return bytes;
}

/// At the beginning of an inbox; the tables follow at the next page.
struct Head {
    std::uint64_t mark = 0;                ///< a random number: that the right memory was opened
    std::atomic<std::uint32_t> opened{0};  ///< set by the sender
    std::atomic<std::uint32_t> reads{0};   ///< set by the receiver: it can read the sender's memory
};

static_assert(MailSlot::Count::is_always_lock_free, "words that processes share");
static_assert(sizeof(Head) <= page_bytes);

Head& head_of(std::byte* inbox) { return *std::launder(reinterpret_cast<Head*>(inbox)); }

/// Where the slots of a class lie. `known`: of the class, for the sender; null for the receiver. All is zero at first,
/// which is what an empty slot looks like.
struct Table {
    std::byte* begin;
    MailSlot::Count* known;

    /// That of the class behind `one`, which is this table's.
    Table behind(const SizeClass& one) const {
        return {begin + one.table_bytes(), known == nullptr ? nullptr : known + one.slots};
    }
    std::optional<MailSlot> slot(const SizeClass& one, int tag) const {
        const auto number = static_cast<std::size_t>(tag);
        if (number >= one.slots) return std::nullopt;
        auto* const taken = std::launder(reinterpret_cast<MailSlot::Count*>(begin));
        return MailSlot(begin + one.counts_bytes() + number * one.slot_bytes(), taken + number,
                        known == nullptr ? nullptr : known + number);
    }
};

/// `known`: of all slots, for the sender.
std::optional<MailSlot> slot_in(std::byte* inbox, std::size_t bytes, int tag, MailSlot::Count* known) {
    Table table{inbox + page_bytes, known};
    for (const SizeClass& one : classes) {
        if (bytes <= one.bytes) return table.slot(one, tag);
        table = table.behind(one);
    }
    return std::nullopt;
}

/// Of a message that stays where it is.
std::optional<MailSlot> address_slot_in(std::byte* inbox, int tag, MailSlot::Count* known) {
    Table table{inbox + page_bytes, known};
    for (const SizeClass& one : classes) table = table.behind(one);
    return table.slot(addresses, tag);
}

std::uint64_t random_number() {
    std::uint64_t number = 0;
    const bool drawn = getrandom(&number, sizeof number, 0) == static_cast<ssize_t>(sizeof number);
    return drawn ? number : static_cast<std::uint64_t>(getpid());
}

std::string node_name() {
    std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
    int length = 0;
    check_mpi(MPI_Get_processor_name(name.data(), &length), "MPI_Get_processor_name");
    return {name.data(), static_cast<std::size_t>(length)};
}

/// Collective. Ascending: the ranks that say the name of this one's node. None: this one says none.
std::vector<int> ranks_of_node(const World& world, bool wanted) {
    const std::vector<std::string> names = world.gather(wanted ? node_name() : "");
    std::vector<int> ranks;
    for (std::size_t rank = 0; wanted && rank < names.size(); ++rank) {
        if (names[rank] == names[world.rank().index()]) ranks.push_back(static_cast<int>(rank));
    }
    return ranks;
}

/// Memory with `inboxes`, and what others open it by: nothing where there is none.
struct Made {
    std::optional<SharedMemory> memory;
    std::string description;
};

Made make_inboxes(std::size_t inboxes, std::uint64_t& probe) {
    Made made;
    if (inboxes == 0) return made;
    try {
        made.memory.emplace(inboxes * Mailboxes::inbox_bytes(), SharedMemory::Pages::small);
    } catch (const UnavailableError&) { return made; }
    probe = random_number();
    for (std::size_t i = 0; i < inboxes; ++i)
        new (made.memory->data() + i * Mailboxes::inbox_bytes()) Head{probe, {}, {}};
    std::ostringstream text;
    text << made.memory->handle() << ' ' << probe << ' ' << getpid() << ' ' << reinterpret_cast<std::uint64_t>(&probe);
    made.description = text.str();
    return made;
}

/// What make_inboxes() says of another rank.
struct Described {
    std::string handle;
    std::uint64_t mark = 0;
    pid_t process = 0;
    std::uint64_t probe = 0;  ///< an address there, of the mark
};

std::optional<Described> described(const std::string& description) {
    std::istringstream text(description);
    Described other;
    if (!(text >> other.handle >> other.mark >> other.process >> other.probe)) return std::nullopt;
    return other;
}

/// Number `index` of another rank's `inboxes`.
std::optional<SharedMemory> open_inbox(const Described& other, std::size_t inboxes, std::size_t index) {
    const std::size_t bytes = Mailboxes::inbox_bytes();
    std::optional<SharedMemory> inbox = SharedMemory::open_part(other.handle, inboxes * bytes, index * bytes, bytes);
    if (!inbox || head_of(inbox->data()).mark != other.mark) return std::nullopt;
    head_of(inbox->data()).opened.store(1, std::memory_order_release);  // partner: was_opened()
    return inbox;
}

bool was_opened(std::byte* inbox) {
    return inbox != nullptr && head_of(inbox).opened.load(std::memory_order_acquire) != 0;  // partner: open_inbox()
}

}  // namespace

bool has_shared_memory(const char* ways) {
    if (ways == nullptr || *ways == '\0') return true;
    const bool names_others = *ways == '^';  // those that may not be used
    bool named = false;
    std::istringstream names(names_others ? ways + 1 : ways);
    for (std::string name; std::getline(names, name, ',');) named = named || name == "vader" || name == "sm";
    return named != names_others;
}

std::size_t Mailboxes::most_message_bytes() { return classes.back().bytes; }

std::size_t Mailboxes::inbox_bytes() { return bytes_of_inbox(); }

Mailboxes::Mailboxes(const World& world, bool wanted) {
    if (world.size() == 1) return;
    const std::vector<int> node = ranks_of_node(world, wanted);
    probe_ = std::make_unique<std::uint64_t>();
    Made made = make_inboxes(node.empty() ? 0 : node.size() - 1, *probe_);
    const std::vector<std::string> descriptions = world.gather(made.description);
    if (made.memory) own_.emplace(std::move(*made.memory));
    near_.resize(static_cast<std::size_t>(world.size()));
    open(node, world.rank(), descriptions);
    world.sum(0);  // nobody looks before all have opened what they can
    for (Near& near : near_) {
        if (!was_opened(near.own)) near.opened.reset();
    }
    if (own_) own_->stop_sharing();
}

void Mailboxes::open(const std::vector<int>& node, Rank me, const std::vector<std::string>& descriptions) {
    const auto my_place = std::find(node.begin(), node.end(), me.value) - node.begin();
    for (std::ptrdiff_t place = 0; place < std::ssize(node); ++place) {
        if (place == my_place) continue;
        const auto rank = static_cast<std::size_t>(node[static_cast<std::size_t>(place)]);
        // There is no inbox for what a rank sends to itself.
        const auto there = static_cast<std::size_t>(my_place < place ? my_place : my_place - 1);
        const auto here = static_cast<std::size_t>(place < my_place ? place : place - 1);
        if (own_) near_[rank].own = own_->data() + here * inbox_bytes();
        const std::optional<Described> other = described(descriptions[rank]);
        if (!other) continue;
        near_[rank].process = other->process;
        if (own_ && can_read(other->process, other->probe, other->mark))
            head_of(near_[rank].own).reads.store(1, std::memory_order_release);  // partner: to_reader()
        std::optional<SharedMemory> opened = open_inbox(*other, node.size() - 1, there);
        if (!opened) continue;
        near_[rank].opened.emplace(std::move(*opened));
        near_[rank].known = std::make_unique<MailSlot::Count[]>(slots_of_inbox());
    }
}

bool Mailboxes::is_near(int rank) const {
    return !near_.empty() && near_[static_cast<std::size_t>(rank)].opened.has_value();
}

std::optional<MailSlot> Mailboxes::to(int rank, std::size_t bytes, int tag) const {
    if (!is_near(rank)) return std::nullopt;
    const Near& near = near_[static_cast<std::size_t>(rank)];
    return slot_in(near.opened->data(), bytes, tag, near.known.get());
}

std::optional<MailSlot> Mailboxes::from(int rank, std::size_t bytes, int tag) const {
    if (!is_near(rank)) return std::nullopt;
    return slot_in(near_[static_cast<std::size_t>(rank)].own, bytes, tag, nullptr);
}

std::optional<MailSlot> Mailboxes::to_reader(int rank, int tag) const {
    if (!is_near(rank)) return std::nullopt;
    const Near& near = near_[static_cast<std::size_t>(rank)];
    std::byte* const inbox = near.opened->data();
    if (head_of(inbox).reads.load(std::memory_order_acquire) == 0) return std::nullopt;  // partner: open()
    return address_slot_in(inbox, tag, near.known.get());
}

std::optional<MailSlot> Mailboxes::from_memory(int rank, int tag) const {
    if (!is_near(rank)) return std::nullopt;
    std::byte* const inbox = near_[static_cast<std::size_t>(rank)].own;
    if (head_of(inbox).reads.load(std::memory_order_acquire) == 0) return std::nullopt;
    return address_slot_in(inbox, tag, nullptr);
}

/// At all counts of one cache line, which has to come anyway. Another thread that looks at the same time may put back an
/// older one: then its slot seems full, and is looked at again.
void MailSlot::look() const {
    constexpr std::size_t counts_of_line = line_bytes / sizeof(Count);
    const std::size_t before = reinterpret_cast<std::uintptr_t>(taken_) % line_bytes / sizeof(Count);
    for (std::size_t i = 0; i < counts_of_line; ++i) {
        const std::uint32_t taken = (taken_ - before + i)->load(std::memory_order_acquire);  // partner: empty()
        (known_ - before + i)->store(taken, std::memory_order_release);                      // partner: is_empty()
    }
}

}  // namespace maniple
