#include "lanes/net/net_lane.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "base/text.hpp"

namespace maniple {

namespace {

/// Tags of messages between programs are their numbers; announcements of failure have one that no program reaches.
constexpr int announcement_tag = 32767;

/// A committed datatype for a box of a row-major block, counted from the block's first byte.
class BoxType {
public:
    BoxType(const Block& block, const Box& box) {
        const int element = checked_cast<int>(block.element_bytes);
        if (box.rank() == 0) {
            check_mpi(MPI_Type_contiguous(element, MPI_BYTE, &type_), "MPI_Type_contiguous");
        } else {
            std::array<int, max_rank + 1> sizes{}, extents{}, starts{};
            for (int axis = 0; axis < box.rank(); ++axis) {
                const auto i = static_cast<std::size_t>(axis);
                sizes[i] = checked_cast<int>(block.box.extent(axis));
                extents[i] = checked_cast<int>(box.extent(axis));
                starts[i] = checked_cast<int>(box.lo[axis] - block.box.lo[axis]);
            }
            MPI_Datatype bytes = MPI_DATATYPE_NULL;
            check_mpi(MPI_Type_contiguous(element, MPI_BYTE, &bytes), "MPI_Type_contiguous");
            check_mpi(MPI_Type_create_subarray(box.rank(), sizes.data(), extents.data(), starts.data(), MPI_ORDER_C,
                                               bytes, &type_),
                      "MPI_Type_create_subarray");
            MPI_Type_free(&bytes);
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

/// The messages of one program as persistent requests.
class NetProgram final : public LaneProgram {
public:
    NetProgram(NetLane& lane, const Program& program)
        : lane_(lane), program_(program), requests_(program.instructions.size(), MPI_REQUEST_NULL) {
        for (std::size_t i = 0; i < program.instructions.size(); ++i) {
            if (program.instructions[i].lane == LaneKind::net) requests_[i] = make_request(program.instructions[i]);
        }
    }

    ~NetProgram() override {
        for (MPI_Request& request : requests_) {
            if (request != MPI_REQUEST_NULL) MPI_Request_free(&request);
        }
    }

    void submit(ChunkId chunk, const Execution&, Completion& done) override {
        const InstructionId id = program_.chunks[chunk.index()].instructions.front();
        const bool receives = program_.instructions[id.index()].kind == InstructionKind::receive;
        try {
            check_mpi(MPI_Start(&requests_[id.index()]), "MPI_Start");
        } catch (...) {
            done.finished(chunk, std::current_exception());
            return;
        }
        lane_.start(requests_[id.index()], {chunk, &done, receives});
    }

private:
    MPI_Request make_request(const Instruction& message) const {
        const bool receives = message.kind == InstructionKind::receive;
        const Use& use = receives ? message.writes[0] : message.reads[0];
        const Block block = lane_.arena_.block(use.buffer);
        MANIPLE_CHECK(message.tag < announcement_tag, "more than 32766 messages between two ranks in one program");
        const BoxType type(block, use.box);
        MPI_Request request = MPI_REQUEST_NULL;
        const MPI_Comm data = lane_.world_.data();
        check_mpi(receives ? MPI_Recv_init(block.data, 1, type.get(), message.peer.value, message.tag, data, &request)
                           : MPI_Send_init(block.data, 1, type.get(), message.peer.value, message.tag, data, &request),
                  receives ? "MPI_Recv_init" : "MPI_Send_init");
        return request;
    }

    NetLane& lane_;
    const Program& program_;
    std::vector<MPI_Request> requests_;  ///< by InstructionId
};

NetLane::NetLane(const World& world, Arena& arena) : world_(world), arena_(arena) {
    if (world.size() == 1) return;
    check_mpi(MPI_Irecv(&announced_by_, 1, MPI_INT, MPI_ANY_SOURCE, announcement_tag, world.data(), &announcement_),
              "MPI_Irecv");
}

NetLane::~NetLane() {
    if (announcement_ == MPI_REQUEST_NULL) return;
    MPI_Cancel(&announcement_);
    MPI_Wait(&announcement_, MPI_STATUS_IGNORE);
}

std::unique_ptr<LaneProgram> NetLane::prepare(const Program& program) {
    return std::make_unique<NetProgram>(*this, program);
}

void NetLane::start(MPI_Request request, const InFlight& message) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    messages_.push_back(message);
    in_flight_.fetch_add(1, std::memory_order_relaxed);
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
    poll_announcements();
    if (requests_.empty()) return false;
    indices_.resize(requests_.size());
    statuses_.resize(requests_.size());
    int count = 0;
    const std::int64_t begin = now_ns();
    const int code =
        MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, indices_.data(), statuses_.data());
    if (count == MPI_UNDEFINED || count == 0) return false;
    std::vector<InFlight> completed;
    completed.swap(completed_);
    for (int i = 0; i < count; ++i)
        completed.push_back(messages_[static_cast<std::size_t>(indices_[static_cast<std::size_t>(i)])]);
    // From the back, so that what is moved into a gap has not completed itself.
    std::sort(indices_.begin(), indices_.begin() + count, std::greater<>());
    for (int i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(indices_[static_cast<std::size_t>(i)]);
        requests_[at] = requests_.back();
        messages_[at] = messages_.back();
        requests_.pop_back();
        messages_.pop_back();
    }
    activity_.busy_ns += now_ns() - begin;
    activity_.chunks += count;
    lock.unlock();
    std::exception_ptr error;
    if (code != MPI_SUCCESS) error = std::make_exception_ptr(LinkError("a message failed"));
    for (const InFlight& message : completed) {
        in_flight_.fetch_sub(1, std::memory_order_relaxed);
        message.done->finished(message.chunk, error);
    }
    completed.clear();
    lock.lock();
    if (completed_.capacity() < completed.capacity()) completed_.swap(completed);
    return true;
}

void NetLane::cancel() {
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
    const std::exception_ptr error = std::make_exception_ptr(RemoteFailure("given up after a failure"));
    for (const InFlight& message : given_up) message.done->finished(message.chunk, error);
}

void NetLane::announce_failure() noexcept {
    if (announced_.exchange(true)) return;
    static int mine = 0;  // outlives the sends, which nobody waits for: the process is about to end
    mine = world_.rank().value;
    for (int rank = 0; rank < world_.size(); ++rank) {
        if (rank == mine) continue;
        MPI_Request request = MPI_REQUEST_NULL;
        if (MPI_Isend(&mine, 1, MPI_INT, rank, announcement_tag, world_.data(), &request) == MPI_SUCCESS)
            MPI_Request_free(&request);
    }
}

}  // namespace maniple
