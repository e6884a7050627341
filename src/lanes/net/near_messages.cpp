#include "lanes/net/near_messages.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "trace/ticks.hpp"

namespace maniple {

namespace {

/// At once: the state of each is a cache line that the other rank may have.
constexpr std::size_t most_looked_at = 64;
constexpr std::size_t most_carried = 16;
/// Bytes. To read the clock twice takes as long as to copy what is shorter.
constexpr std::size_t least_timed = 1024;
/// Bytes. For each run the system takes 0.1 us or so, as long as for some hundred bytes.
constexpr std::int64_t least_row = 64;

}  // namespace

bool ReadMessage::is_for(const Box& box, std::size_t element_bytes) {
    return box.rank() > 0 && box.extent(box.rank() - 1) * static_cast<std::int64_t>(element_bytes) >= least_row;
}

ReadMessage::ReadMessage(const Block& block, const Box& box) : runs_(readable(block, box)), shown_(runs_) {}

ReadMessage::ReadMessage(const Block& block, const Box& box, pid_t sender) : runs_(block, box), sender_(sender) {}

BoxRuns ReadMessage::readable(const Block& block, const Box& box) {
    const BoxRuns runs(block, box);
    if (is_readable(runs)) return runs;
    packed_ = std::make_unique_for_overwrite<std::byte[]>(runs.bytes());
    const Block packed{packed_.get(), block.element_bytes, box};
    packs_.emplace(read_only(block), box, packed, box);
    return BoxRuns(packed, box);
}

void ReadMessage::show(const MailSlot& slot) const {
    if (packs_) packs_->run();
    std::memcpy(slot.bytes(), &shown_, sizeof shown_);
}

void ReadMessage::read(const MailSlot& slot) const {
    RemoteRuns from;
    std::memcpy(&from, slot.bytes(), sizeof from);
    read_runs(sender_, from, runs_);
}

void NearMessage::carry() const {
    const MailSlot& slot = end->slot;
    if (read != nullptr) {
        end->receives ? read->read(slot) : read->show(slot);
    } else if (copy != nullptr) {
        copy->run();
    } else if (end->receives) {
        std::copy_n(slot.bytes(), count, bytes);
    } else {
        std::copy_n(bytes, count, slot.bytes());
    }
    end->receives ? slot.empty() : slot.fill();
}

void NearMessages::reserve(std::size_t messages) {
    turn_.take();
    if (waiting_.capacity() < messages) waiting_.reserve(2 * messages);
    turn_.leave();
}

void NearMessages::add(Waiting& waiting) {
    size_.fetch_add(1, std::memory_order_relaxed);  // before it can be taken, so that it is never less than none
    added_.push(waiting);
}

/// Whose turn it is.
void NearMessages::take_in() {
    for (Waiting* one = added_.take(); one != nullptr;) {
        Waiting* const next = one->next;
        waiting_.push_back(one);
        one = next;
    }
}

/// Moves ready ones out, from where the last look ended, so that none waits for ever.
std::size_t NearMessages::take_ready(std::span<Waiting*> ready) {
    std::size_t count = 0;
    for (std::size_t looks = std::min(most_looked_at, waiting_.size()); looks > 0 && count < ready.size(); --looks) {
        if (next_ >= waiting_.size()) next_ = 0;
        Waiting*& one = waiting_[next_];
        if (!one->message.end->is_ready()) {
            ++next_;
            continue;
        }
        ready[count++] = one;
        one = waiting_.back();
        waiting_.pop_back();
    }
    if (count > 0) size_.fetch_sub(static_cast<int>(count), std::memory_order_relaxed);
    return count;
}

bool NearMessages::progress() {
    if (size() == 0 || !turn_.try_take()) return false;
    std::array<Waiting*, most_carried> ready;
    take_in();
    const std::size_t count = take_ready(ready);
    turn_.leave();
    for (std::size_t i = 0; i < count; ++i) finish(*ready[i]);
    return count > 0;
}

void NearMessages::finish(Waiting& ready) {
    const NearMessage& message = ready.message;
    std::exception_ptr error;
    if (!ready.carried) {
        const bool is_short = message.copy == nullptr && message.read == nullptr && message.count < least_timed;
        const std::int64_t begin = is_short ? 0 : ticks();
        try {
            message.carry();
        } catch (...) { error = std::current_exception(); }
        if (begin != 0) busy_ticks_.fetch_add(ticks() - begin, std::memory_order_relaxed);
        if (!error && message.is_awaited()) {
            ready.carried = true;
            add(ready);
            return;
        }
    }
    carried_.fetch_add(1, std::memory_order_relaxed);
    if (flights_ != nullptr) flights_->end(now_ns());
    ready.done->finished(ready.chunk, error);
}

void NearMessages::give_up(const std::exception_ptr& error) {
    turn_.take();
    take_in();
    const std::vector<Waiting*> given_up = std::exchange(waiting_, {});
    size_.fetch_sub(static_cast<int>(given_up.size()), std::memory_order_relaxed);
    turn_.leave();
    if (flights_ != nullptr && !given_up.empty()) flights_->end(now_ns(), given_up.size());
    for (const Waiting* one : given_up) one->done->finished(one->chunk, error);
}

}  // namespace maniple
