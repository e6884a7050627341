#include "run/far_claims.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "run/chunk_bytes.hpp"

namespace maniple {

namespace {

/// Between two looks at what has arrived.
constexpr std::int64_t look_interval_ns = 5'000;
/// Who has not answered by then is not waited for.
constexpr std::int64_t answer_timeout_ns = 20'000'000;
constexpr std::int64_t shortest_refusal_ns = 100'000, longest_refusal_ns = 10'000'000;
/// A chunk that was lent is computed at home after so many times what it takes here, and a little more.
constexpr double patience_in_chunks = 2;
constexpr std::int64_t patience_ns = 3'000'000;
constexpr std::size_t most_lent_at_once = 64;
constexpr std::size_t most_lent_bytes = std::size_t{256} << 20;
/// Of a link that is slow.
constexpr double link_ns_per_byte = 1;

/// What an answer begins with; the chunks follow, a number each, then what they read.
struct AnswerHead {
    ProgramMarks marks;
    std::uint64_t first_loan = 0;  ///< that of the first chunk; the others' follow
    std::int32_t program = 0;
    std::uint32_t chunks = 0;
};

template <class Value>
void put(std::vector<std::byte>& bytes, const Value& value) {
    const std::size_t before = bytes.size();
    bytes.resize(before + sizeof value);
    std::memcpy(bytes.data() + before, &value, sizeof value);
}

/// Requires: there are as many bytes.
template <class Value>
Value get(std::span<const std::byte>& bytes) {
    MANIPLE_CHECK(bytes.size() >= sizeof(Value), "a claim's message that is too short");
    Value value;
    std::memcpy(&value, bytes.data(), sizeof value);
    bytes = bytes.subspan(sizeof value);
    return value;
}

}  // namespace

/// One of those that are asked.
struct FarClaims::Far {
    Far(Rank rank, const ClaimContext& context, const KnownShapes& shapes)
        : other(rank, std::nullopt, context, shapes) {}
    OtherRank other;
    bool asked = false;  ///< and not answered yet
    std::int64_t asked_ns = 0;
    std::int64_t not_before_ns = 0;  ///< after a refusal
    std::int64_t refusal_ns = shortest_refusal_ns;
    std::atomic<int> borrowed{0};                 ///< chunks that have come and have not been computed
    std::map<std::int32_t, std::uint64_t> loans;  ///< by chunk; guarded by the mutex of FarClaims
};

FarClaims::FarClaims(const World& world, const std::vector<int>& far, const ClaimContext& context,
                     const KnownShapes& shapes, ClaimDesk& desk)
    : context_(context), desk_(desk), me_(world.rank()), link_(world), next_(world.rank().index()) {
    for (const int rank : far) far_.push_back(std::make_unique<Far>(Rank(std::int32_t{rank}), context, shapes));
}

FarClaims::~FarClaims() = default;

FarClaims::Far* FarClaims::far(int rank) const {
    const auto found =
        std::find_if(far_.begin(), far_.end(), [&](const auto& one) { return one->other.rank().value == rank; });
    return found == far_.end() ? nullptr : found->get();
}

bool FarClaims::progress() {
    const std::int64_t now = now_ns();
    if (now - looked_ns_.load(std::memory_order_relaxed) < look_interval_ns) return false;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    looked_ns_.store(now, std::memory_order_relaxed);
    bool any = false;
    while (const std::optional<ClaimMessage> message = link_.receive()) {
        handle(*message);
        any = true;
    }
    return any;
}

void FarClaims::handle(const ClaimMessage& message) {
    std::span<const std::byte> bytes(message.bytes);
    switch (static_cast<Kind>(message.kind)) {
        case question: return give(message.peer, get<std::int32_t>(bytes));
        case answer: return take(*far(message.peer), bytes);
        case result: return finish(bytes);
        case recall: return drop(*far(message.peer), get<std::uint64_t>(bytes));
    }
}

// --- The one who asks --------------------------------------------------------------------------------------------------

void FarClaims::ask() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock() || closed_.load(std::memory_order_relaxed)) return;
    const std::int64_t now = now_ns();
    for (const auto& one : far_) {
        if (one->asked && now - one->asked_ns < answer_timeout_ns) return;
    }
    for (std::size_t i = 0; i < far_.size(); ++i) {
        Far& one = *far_[next_++ % far_.size()];
        if (one.asked || one.borrowed.load(std::memory_order_relaxed) > 0 || now < one.not_before_ns) continue;
        ClaimMessage message{one.other.rank().value, question, {}};
        put(message.bytes, std::int32_t{desk_.known_programs()});
        link_.send(std::move(message));
        one.asked = true;
        one.asked_ns = now;
        return;
    }
}

/// An answer. What is not to be computed here stays with the one who lent it, who will not wait for it for long.
void FarClaims::take(Far& from, std::span<const std::byte> bytes) {
    from.asked = false;
    const auto head = get<AnswerHead>(bytes);
    if (head.chunks == 0) {
        from.not_before_ns = now_ns() + from.refusal_ns;
        from.refusal_ns = std::min(2 * from.refusal_ns, longest_refusal_ns);
        return;
    }
    from.refusal_ns = shortest_refusal_ns;
    if (closed_.load(std::memory_order_relaxed)) return;
    std::vector<ChunkId> chunks;
    for (std::uint32_t i = 0; i < head.chunks; ++i) chunks.emplace_back(get<std::int32_t>(bytes));
    if (from.other.program(head.program, head.marks) == nullptr) {
        from.not_before_ns = now_ns() + longest_refusal_ns;
        return;
    }
    unpack(bytes, reads_of(from.other.instructions_of(head.program), chunks), from.other.arena());
    from.borrowed.store(static_cast<int>(head.chunks), std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < head.chunks; ++i) from.loans[chunks[i].value] = head.first_loan + i;
    // The first is what its owner misses first, and what is kept last is taken first.
    for (std::size_t i = chunks.size(); i-- > 0;)
        desk_.take_back(Claim{from.other.rank(), head.program, chunks[i]}.packed());
}

void FarClaims::compute(const Claim& claim) {
    Far& from = *far(claim.owner.value);
    ClaimMessage message{claim.owner.value, result, {}};
    bool wanted = false;
    {
        const std::lock_guard lock(mutex_);
        const auto loan = from.loans.find(claim.chunk.value);
        wanted = loan != from.loans.end();
        if (wanted) {
            put(message.bytes, loan->second);
            from.loans.erase(loan);
        }
    }
    // Ends with the message out, also after an error: is_quiet() counts on it.
    const auto done = [&](int*) { from.borrowed.fetch_sub(1, std::memory_order_release); };
    int ignored = 0;
    const std::unique_ptr<int, decltype(done)> at_end(&ignored, done);
    if (!wanted || closed_.load(std::memory_order_relaxed)) return;
    const Program& program = from.other.instructions_of(claim.program);
    from.other.program(claim.program, {})->run(claim.chunk, {});
    from.other.count_claim();
    pack(from.other.arena(), writes_of(program, claim.chunk), message.bytes);
    link_.send(std::move(message));
}

/// Its owner computes it. It stays among what is kept here, and is not computed when its turn comes.
void FarClaims::drop(Far& from, std::uint64_t loan) {
    std::erase_if(from.loans, [&](const auto& one) { return one.second == loan; });
}

void FarClaims::close() { closed_.store(true, std::memory_order_relaxed); }

void FarClaims::open() { closed_.store(false, std::memory_order_relaxed); }

bool FarClaims::is_quiet() {
    const std::lock_guard lock(mutex_);
    const bool waits = std::any_of(far_.begin(), far_.end(), [](const auto& one) {
        return one->asked || one->borrowed.load(std::memory_order_acquire) > 0;  // partner: compute()
    });
    return !waits && link_.has_sent_all();
}

// --- The one who is asked ----------------------------------------------------------------------------------------------

void FarClaims::give(int to, int known_programs) {
    std::array<std::uint64_t, most_lent_at_once> items{};
    std::size_t count = closed_.load(std::memory_order_relaxed) ? 0 : desk_.lend(known_programs, items);
    const int number = count > 0 ? Claim::unpacked(items[0]).program : 0;
    std::vector<ChunkId> chunks;
    for (std::size_t i = 0; i < count; ++i) {
        const Claim claim = Claim::unpacked(items[i]);
        if (claim.program != number) break;
        chunks.push_back(claim.chunk);
    }
    const Layout& layout = desk_.arena().layout();
    std::vector<Use> reads;
    while (!chunks.empty()) {
        const Program& program = desk_.offered_program(number).program();
        reads = reads_of(program, chunks);
        std::int64_t bytes = bytes_of(layout, reads);
        for (const ChunkId chunk : chunks) bytes += bytes_of(layout, writes_of(program, chunk));
        if (is_worth(static_cast<std::size_t>(bytes), chunks.size())) break;
        const bool too_large = static_cast<std::size_t>(bytes) > most_lent_bytes && chunks.size() > 1;
        chunks.resize(too_large ? chunks.size() / 2 : 0);
    }
    for (std::size_t i = chunks.size(); i < count; ++i) desk_.take_back(items[i]);
    AnswerHead head;
    head.program = number;
    head.chunks = static_cast<std::uint32_t>(chunks.size());
    head.first_loan = last_loan_ + 1;
    if (!chunks.empty()) head.marks = desk_.marks(number);
    ClaimMessage message{to, answer, {}};
    put(message.bytes, head);
    const std::int64_t now = now_ns();
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        put(message.bytes, std::int32_t{chunks[i].value});
        const double expected_ns = static_cast<double>(i + 1) * desk_.chunk_ns() * patience_in_chunks;
        lent_[++last_loan_] = {to, number, chunks[i], now + patience_ns + static_cast<std::int64_t>(expected_ns)};
    }
    lent_count_.store(static_cast<std::int64_t>(lent_.size()), std::memory_order_relaxed);
    if (!chunks.empty()) pack(desk_.arena(), reads, message.bytes);
    link_.send(std::move(message));
}

/// Whether sending takes less time than computing.
bool FarClaims::is_worth(std::size_t bytes, std::size_t chunks) const {
    if (static_cast<std::size_t>(bytes) > most_lent_bytes) return false;
    const double chunk_ns = desk_.chunk_ns();
    return context_.only_messages || chunk_ns == 0 ||
           static_cast<double>(bytes) * link_ns_per_byte < chunk_ns * static_cast<double>(chunks);
}

void FarClaims::finish(std::span<const std::byte> bytes) {
    const auto number = get<std::uint64_t>(bytes);
    const auto found = lent_.find(number);
    if (found == lent_.end()) return;  // too late
    const Loan loan = found->second;
    lent_.erase(found);
    lent_count_.store(static_cast<std::int64_t>(lent_.size()), std::memory_order_relaxed);
    OfferedProgram& program = desk_.offered_program(loan.program);
    program.end(loan.chunk, [&] { unpack(bytes, writes_of(program.program(), loan.chunk), desk_.arena()); });
}

std::uint64_t FarClaims::reclaim() {
    if (!has_lent()) return 0;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock() || lent_.empty()) return 0;
    const std::int64_t now = now_ns();
    auto last = lent_.end();
    do {
        if (last == lent_.begin()) return 0;
        --last;
    } while (last->second.due_ns > now && is_only_one(last->second));
    const Loan loan = last->second;
    ClaimMessage message{loan.to, recall, {}};
    put(message.bytes, last->first);
    link_.send(std::move(message));
    lent_.erase(last);
    lent_count_.store(static_cast<std::int64_t>(lent_.size()), std::memory_order_relaxed);
    return Claim{me_, loan.program, loan.chunk}.packed();
}

/// Of those that are lent to the same rank.
bool FarClaims::is_only_one(const Loan& loan) const {
    return std::count_if(lent_.begin(), lent_.end(), [&](const auto& other) { return other.second.to == loan.to; }) ==
           1;
}

std::vector<const OtherRank*> FarClaims::others() const {
    std::vector<const OtherRank*> all;
    for (const auto& one : far_) all.push_back(&one->other);
    return all;
}

}  // namespace maniple
