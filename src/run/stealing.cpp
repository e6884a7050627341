#include "run/stealing.hpp"

#include <algorithm>
#include <array>

#include "run/schedule_file.hpp"

namespace maniple {

namespace {

/// The most that is claimed at once.
constexpr std::size_t most_at_once = 256;

bool lies_in_arena(const Layout& layout, BufferId buffer) {
    while (layout[buffer].storage.valid()) buffer = layout[buffer].storage;
    return is_in_arena(layout[buffer]);
}

}  // namespace

Stealing::Stealing(const World& world, ClaimContext context, ClaimMemory& memory, Arena& arena)
    : context_(std::move(context)), memory_(memory), arena_(arena), pool_(memory.pool()), me_(world.rank()),
      meeting_(world), by_rank_(static_cast<std::size_t>(world.size()), nullptr),
      programs_(ClaimMemory::most_programs, nullptr) {
    open_memories(world);
    std::vector<int> far;
    const int claiming = std::min(world.size(), context_.plan.claiming_ranks);
    for (int rank = 0; rank < claiming && me_.value < claiming; ++rank) {
        if (rank != me_.value && other(Rank(rank)) == nullptr) far.push_back(rank);
    }
    some_are_far_ =
        world.sum(static_cast<std::int64_t>(far.size())) > 0;  // nobody stops sharing before all have looked
    memory_.stop_sharing();
    if (some_are_far_)
        far_ = std::make_unique<FarClaims>(world, far, context_, shapes_, static_cast<ClaimDesk&>(*this));
}

void Stealing::open_memories(const World& world) {
    const std::vector<std::string> descriptions = world.gather(memory_.description());
    const int claiming = std::min(world.size(), context_.plan.claiming_ranks);
    if (context_.only_messages || me_.value >= claiming) return;
    for (int rank = 0; rank < claiming; ++rank) {
        if (rank == me_.value) continue;
        std::optional<ClaimMemory> theirs = ClaimMemory::open(descriptions[static_cast<std::size_t>(rank)]);
        if (!theirs) continue;
        others_.push_back(std::make_unique<OtherRank>(Rank(rank), std::move(theirs), context_, shapes_));
        by_rank_[static_cast<std::size_t>(rank)] = others_.back().get();
    }
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
    const int number = program_count_.load(std::memory_order_relaxed);  // this thread's own
    std::unique_ptr<OfferedProgram> made;
    if (std::find(offered.begin(), offered.end(), true) != offered.end()) {
        // Release: before any of its chunks can be seen. Partner: OtherRank.
        memory_.program_fingerprint(number).store(fingerprint(program), std::memory_order_release);
        made = std::make_unique<OfferedProgram>(static_cast<OfferedProgram::Desk&>(*this), number, program, cpu);
        programs_[static_cast<std::size_t>(number)] = made.get();
    }
    shapes_.add(program.shape);
    program_count_.store(number + 1, std::memory_order_release);  // partner: known_programs()
    return made;
}

// --- This rank's chunks ----------------------------------------------------------------------------------------------

void Stealing::publish(int program, ChunkId chunk) {
    std::uint64_t item = Claim{me_, program, chunk}.packed();
    // No more are away than the pool has places for what comes back. Acquire: partner has_ended().
    const bool fits = away_.fetch_add(1, std::memory_order_acquire) < ClaimMemory::capacity;
    if (fits) {
        const std::lock_guard lock(put_mutex_);
        if (pool_.put(item)) item = 0;
    }
    if (item != 0) keep_at_home(item);
    scheduler_->wake_one();
}

/// Release: the place that collect() has emptied is free for whoever publishes after this.
void Stealing::has_ended() { away_.fetch_sub(1, std::memory_order_release); }

void Stealing::keep_at_home(std::uint64_t item) {
    const std::lock_guard lock(put_mutex_);
    at_home_.push_back(item);
    at_home_count_.store(static_cast<std::int64_t>(at_home_.size()), std::memory_order_seq_cst);  // partner: has_work()
}

std::size_t Stealing::lend(int known_programs, std::span<std::uint64_t> items) {
    return pool_.take(
        items, [](std::uint32_t length) { return (std::size_t{length} + 1) / 2; },
        [&](std::uint64_t item) {
            const Claim claim = Claim::unpacked(item);
            return claim.owner == me_ && claim.program < known_programs;
        });
}

void Stealing::take_back(std::uint64_t item) {
    keep_at_home(item);
    scheduler_->wake_one();
}

ProgramMarks Stealing::marks(int number) {
    return {memory_.layout_fingerprint(), memory_.program_fingerprint(number).load(std::memory_order_relaxed)};
}

bool Stealing::has_work() const { return !pool_.is_empty() || at_home_count_.load(std::memory_order_seq_cst) > 0; }

std::uint64_t Stealing::take_own() {
    if (at_home_count_.load(std::memory_order_relaxed) > 0) {  // a hint; the lock decides
        const std::lock_guard lock(put_mutex_);
        if (!at_home_.empty()) {
            const std::uint64_t item = at_home_.back();
            at_home_.pop_back();
            at_home_count_.store(static_cast<std::int64_t>(at_home_.size()), std::memory_order_seq_cst);
            return item;
        }
    }
    return pool_.take_one();
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
        offered_program(claim.program).end(claim.chunk);
    }
    return count > 0;
}

// --- Workers ---------------------------------------------------------------------------------------------------------

bool Stealing::work(Worker&) {
    try {
        return work_once();
    } catch (...) {
        fail();
        return false;
    }
}

bool Stealing::work_once() {
    bool any = collect();
    if (far_ && far_->progress()) any = true;
    if (const std::uint64_t item = take_own(); item != 0) {
        if (has_work()) scheduler_->wake_one();  // there is more than this worker was woken for
        compute(item);
        return true;
    }
    return any || claim() || work_far();
}

bool Stealing::work_far() {
    if (!far_ || has_stopped()) return false;
    if (const std::uint64_t item = far_->reclaim(); item != 0) {
        compute(item);
        return true;
    }
    far_->ask();
    return false;
}

/// Takes half of what another rank of this node has, the next one after the last that had something.
bool Stealing::claim() {
    if (has_stopped()) return false;
    const std::size_t count = others_.size();
    const std::size_t first = next_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = (first + i) % count;
        ClaimPool<>& pool = others_[at]->pool();
        if (pool.is_empty()) continue;
        std::array<std::uint64_t, most_at_once> items;
        const std::size_t taken = pool.take(
            items, [](std::uint32_t length) { return (std::size_t{length} + 1) / 2; },
            [this](std::uint64_t item) { return can_compute(item); });
        if (taken == 0) continue;
        next_.store(static_cast<std::uint32_t>(at), std::memory_order_relaxed);
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

bool Stealing::can_compute(std::uint64_t item) {
    const Claim claim = Claim::unpacked(item);
    if (claim.owner == me_) return true;
    OtherRank* const owner = other(claim.owner);
    return owner != nullptr && owner->program(claim.program) != nullptr;
}

void Stealing::compute(std::uint64_t item) {
    const Claim claim = Claim::unpacked(item);
    const std::int64_t begin = now_ns();
    if (claim.owner == me_) {
        offered_program(claim.program).compute(claim.chunk);
    } else if (OtherRank* const near = other(claim.owner); near == nullptr) {
        far_->compute(claim);
        scheduler_->count_foreign();
    } else if (!has_stopped()) {  // else its owner gives it up as well
        near->program(claim.program)->run(claim.chunk, {});
        near->count_claim();
        scheduler_->count_foreign();
        near->pool().give_back(item);
    }
    const auto took = static_cast<double>(now_ns() - begin);
    const double before = chunk_ns_.load(std::memory_order_relaxed);
    chunk_ns_.store(before == 0 ? took : before + (took - before) / 8, std::memory_order_relaxed);
}

void Stealing::fail() {
    error_.keep(std::current_exception());
    stopped_.store(true, std::memory_order_relaxed);
}

void Stealing::give_up() {
    stopped_.store(true, std::memory_order_relaxed);  // chunks that start all the same do no harm
    for (OfferedProgram* const program : programs_) {
        if (program != nullptr) program->end_all();
    }
}

bool Stealing::all_have_ended() {
    if (ending_ == Ending::runs) {
        if (!meeting_.all_have_come()) return false;
        if (!some_are_far_) return true;
        // Nobody has anything left to lend. Questions may be on their way still, and each gets its answer.
        far_->close();
        ending_ = Ending::claims;
    }
    if (!meeting_.has_begun() && !far_->is_quiet()) return false;
    if (!meeting_.all_have_come()) return false;
    ending_ = Ending::runs;
    far_->open();
    return true;
}

std::vector<const OtherRank*> Stealing::all_others() const {
    std::vector<const OtherRank*> all;
    for (const auto& other : others_) all.push_back(other.get());
    if (!far_) return all;
    for (const OtherRank* const other : far_->others()) all.push_back(other);
    return all;
}

std::vector<ClaimCount> Stealing::counts() const {
    std::vector<ClaimCount> counts;
    for (const OtherRank* const other : all_others()) {
        if (other->claimed() > 0) counts.push_back({other->rank().value, other->claimed()});
    }
    return counts;
}

Activity Stealing::activity() const {
    Activity sum;
    for (const OtherRank* const other : all_others()) sum += other->activity();
    return sum;
}

void Stealing::add_work_times(WorkTimes& sum) const {
    for (const OtherRank* const other : all_others()) other->add_work_times(sum);
}

}  // namespace maniple
