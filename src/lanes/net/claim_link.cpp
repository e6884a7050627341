#include "lanes/net/claim_link.hpp"

#include "base/text.hpp"

namespace maniple {

namespace {

bool is_over(MPI_Request& request) {
    int over = 0;
    check_mpi(MPI_Test(&request, &over, MPI_STATUS_IGNORE), "MPI_Test");
    return over != 0;
}

}  // namespace

ClaimLink::ClaimLink(const World& world) {
    check_mpi(MPI_Comm_dup(world.data(), &communicator_), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN);
}

ClaimLink::~ClaimLink() {
    // After a failure somebody may not take what was sent; the job is ended then, and what is under way with it.
    if (sent_.empty() && coming_.empty()) MPI_Comm_free(&communicator_);
}

void ClaimLink::send(ClaimMessage message) {
    const std::lock_guard lock(mutex_);
    forget_sent();
    sent_.push_back({std::move(message), MPI_REQUEST_NULL});
    Transfer& transfer = sent_.back();
    check_mpi(MPI_Isend(transfer.message.bytes.data(), checked_cast<int>(transfer.message.bytes.size()), MPI_BYTE,
                        transfer.message.peer, transfer.message.kind, communicator_, &transfer.request),
              "MPI_Isend");
}

void ClaimLink::forget_sent() {
    sent_.remove_if([](Transfer& transfer) { return is_over(transfer.request); });
}

bool ClaimLink::has_sent_all() {
    const std::lock_guard lock(mutex_);
    forget_sent();
    return sent_.empty();
}

void ClaimLink::begin_receive() {
    int there = 0;
    MPI_Message matched = MPI_MESSAGE_NULL;
    MPI_Status status;
    check_mpi(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, communicator_, &there, &matched, &status), "MPI_Improbe");
    if (!there) return;
    int size = 0;
    check_mpi(MPI_Get_count(&status, MPI_BYTE, &size), "MPI_Get_count");
    coming_.push_back({{status.MPI_SOURCE, status.MPI_TAG, std::vector<std::byte>(static_cast<std::size_t>(size))},
                       MPI_REQUEST_NULL});
    Transfer& transfer = coming_.back();
    check_mpi(MPI_Imrecv(transfer.message.bytes.data(), size, MPI_BYTE, &matched, &transfer.request), "MPI_Imrecv");
}

std::optional<ClaimMessage> ClaimLink::receive() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return std::nullopt;
    forget_sent();
    begin_receive();
    for (auto transfer = coming_.begin(); transfer != coming_.end(); ++transfer) {
        if (!is_over(transfer->request)) continue;
        ClaimMessage message = std::move(transfer->message);
        coming_.erase(transfer);
        return message;
    }
    return std::nullopt;
}

}  // namespace maniple
