// lanes/net/net_lane.hpp: sends and receives between ranks, nonblocking; the workers move them forward.
#pragma once

#include <mpi.h>

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "lanes/arena.hpp"
#include "lanes/intake.hpp"
#include "lanes/lane.hpp"
#include "lanes/net/mailboxes.hpp"
#include "lanes/net/near_messages.hpp"
#include "lanes/net/world.hpp"
#include "trace/flight_clock.hpp"

namespace maniple {

/// Consecutive bytes to or from another rank: what is not part of a Program's tensors. Borrows the bytes. A send and the
/// receive that it meets have one count.
struct ByteMessage {
    ChunkId chunk;
    void* bytes = nullptr;
    std::size_t count = 0;
    int peer = 0;
    int tag = 0;
    bool receives = false;
};

/// Has no thread of its own. A message is started by the worker that completes what it waits for; progress() is
/// called by workers between chunks and while they have nothing to do. Nothing blocks inside MPI.
///
/// What has a slot in the mailboxes goes through them; all else, and who has failed, through MPI.
class NetLane final : public Lane {
public:
    /// Borrows all three. `mailboxes` null: everything goes through MPI. Not collective, but either all ranks have
    /// mailboxes or none, and those of no other lane.
    NetLane(const World& world, Arena& arena, const Mailboxes* mailboxes = nullptr);
    /// For messages of bytes alone.
    explicit NetLane(const World& world, const Mailboxes* mailboxes = nullptr);
    ~NetLane() override;

    std::unique_ptr<LaneProgram> prepare(const Program& program) override;
    /// The messages of a program of functions, by chunks that count from 0 to `chunks`.
    std::unique_ptr<LaneProgram> prepare_messages(std::span<const ByteMessage> messages, std::size_t chunks);
    bool progress() override;
    int in_flight() const override { return requests_in_flight_.load(std::memory_order_relaxed) + near_.size(); }
    void cancel() override;
    /// A clock that runs while a message is in flight: from when it is handed to this lane until it has arrived or
    /// left. Messages are timed from the first call on. Requires: none is in flight. Lives as long as the lane.
    const FlightClock& time_messages();

    /// Busy is the time inside MPI that completed something, and that of copies: waiting for a peer is not work.
    Activity activity() const override;

    /// Tells every other rank that this one has failed; they give up their runs. Only the first call counts. Never
    /// blocks, never throws.
    void announce_failure() noexcept;
    /// The rank whose announcement has arrived, or none. Threads: any.
    Rank failed_rank() const { return Rank(failed_rank_.load(std::memory_order_acquire)); }

private:
    friend class NetProgram;
    /// At once: MPI_Testsome looks at each request that it is given, and each is in a cache line of its own.
    static constexpr std::size_t most_tested = 64;
    struct InFlight {
        ChunkId chunk;
        bool receives = false;
        Completion* done = nullptr;
        MPI_Request request = MPI_REQUEST_NULL;
        InFlight* next = nullptr;  ///< for the intake
    };
    void reserve(std::size_t messages);
    void begin_flight() {
        if (flights_ != nullptr) flights_->begin(now_ns());
    }
    void end_flights(std::size_t count) {
        if (flights_ != nullptr && count > 0) flights_->end(now_ns(), count);
    }
    void look_after(InFlight& message);
    void take_in();
    bool progress_requests(bool asks);
    int test_some(int& code);
    void take_completed(int count, std::span<InFlight*> completed);
    void give_up(const std::exception_ptr& error);
    void poll_announcements();

    const World& world_;
    Arena* arena_;                ///< null: it carries bytes alone
    const Mailboxes* mailboxes_;  ///< null: none
    FlightClock clock_;
    FlightClock* flights_ = nullptr;  ///< the clock, or null: nobody asks
    NearMessages near_;
    std::atomic<std::int64_t> immediate_{0};  ///< messages, near or not, that were over when they were started

    Intake<InFlight> started_;
    std::atomic<int> requests_in_flight_{0};  ///< relaxed: how many are looked after, in the intake or below
    Turn turn_;                               ///< guards what follows; held for MPI_Testsome, never for a callback
    std::vector<MPI_Request> requests_;       ///< active ones
    std::vector<InFlight*> messages_;         ///< by request
    std::array<int, most_tested> indices_;    ///< scratch of progress()
    std::size_t first_tested_ = 0;            ///< the first request that the last poll looked at
    std::size_t next_tested_ = 0;             ///< and that the next one does
    std::int64_t busy_ticks_ = 0;
    std::int64_t completed_count_ = 0;

    MPI_Request announcement_ = MPI_REQUEST_NULL;  ///< guarded by turn_, as its buffer
    int announced_by_ = -1;
    std::int64_t announcement_interval_;     ///< in ticks()
    std::atomic<std::int64_t> asked_at_{0};  ///< in ticks(); relaxed: when MPI was last asked for an announcement
    std::atomic<std::int32_t> failed_rank_{-1};
    std::atomic<bool> announced_{false};
};

}  // namespace maniple
