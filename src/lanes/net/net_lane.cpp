#include "lanes/net/net_lane.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>

#include "base/text.hpp"
#include "trace/ticks.hpp"

namespace maniple {

namespace {

/// The largest that MPI promises; those of a program are its messages' numbers.
constexpr int largest_tag = 32767;
/// On the communicator of the watch, whose tags are smaller: a receive from any rank among those of the data would have to
/// be compared with each message that arrives.
constexpr int announcement_tag = 32767;
constexpr unsigned polls_per_announcement = 32;

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

/// A committed datatype for a box of a row-major block, counted from the box's first byte.
class BoxType {
public:
    BoxType(const Block& block, const Box& box) {
        std::int64_t stride = static_cast<std::int64_t>(block.element_bytes);
        std::int64_t run = stride;
        int axis = box.rank() - 1;
        for (; axis >= 0; --axis) {  // whole rows are one run of bytes
            run *= box.extent(axis);
            stride *= block.box.extent(axis);
            if (run != stride) break;
        }
        type_ = repeated(MPI_BYTE, run, 1);
        for (--axis; axis >= 0; --axis) {
            type_ = repeated(type_, box.extent(axis), stride);
            stride *= block.box.extent(axis);
        }
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

    /// `type` null: bytes.
    void add(const ByteMessage& message, std::unique_ptr<const BoxType> type, std::int64_t count) {
        if (message.tag >= largest_tag)
            throw UnavailableError("a block of steps needs more than 32766 messages between two ranks");
        number_[message.chunk.index()] = static_cast<std::int32_t>(messages_.size());
        messages_.push_back({message.bytes, type == nullptr ? MPI_BYTE : type->get(), static_cast<int>(count),
                             message.peer, message.tag, message.receives});
        if (type != nullptr) types_.push_back(std::move(type));
        lane_.reserve(messages_.size());
    }

    void submit(ChunkId chunk, const Execution&, Completion& done) override {
        const Message& message = messages_[static_cast<std::size_t>(number_[chunk.index()])];
        MPI_Request request = MPI_REQUEST_NULL;
        try {
            start(message, request);
        } catch (...) {
            done.finished(chunk, std::current_exception());
            return;
        }
        if (!message.receives && has_left(request)) {
            ++immediate_depth;
            lane_.immediate_.fetch_add(1, std::memory_order_relaxed);  // a count for reports
            done.finished(chunk, nullptr);
            --immediate_depth;
        } else {
            lane_.look_after(request, {chunk, &done, message.receives});
        }
    }

private:
    struct Message {
        void* bytes = nullptr;
        MPI_Datatype type = MPI_DATATYPE_NULL;
        int count = 0;
        int peer = 0;
        int tag = 0;
        bool receives = false;
    };

    void start(const Message& message, MPI_Request& request) const {
        const MPI_Comm data = lane_.world_.data();
        if (message.receives) {
            check_mpi(MPI_Irecv(message.bytes, message.count, message.type, message.peer, message.tag, data, &request),
                      "MPI_Irecv");
        } else {
            check_mpi(MPI_Isend(message.bytes, message.count, message.type, message.peer, message.tag, data, &request),
                      "MPI_Isend");
        }
    }

    /// A short message has often left as soon as it is started: it needs no place among those that are looked after. What
    /// waited for it may be another one, and so on: not without end.
    static bool has_left(MPI_Request& request) {
        int left = 0;
        return immediate_depth < most_immediate && MPI_Test(&request, &left, MPI_STATUS_IGNORE) == MPI_SUCCESS &&
               left != 0;
    }

    NetLane& lane_;
    std::vector<std::int32_t> number_;  ///< by ChunkId, of chunks that are messages
    std::vector<Message> messages_;
    std::vector<std::unique_ptr<const BoxType>> types_;
};

NetLane::NetLane(const World& world, Arena& arena) : NetLane(world) { arena_ = &arena; }

NetLane::NetLane(const World& world) : world_(world), arena_(nullptr) {
    if (world.size() == 1) return;
    check_mpi(MPI_Irecv(&announced_by_, 1, MPI_INT, MPI_ANY_SOURCE, announcement_tag, world.watch(), &announcement_),
              "MPI_Irecv");
}

Activity NetLane::activity() const {
    Activity sum;
    sum.busy_ns = static_cast<std::int64_t>(static_cast<double>(busy_ticks_) / ticks_per_ns());
    sum.chunks = completed_count_ + immediate_.load(std::memory_order_relaxed);
    return sum;
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
        const Block block = arena_->block(use.buffer);
        prepared->add({ChunkId(i), block.at(use.box.lo), 0, message.peer.value, message.tag, receives},
                      std::make_unique<const BoxType>(block, use.box), 1);
    }
    return prepared;
}

std::unique_ptr<LaneProgram> NetLane::prepare_messages(std::span<const ByteMessage> messages, std::size_t chunks) {
    auto prepared = std::make_unique<NetProgram>(*this, chunks);
    for (const ByteMessage& message : messages) {
        if (message.count > static_cast<std::size_t>(std::numeric_limits<int>::max()))
            throw UnavailableError("a message of more than 2 GiB");
        prepared->add(message, nullptr, static_cast<std::int64_t>(message.count));
    }
    return prepared;
}

/// So that the number of messages in flight, which chance decides, allocates nothing later.
void NetLane::reserve(std::size_t messages) {
    const std::lock_guard lock(mutex_);
    if (requests_.capacity() >= messages) return;
    const std::size_t room = 2 * messages;
    requests_.reserve(room);
    messages_.reserve(room);
    completed_.reserve(room);
}

void NetLane::look_after(MPI_Request request, const InFlight& message) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    messages_.push_back(message);
    in_flight_.store(static_cast<int>(requests_.size()), std::memory_order_relaxed);
}

void NetLane::poll_announcements() {
    if (announcement_ == MPI_REQUEST_NULL) return;
    int arrived = 0;
    if (MPI_Test(&announcement_, &arrived, MPI_STATUS_IGNORE) != MPI_SUCCESS || !arrived) return;
    failed_rank_.store(announced_by_, std::memory_order_release);  // read by failed_rank()
}

bool NetLane::progress() {
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    // Failures are rare: the message that tells of one may wait for some polls of the others.
    if (requests_.empty() || ++polls_ % polls_per_announcement == 0) poll_announcements();
    if (requests_.empty()) return false;
    const std::int64_t begin = ticks();
    std::size_t from = 0;
    int count = 0;
    int code = MPI_SUCCESS;
    for (std::size_t left = requests_.size(); left > 0 && count == 0 && code == MPI_SUCCESS;) {
        // Where the last poll ended, so that none waits for ever.
        from = next_tested_ < requests_.size() ? next_tested_ : 0;
        const std::size_t tested = std::min(most_tested, requests_.size() - from);
        code = MPI_Testsome(static_cast<int>(tested), requests_.data() + from, &count, indices_.data(),
                            MPI_STATUSES_IGNORE);
        if (count == MPI_UNDEFINED) count = 0;
        next_tested_ = from + tested;
        left -= std::min(left, tested);
    }
    if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) {
        lock.unlock();
        give_up(std::make_exception_ptr(LinkError("MPI_Testsome failed: the connection to a rank is lost")));
        return true;
    }
    if (count == 0) return false;
    for (int i = 0; i < count; ++i) {
        completed_.push_back(messages_[from + static_cast<std::size_t>(indices_[static_cast<std::size_t>(i)])]);
        completed_.back().failed = code != MPI_SUCCESS;
    }
    // From the back, so that what is moved into a gap has not completed itself.
    std::sort(indices_.begin(), indices_.begin() + count, std::greater<>());
    for (int i = 0; i < count; ++i) {
        const std::size_t at = from + static_cast<std::size_t>(indices_[static_cast<std::size_t>(i)]);
        requests_[at] = requests_.back();
        messages_[at] = messages_.back();
        requests_.pop_back();
        messages_.pop_back();
    }
    in_flight_.store(static_cast<int>(requests_.size()), std::memory_order_relaxed);
    busy_ticks_ += ticks() - begin;
    completed_count_ += count;
    tell_completed(lock);
    return true;
}

/// Without the lock, and from memory of this thread alone: others may come here meanwhile.
void NetLane::tell_completed(std::unique_lock<std::mutex>& lock) {
    std::array<InFlight, 16> batch;
    for (bool are_left = true; are_left;) {
        const std::size_t count = std::min(batch.size(), completed_.size());
        std::copy_n(completed_.end() - static_cast<std::ptrdiff_t>(count), count, batch.begin());
        completed_.resize(completed_.size() - count);
        are_left = !completed_.empty();
        lock.unlock();
        for (std::size_t i = 0; i < count; ++i) {
            const InFlight& message = batch[i];
            message.done->finished(message.chunk, message.failed
                                                      ? std::make_exception_ptr(LinkError("a message failed"))
                                                      : std::exception_ptr());
        }
        if (are_left) lock.lock();
    }
}

void NetLane::cancel() { give_up(std::make_exception_ptr(RemoteFailure("given up after a failure"))); }

void NetLane::give_up(const std::exception_ptr& error) {
    std::vector<InFlight> given_up;
    {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < requests_.size(); ++i) {
            // A send cannot be cancelled; its buffer lives until the process ends.
            if (!messages_[i].receives) continue;
            MPI_Cancel(&requests_[i]);
            MPI_Wait(&requests_[i], MPI_STATUS_IGNORE);
        }
        given_up.swap(messages_);
        requests_.clear();
        in_flight_.store(0, std::memory_order_relaxed);
    }
    for (const InFlight& message : given_up) message.done->finished(message.chunk, error);
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
