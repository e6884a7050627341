#include "lanes/net/net_lane.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <unordered_map>

#include "base/text.hpp"
#include "lanes/net/box_runs.hpp"
#include "trace/ticks.hpp"

namespace maniple {

namespace {

/// The largest that MPI promises; those of a program are its messages' numbers.
constexpr int largest_tag = 32767;
/// On the communicator of the watch, whose tags are smaller: a receive from any rank among those of the data would have to
/// be compared with each message that arrives.
constexpr int announcement_tag = 32767;
/// Failures are rare: who has work for microseconds does not look for one in each of them.
constexpr double announcement_interval_ns = 50000;

/// A poll that finds nothing takes a tenth of this; to copy a piece of a message, which are 32 KiB, takes as long.
constexpr double moving_poll_ns = 5000;

/// Messages that ended within the submission of the one before.
constexpr int most_immediate = 32;
thread_local int immediate_depth = 0;

/// `count` times `inner`, `stride` bytes apart; `inner` is freed unless it is a basic type. Counts of MPI are ints, so
/// more are nested.
MPI_Datatype repeated(MPI_Datatype inner, std::int64_t count, std::int64_t stride) {
    constexpr std::int64_t most = std::numeric_limits<int>::max();
    MPI_Datatype result = MPI_DATATYPE_NULL;
    const std::int64_t first = std::min(count, most);
    check_mpi(MPI_Type_create_hvector(static_cast<int>(first), 1, stride, inner, &result), "MPI_Type_create_hvector");
    if (count > most) {
        const std::int64_t whole = count / most;
        const std::int64_t rest = count % most;
        MPI_Datatype parts[2] = {repeated(result, whole, most * stride), MPI_DATATYPE_NULL};
        check_mpi(MPI_Type_create_hvector(static_cast<int>(rest), 1, stride, inner, &parts[1]),
                  "MPI_Type_create_hvector");
        const int lengths[2] = {1, 1};
        const MPI_Aint starts[2] = {0, whole * most * stride};
        check_mpi(MPI_Type_create_struct(2, lengths, starts, parts, &result), "MPI_Type_create_struct");
        MPI_Type_free(&parts[0]);
        MPI_Type_free(&parts[1]);
    }
    if (inner != MPI_BYTE) MPI_Type_free(&inner);
    return result;
}

/// A committed datatype for a box, counted from its first byte.
class BoxType {
public:
    explicit BoxType(const BoxRuns& box) : type_(repeated(MPI_BYTE, box.run_bytes(), 1)) {
        for (const BoxRuns::Axis& axis : box.axes()) type_ = repeated(type_, axis.count, axis.stride_bytes);
        check_mpi(MPI_Type_commit(&type_), "MPI_Type_commit");
    }
    ~BoxType() { MPI_Type_free(&type_); }
    BoxType(const BoxType&) = delete;
    BoxType& operator=(const BoxType&) = delete;

    MPI_Datatype get() const { return type_; }

private:
    MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

}  // namespace

/// The messages of one program. Their requests are not persistent: MPI keeps half a kilobyte for each of those, which has
/// left the cache when its turn comes again, and lets a short message leave without any only from MPI_Isend.
class NetProgram final : public LaneProgram {
public:
    NetProgram(NetLane& lane, std::size_t chunks) : lane_(lane), number_(chunks, 0) {}

    void add(const ByteMessage& message) {
        auto* const bytes = static_cast<std::byte*>(message.bytes);
        const Box all = Box::whole({static_cast<std::int64_t>(message.count)});
        if (const std::optional<std::int32_t> end = end_of(message, message.count)) {
            add_near(message, {bytes, *end, static_cast<std::int32_t>(message.count)});
        } else if (!add_read(message, Block{bytes, 1, all}, all)) {
            if (message.count > static_cast<std::size_t>(std::numeric_limits<int>::max()))
                throw UnavailableError("a message of more than 2 GiB");
            add_far(message,
                    {bytes, MPI_BYTE, static_cast<int>(message.count), message.peer, message.tag, message.receives});
        }
    }

    /// `message`: all but the bytes, which are those of `box` in `block`.
    void add(ByteMessage message, const Block& block, const Box& box) {
        const BoxRuns runs(block, box);
        message.bytes = runs.data();
        message.count = runs.bytes();
        if (runs.axes().empty() && message.count <= Mailboxes::most_message_bytes()) return add(message);
        if (const std::optional<std::int32_t> end = end_of(message, message.count)) {
            const std::int32_t number = static_cast<std::int32_t>(copies_.size());
            const Block packed{ends_[static_cast<std::size_t>(*end)].slot.bytes(), block.element_bytes, box};
            copies_.push_back(message.receives ? BoxCopy(read_only(packed), box, block, box)
                                               : BoxCopy(read_only(block), box, packed, box));
            add_near(message, {runs.data(), *end, ~number});
        } else if (!add_read(message, block, box)) {
            types_.push_back(std::make_unique<const BoxType>(runs));
            add_far(message, {runs.data(), types_.back()->get(), 1, message.peer, message.tag, message.receives});
        }
    }

    /// What submit() needs room for. After all have been added.
    void make_room() {
        waiting_ = std::make_unique_for_overwrite<std::byte[]>(near_.size() * sizeof(NearMessages::Waiting));
        in_flight_.resize(far_.size());
        lane_.near_.reserve(near_.size());
        lane_.reserve(far_.size());
    }

    void submit(ChunkId chunk, const Execution&, Completion& done) override {
        const std::int32_t number = number_[chunk.index()];
        lane_.begin_flight();
        if (number >= 0) {
            submit_near(chunk, near_message(near_[static_cast<std::size_t>(number)]), done);
        } else {
            submit_far(chunk, far_[static_cast<std::size_t>(~number)], done);
        }
    }

private:
    /// A NearMessage in few bytes: a program may have so many that no cache holds them.
    struct ShortMessage {
        std::byte* bytes = nullptr;  ///< null: they are read from the sender's memory
        std::int32_t end = 0;        ///< in ends_
        std::int32_t extent = 0;     ///< how many bytes, or ~ of a number in copies_, or of one in reads_
    };
    struct FarMessage {
        void* bytes = nullptr;
        MPI_Datatype type = MPI_DATATYPE_NULL;
        int count = 0;
        int peer = 0;
        int tag = 0;
        bool receives = false;
    };

    /// The slot of a near message; messages of one length and tag share it.
    std::optional<std::int32_t> end_of(const ByteMessage& message, std::size_t bytes) {
        if (message.tag >= largest_tag)
            throw UnavailableError("a block of steps needs more than 32766 messages between two ranks");
        const Mailboxes* const boxes = lane_.mailboxes_;
        if (boxes == nullptr) return std::nullopt;
        const std::optional<MailSlot> slot = message.receives ? boxes->from(message.peer, bytes, message.tag)
                                                              : boxes->to(message.peer, bytes, message.tag);
        return slot ? std::optional(end_at(*slot, message.receives)) : std::nullopt;
    }

    std::int32_t end_at(const MailSlot& slot, bool receives) {
        const auto [known, is_new] = end_at_.emplace(slot.bytes(), static_cast<std::int32_t>(ends_.size()));
        if (is_new) ends_.push_back({slot, receives});
        return known->second;
    }

    /// A message that the receiver reads where it is; false: it has to go another way.
    bool add_read(const ByteMessage& message, const Block& block, const Box& box) {
        const Mailboxes* const boxes = lane_.mailboxes_;
        if (boxes == nullptr || box.empty() || !ReadMessage::is_for(box, block.element_bytes)) return false;
        const std::optional<MailSlot> slot = message.receives ? boxes->from_memory(message.peer, message.tag)
                                                              : boxes->to_reader(message.peer, message.tag);
        if (!slot) return false;
        const auto number = static_cast<std::int32_t>(reads_.size());
        if (message.receives) {
            reads_.push_back(std::make_unique<const ReadMessage>(block, box, boxes->process_of(message.peer)));
        } else {
            reads_.push_back(std::make_unique<const ReadMessage>(block, box));
        }
        add_near(message, {nullptr, end_at(*slot, message.receives), ~number});
        return true;
    }

    NearMessage near_message(const ShortMessage& brief) const {
        const NearEnd* const end = &ends_[static_cast<std::size_t>(brief.end)];
        if (brief.extent >= 0) return {end, brief.bytes, static_cast<std::size_t>(brief.extent), nullptr, nullptr};
        const auto number = static_cast<std::size_t>(~brief.extent);
        if (brief.bytes == nullptr) return {end, nullptr, 0, nullptr, reads_[number].get()};
        return {end, brief.bytes, 0, &copies_[number], nullptr};
    }

    void add_near(const ByteMessage& message, const ShortMessage& near) {
        number_[message.chunk.index()] = static_cast<std::int32_t>(near_.size());
        near_.push_back(near);
    }
    void add_far(const ByteMessage& message, const FarMessage& far) {
        number_[message.chunk.index()] = ~static_cast<std::int32_t>(far_.size());
        far_.push_back(far);
    }

    void submit_near(ChunkId chunk, const NearMessage& message, Completion& done) {
        if (message.read != nullptr) {
            submit_read(chunk, message, done);
        } else if (immediate_depth < most_immediate && message.end->is_ready()) {
            count_at_once();  // before: it would wait until the other core has given the slot's line away
            message.carry();
            lane_.end_flights(1);
            tell_at_once(chunk, done);
        } else {
            wait_near(chunk, message, done, false);
        }
    }

    /// The receiver hears of it at once; to read it takes too long for a worker that has other things to do.
    void submit_read(ChunkId chunk, const NearMessage& message, Completion& done) {
        const bool shows = message.is_awaited() && message.end->is_ready();
        if (shows) message.carry();
        wait_near(chunk, message, done, shows);
    }

    /// In memory that is written here for the first time, if ever.
    void wait_near(ChunkId chunk, const NearMessage& message, Completion& done, bool carried) {
        const auto number = static_cast<std::size_t>(number_[chunk.index()]);
        std::byte* const place = waiting_.get() + number * sizeof(NearMessages::Waiting);
        lane_.near_.add(*new (place) NearMessages::Waiting{message, chunk, carried, &done});
    }

    void submit_far(ChunkId chunk, const FarMessage& message, Completion& done) {
        MPI_Request request = MPI_REQUEST_NULL;
        try {
            start(message, request);
        } catch (...) {
            lane_.end_flights(1);
            done.finished(chunk, std::current_exception());
            return;
        }
        if (!message.receives && has_left(request)) {
            count_at_once();
            lane_.end_flights(1);
            tell_at_once(chunk, done);
        } else {
            NetLane::InFlight& mine = in_flight_[static_cast<std::size_t>(~number_[chunk.index()])];
            mine = {chunk, message.receives, &done, request};
            lane_.look_after(mine);
        }
    }

    void count_at_once() { lane_.immediate_.fetch_add(1, std::memory_order_relaxed); }  // for reports

    /// What waited for it may be another message that is over at once, and so on: not without end.
    void tell_at_once(ChunkId chunk, Completion& done) {
        ++immediate_depth;
        done.finished(chunk, nullptr);
        --immediate_depth;
    }

    void start(const FarMessage& message, MPI_Request& request) const {
        const MPI_Comm data = lane_.world_.data();
        if (message.receives) {
            check_mpi(MPI_Irecv(message.bytes, message.count, message.type, message.peer, message.tag, data, &request),
                      "MPI_Irecv");
        } else {
            check_mpi(MPI_Isend(message.bytes, message.count, message.type, message.peer, message.tag, data, &request),
                      "MPI_Isend");
        }
    }

    /// A short message has often left as soon as it is started: it needs no place among those that are looked after.
    static bool has_left(MPI_Request& request) {
        int left = 0;
        return immediate_depth < most_immediate && MPI_Test(&request, &left, MPI_STATUS_IGNORE) == MPI_SUCCESS &&
               left != 0;
    }

    NetLane& lane_;
    std::vector<std::int32_t> number_;  ///< by ChunkId, of chunks that are messages: of a near one, or ~ of a far one
    std::vector<ShortMessage> near_;
    std::vector<NearEnd> ends_;
    std::unordered_map<const std::byte*, std::int32_t> end_at_;  ///< in ends_, by the slot's bytes
    std::vector<FarMessage> far_;
    std::vector<BoxCopy> copies_;  ///< of near messages that are not consecutive bytes
    std::vector<std::unique_ptr<const ReadMessage>> reads_;
    std::unique_ptr<std::byte[]> waiting_;      ///< a NearMessages::Waiting for each of near_
    std::vector<NetLane::InFlight> in_flight_;  ///< by far message
    std::vector<std::unique_ptr<const BoxType>> types_;
};

NetLane::NetLane(const World& world, Arena& arena, const Mailboxes* mailboxes) : NetLane(world, mailboxes) {
    arena_ = &arena;
}

NetLane::NetLane(const World& world, const Mailboxes* mailboxes)
    : world_(world), arena_(nullptr), mailboxes_(mailboxes),
      announcement_interval_(static_cast<std::int64_t>(announcement_interval_ns * ticks_per_ns())) {
    if (world.size() == 1) return;
    check_mpi(MPI_Irecv(&announced_by_, 1, MPI_INT, MPI_ANY_SOURCE, announcement_tag, world.watch(), &announcement_),
              "MPI_Irecv");
}

Activity NetLane::activity() const {
    Activity sum;
    sum.busy_ns = static_cast<std::int64_t>(static_cast<double>(busy_ticks_ + near_.busy_ticks()) / ticks_per_ns());
    sum.chunks = completed_count_ + near_.carried() + immediate_.load(std::memory_order_relaxed);
    return sum;
}

const FlightClock& NetLane::time_messages() {
    flights_ = &clock_;
    near_.time_with(flights_);
    return clock_;
}

NetLane::~NetLane() {
    if (announcement_ == MPI_REQUEST_NULL) return;
    MPI_Cancel(&announcement_);
    MPI_Wait(&announcement_, MPI_STATUS_IGNORE);
}

std::unique_ptr<LaneProgram> NetLane::prepare(const Program& program) {
    auto prepared = std::make_unique<NetProgram>(*this, program.chunks.size());
    for (std::size_t i = 0; i < program.chunks.size(); ++i) {
        if (program.chunks[i].lane != LaneKind::net) continue;
        const Instruction& message = program.instructions[program.chunks[i].instructions.front().index()];
        const bool receives = message.kind == InstructionKind::receive;
        const Use& use = receives ? message.writes[0] : message.reads[0];
        prepared->add({ChunkId(i), nullptr, 0, message.peer.value, message.tag, receives}, arena_->block(use.buffer),
                      use.box);
    }
    prepared->make_room();
    return prepared;
}

std::unique_ptr<LaneProgram> NetLane::prepare_messages(std::span<const ByteMessage> messages, std::size_t chunks) {
    auto prepared = std::make_unique<NetProgram>(*this, chunks);
    for (const ByteMessage& message : messages) {
        const bool is_other = message.peer >= 0 && message.peer < world_.size() && message.peer != world_.rank().value;
        MANIPLE_CHECK(is_other, "a message that is not to another rank");
        prepared->add(message);
    }
    prepared->make_room();
    return prepared;
}

/// So that the number of messages in flight, which chance decides, allocates nothing later.
void NetLane::reserve(std::size_t messages) {
    turn_.take();
    if (requests_.capacity() < messages) {
        requests_.reserve(2 * messages);
        messages_.reserve(2 * messages);
    }
    turn_.leave();
}

void NetLane::look_after(InFlight& message) {
    requests_in_flight_.fetch_add(1, std::memory_order_relaxed);
    started_.push(message);
}

/// Whose turn it is.
void NetLane::take_in() {
    for (InFlight* one = started_.take(); one != nullptr;) {
        InFlight* const next = one->next;
        requests_.push_back(one->request);
        messages_.push_back(one);
        one = next;
    }
}

void NetLane::poll_announcements() {
    asked_at_.store(ticks(), std::memory_order_relaxed);
    if (announcement_ == MPI_REQUEST_NULL) return;
    int arrived = 0;
    if (MPI_Test(&announcement_, &arrived, MPI_STATUS_IGNORE) != MPI_SUCCESS || !arrived) return;
    failed_rank_.store(announced_by_, std::memory_order_release);  // read by failed_rank()
}

bool NetLane::progress() {
    const bool carried = near_.progress();
    const bool asks = ticks() - asked_at_.load(std::memory_order_relaxed) >= announcement_interval_;
    if (!asks && requests_in_flight_.load(std::memory_order_relaxed) == 0) return carried;
    return progress_requests(asks) || carried;
}

bool NetLane::progress_requests(bool asks) {
    if (!turn_.try_take()) return false;
    if (asks) poll_announcements();
    take_in();
    if (requests_.empty()) {
        turn_.leave();
        return false;
    }
    const std::int64_t begin = ticks();
    int code = MPI_SUCCESS;
    const int count = test_some(code);
    if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) {
        turn_.leave();
        give_up(std::make_exception_ptr(LinkError("MPI_Testsome failed: the connection to a rank is lost")));
        return true;
    }
    if (count == 0) {
        turn_.leave();
        // A poll that takes so long has moved pieces of a message: MPI does not say so, and moves none while nobody polls.
        return static_cast<double>(ticks() - begin) > moving_poll_ns * ticks_per_ns();
    }
    // Of this thread alone: others may come here as soon as the turn is left.
    std::array<InFlight*, most_tested> completed;
    take_completed(count, completed);
    busy_ticks_ += ticks() - begin;
    completed_count_ += count;
    turn_.leave();
    end_flights(static_cast<std::size_t>(count));
    const std::exception_ptr error =
        code == MPI_SUCCESS ? nullptr : std::make_exception_ptr(LinkError("a message failed"));
    for (int i = 0; i < count; ++i) {
        const InFlight& message = *completed[static_cast<std::size_t>(i)];
        message.done->finished(message.chunk, error);
    }
    return true;
}

/// Tests requests until some of them are done or all have been looked at, whose turn it is; they are then `indices_` from
/// `first_tested_` on.
int NetLane::test_some(int& code) {
    int count = 0;
    for (std::size_t left = requests_.size(); left > 0 && count == 0 && code == MPI_SUCCESS;) {
        // Where the last poll ended, so that none waits for ever.
        first_tested_ = next_tested_ < requests_.size() ? next_tested_ : 0;
        const std::size_t tested = std::min(most_tested, requests_.size() - first_tested_);
        code = MPI_Testsome(static_cast<int>(tested), requests_.data() + first_tested_, &count, indices_.data(),
                            MPI_STATUSES_IGNORE);
        if (count == MPI_UNDEFINED) count = 0;
        next_tested_ = first_tested_ + tested;
        left -= std::min(left, tested);
    }
    return count;
}

/// The messages of the `count` requests that test_some() has found. Whose turn it is.
void NetLane::take_completed(int count, std::span<InFlight*> completed) {
    // From the back, so that what is moved into a gap has not completed itself.
    std::sort(indices_.begin(), indices_.begin() + count, std::greater<>());
    for (int i = 0; i < count; ++i) {
        const std::size_t at = first_tested_ + static_cast<std::size_t>(indices_[static_cast<std::size_t>(i)]);
        completed[static_cast<std::size_t>(i)] = messages_[at];
        requests_[at] = requests_.back();
        messages_[at] = messages_.back();
        requests_.pop_back();
        messages_.pop_back();
    }
    requests_in_flight_.fetch_sub(count, std::memory_order_relaxed);
}

void NetLane::cancel() { give_up(std::make_exception_ptr(RemoteFailure("given up after a failure"))); }

void NetLane::give_up(const std::exception_ptr& error) {
    turn_.take();
    take_in();
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        // A send cannot be cancelled; its buffer lives until the process ends.
        if (!messages_[i]->receives) continue;
        MPI_Cancel(&requests_[i]);
        MPI_Wait(&requests_[i], MPI_STATUS_IGNORE);
    }
    const std::vector<InFlight*> given_up = std::exchange(messages_, {});
    requests_.clear();
    requests_in_flight_.fetch_sub(static_cast<int>(given_up.size()), std::memory_order_relaxed);
    turn_.leave();
    near_.give_up(error);
    end_flights(given_up.size());
    for (const InFlight* message : given_up) message->done->finished(message->chunk, error);
}

void NetLane::announce_failure() noexcept {
    if (announced_.exchange(true)) return;
    static int mine = 0;  // outlives the sends, which nobody waits for: the process is about to end
    mine = world_.rank().value;
    for (int rank = 0; rank < world_.size(); ++rank) {
        if (rank == mine) continue;
        MPI_Request request = MPI_REQUEST_NULL;
        if (MPI_Isend(&mine, 1, MPI_INT, rank, announcement_tag, world_.watch(), &request) == MPI_SUCCESS)
            MPI_Request_free(&request);
    }
}

}  // namespace maniple
