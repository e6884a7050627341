// lanes/net/claim_link.hpp: short conversations between ranks that no plan foresees: bytes to any rank, from any rank.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <vector>

#include "lanes/net/world.hpp"

namespace maniple {

/// What came from another rank, or goes to one.
struct ClaimMessage {
    int peer = 0;
    int kind = 0;  ///< a tag of the caller's, from 0 on
    std::vector<std::byte> bytes;
};

/// Owns a duplicate of the world's communicator and what is under way on it. Nothing blocks. Threads: any.
class ClaimLink {
public:
    explicit ClaimLink(const World& world);  ///< Collective.
    ~ClaimLink();
    ClaimLink(const ClaimLink&) = delete;
    ClaimLink& operator=(const ClaimLink&) = delete;

    /// Errors: LinkError.
    void send(ClaimMessage message);
    /// A message that has arrived whole; none: there is none, or another thread is looking. Errors: LinkError.
    std::optional<ClaimMessage> receive();
    /// Whether all that was sent has left.
    bool has_sent_all();

private:
    struct Transfer {
        ClaimMessage message;
        MPI_Request request = MPI_REQUEST_NULL;
    };
    void begin_receive();
    void forget_sent();

    MPI_Comm communicator_ = MPI_COMM_NULL;
    std::mutex mutex_;  ///< guards the rest
    std::list<Transfer> sent_;
    std::list<Transfer> coming_;
};

}  // namespace maniple
