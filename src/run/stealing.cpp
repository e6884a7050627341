#include "run/stealing.hpp"

#include <algorithm>
#include <array>

#include "run/run.hpp"
#include "run/schedule_file.hpp"

namespace maniple {

namespace {

/// A chunk of a program of a rank as one number, never 0.
struct Claim {
    Rank owner;
    int program = 0;
    ChunkId chunk;

    static constexpr int chunk_bits = 32, program_bits = 12, rank_bits = 19;

    std::uint64_t packed() const {
        return std::uint64_t{1} << 63 | static_cast<std::uint64_t>(owner.value) << (chunk_bits + program_bits) |
               static_cast<std::uint64_t>(program) << chunk_bits | static_cast<std::uint64_t>(chunk.value);
    }
    static Claim unpacked(std::uint64_t item) {
        Claim claim;
        claim.owner = Rank(static_cast<std::int32_t>(item >> (chunk_bits + program_bits) & ((1U << rank_bits) - 1)));
        claim.program = static_cast<int>(item >> chunk_bits & ((1U << program_bits) - 1));
        claim.chunk = ChunkId(static_cast<std::int32_t>(item & 0xffffffffU));
        return claim;
    }
};

/// The most that is claimed at once.
constexpr std::size_t most_at_once = 256;

bool lies_in_arena(const Layout& layout, BufferId buffer) {
    const BufferSpec& spec = layout[buffer];
    return is_in_arena(spec.storage.valid() ? layout[spec.storage] : spec);
}

}  // namespace

/// Chunks of one program of this rank that others may compute.
class Stealing::OfferedProgram final : public LaneProgram {
public:
    OfferedProgram(Stealing& stealing, int number, std::size_t chunks, InlineProgram& cpu)
        : stealing_(stealing), number_(number), cpu_(cpu), state_(chunks) {}
    ~OfferedProgram() override { stealing_.programs_[static_cast<std::size_t>(number_)] = nullptr; }

    void submit(ChunkId chunk, const Execution& execution, Completion& done) override {
        // Relaxed, all three: shown with the chunk, by publish(). The first two are the same for all of an execution.
        first_step_.store(execution.first_step, std::memory_order_relaxed);
        done_.store(&done, std::memory_order_relaxed);
        state_[chunk.index()].store(open, std::memory_order_relaxed);
        stealing_.publish(Claim{stealing_.me_, number_, chunk}.packed());
    }

    /// On one of this rank's workers.
    void compute(ChunkId chunk) {
        if (!leave(chunk, open, taken)) return;  // given up
        std::exception_ptr error;
        try {
            if (!stealing_.stopped_.load(std::memory_order_relaxed))
                cpu_.run(chunk, {first_step_.load(std::memory_order_relaxed)});
        } catch (...) { error = std::current_exception(); }
        leave(chunk, taken, ended);
        finish(chunk, error);
    }

    /// Another rank has computed it, or it is given up. Where it has ended already, or is under way here, nothing happens.
    void end(ChunkId chunk) {
        if (leave(chunk, open, ended)) finish(chunk, nullptr);
    }

    void end_all() {
        for (std::size_t i = 0; i < state_.size(); ++i) end(ChunkId(i));
    }

private:
    /// Of a chunk in an execution. A worker of this rank, the answer of another rank and the end of all after a failure agree
    /// by the change of it on who ends the chunk.
    enum State : std::uint8_t { ended, open, taken };

    bool leave(ChunkId chunk, State from, State to) {
        std::uint8_t expected = from;
        return state_[chunk.index()].compare_exchange_strong(expected, to, std::memory_order_acq_rel);
    }
    void finish(ChunkId chunk, const std::exception_ptr& error) {
        stealing_.end_one();
        done_.load(std::memory_order_relaxed)->finished(chunk, error);
    }

    Stealing& stealing_;
    int number_;
    InlineProgram& cpu_;
    std::vector<std::atomic<std::uint8_t>> state_;  ///< by chunk
    std::atomic<std::int64_t> first_step_{0};
    std::atomic<Completion*> done_{nullptr};
};

Stealing::Stealing(const World& world, ClaimContext context, ClaimMemory& memory)
    : context_(std::move(context)), memory_(memory), pool_(memory.pool()), me_(world.rank()), meeting_(world),
      by_rank_(static_cast<std::size_t>(world.size()), nullptr), programs_(ClaimMemory::most_programs, nullptr) {
    const bool takes_part = me_.value < context_.plan.claiming_ranks;
    const std::vector<std::string> descriptions = world.gather(memory.description());
    for (int rank = 0; rank < std::min(world.size(), context_.plan.claiming_ranks); ++rank) {
        if (rank == me_.value || !takes_part) continue;
        std::optional<ClaimMemory> theirs = ClaimMemory::open(descriptions[static_cast<std::size_t>(rank)]);
        if (!theirs) continue;
        others_.push_back(std::make_unique<OtherRank>(Rank(rank), std::move(*theirs), context_, shapes_));
        by_rank_[static_cast<std::size_t>(rank)] = others_.back().get();
    }
    world.agree(nullptr);  // nobody stops sharing before all have looked
    memory_.stop_sharing();
}

Stealing::~Stealing() = default;

std::vector<bool> Stealing::offered(const Layout& layout, const Program& program) const {
    std::vector<bool> offered(program.chunks.size(), false);
    if (program_count_ >= ClaimMemory::most_programs) return offered;
    for (std::size_t i = 0; i < program.chunks.size(); ++i) {
        if (!program.chunks[i].claimable) continue;
        const Instruction& instruction = program.instructions[program.chunks[i].instructions.front().index()];
        const auto reachable = [&](const Argument& argument) { return lies_in_arena(layout, argument.buffer); };
        offered[i] = std::all_of(instruction.arguments.begin(), instruction.arguments.end(), reachable);
    }
    return offered;
}

std::unique_ptr<LaneProgram> Stealing::offer(const Program& program, const std::vector<bool>& offered,
                                             InlineProgram& cpu) {
    const int number = program_count_++;
    shapes_.add(program.shape);
    if (std::find(offered.begin(), offered.end(), true) == offered.end()) return nullptr;
    // Release: before any of its chunks can be seen. Partner: OtherRank.
    memory_.program_fingerprint(number).store(fingerprint(program), std::memory_order_release);
    auto made = std::make_unique<OfferedProgram>(*this, number, program.chunks.size(), cpu);
    programs_[static_cast<std::size_t>(number)] = made.get();
    return made;
}

void Stealing::publish(std::uint64_t item) {
    // No more are away than the pool has places for what comes back. Acquire: partner end_one().
    const bool fits = away_.fetch_add(1, std::memory_order_acquire) < ClaimMemory::capacity;
    if (fits) {
        const std::lock_guard lock(put_mutex_);
        if (pool_.put(item)) item = 0;
    }
    if (item != 0) keep_at_home(item);
    scheduler_->wake_one();
}

/// Release: the place that collect() has emptied is free for whoever publishes after this.
void Stealing::end_one() { away_.fetch_sub(1, std::memory_order_release); }

void Stealing::keep_at_home(std::uint64_t item) {
    const std::lock_guard lock(put_mutex_);
    at_home_.push_back(item);
    at_home_count_.store(static_cast<std::int64_t>(at_home_.size()), std::memory_order_seq_cst);  // partner: has_work()
}

bool Stealing::has_work() const { return !pool_.is_empty() || at_home_count_.load(std::memory_order_seq_cst) > 0; }

std::uint64_t Stealing::take_own() {
    if (const std::uint64_t item = pool_.take_one(); item != 0) return item;
    if (at_home_count_.load(std::memory_order_relaxed) == 0) return 0;  // a hint; the lock decides
    const std::lock_guard lock(put_mutex_);
    if (at_home_.empty()) return 0;
    const std::uint64_t item = at_home_.back();
    at_home_.pop_back();
    at_home_count_.store(static_cast<std::int64_t>(at_home_.size()), std::memory_order_seq_cst);
    return item;
}

bool Stealing::work(Worker& worker) {
    const bool collected = collect();
    if (const std::uint64_t item = take_own(); item != 0) {
        compute(item);
        return true;
    }
    return collected || claim(worker);
}

/// Ends what other ranks have computed.
bool Stealing::collect() {
    std::array<std::uint64_t, 16> done{};
    std::size_t count = 0;
    {
        const std::unique_lock lock(collect_mutex_, std::try_to_lock);
        if (!lock.owns_lock()) return false;
        while (count < done.size() && (done[count] = pool_.collect(collected_)) != 0) ++count;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const Claim claim = Claim::unpacked(done[i]);
        programs_[static_cast<std::size_t>(claim.program)]->end(claim.chunk);
    }
    return count > 0;
}

/// Takes half of what another rank has, the next one after the last that had something.
bool Stealing::claim(Worker& worker) {
    if (stopped_.load(std::memory_order_relaxed)) return false;
    const std::size_t count = others_.size();
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = (worker.next_rank + i) % count;
        ClaimPool<>& pool = others_[at]->pool();
        if (pool.is_empty()) continue;
        std::array<std::uint64_t, most_at_once> items;
        const std::size_t taken = pool.take(
            items, [](std::uint32_t length) { return (std::size_t{length} + 1) / 2; },
            [this](std::uint64_t item) { return can_compute(item); });
        if (taken == 0) continue;
        worker.next_rank = static_cast<std::uint32_t>(at);
        for (std::size_t k = 1; k < taken; ++k) {
            std::unique_lock lock(put_mutex_);
            const bool put = pool_.put(items[k]);
            lock.unlock();
            if (!put) keep_at_home(items[k]);
        }
        if (taken > 1) scheduler_->wake_one();
        compute(items[0]);
        return true;
    }
    return false;
}

OtherRank* Stealing::other(Rank rank) const { return by_rank_[rank.index()]; }

bool Stealing::can_compute(std::uint64_t item) {
    const Claim claim = Claim::unpacked(item);
    if (claim.owner == me_) return true;
    OtherRank* const owner = other(claim.owner);
    return owner != nullptr && owner->program(claim.program) != nullptr;
}

void Stealing::compute(std::uint64_t item) {
    const Claim claim = Claim::unpacked(item);
    if (claim.owner == me_) {
        programs_[static_cast<std::size_t>(claim.program)]->compute(claim.chunk);
        return;
    }
    if (stopped_.load(std::memory_order_relaxed)) return;  // its owner gives it up as well
    OtherRank& owner = *other(claim.owner);
    try {
        owner.program(claim.program)->run(claim.chunk, {});
    } catch (...) {
        error_.keep(std::current_exception());
        stopped_.store(true, std::memory_order_relaxed);
        return;
    }
    owner.count_claim();
    scheduler_->count_foreign();
    owner.pool().give_back(item);
}

void Stealing::give_up() {
    stopped_.store(true, std::memory_order_relaxed);  // chunks that start all the same do no harm
    for (OfferedProgram* const program : programs_) {
        if (program != nullptr) program->end_all();
    }
}

std::vector<ClaimCount> Stealing::counts() const {
    std::vector<ClaimCount> counts;
    for (const auto& other : others_) {
        if (other->claimed() > 0) counts.push_back({other->rank().value, other->claimed()});
    }
    return counts;
}

Activity Stealing::activity() const {
    Activity sum;
    for (const auto& other : others_) sum += other->activity();
    return sum;
}

void Stealing::add_work_times(WorkTimes& sum) const {
    for (const auto& other : others_) other->add_work_times(sum);
}

}  // namespace maniple
