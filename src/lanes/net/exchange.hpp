// lanes/net/exchange.hpp: one number from every rank to every rank, without blocking.
#pragma once

#include <span>
#include <vector>

#include "lanes/net/world.hpp"

namespace maniple {

/// One exchange after the other; all ranks start as many. Threads: one at a time. Borrows the world. One that has been
/// started and is never done has to be followed by the end of the process.
class Exchange {
public:
    explicit Exchange(const World& world) : world_(world), values_(static_cast<std::size_t>(world.size())) {}

    /// Requires: the one before is done. Errors: LinkError.
    void start(double mine) {
        mine_ = mine;
        if (world_.size() == 1) {
            values_[0] = mine;
            return;
        }
        check_mpi(MPI_Iallgather(&mine_, 1, MPI_DOUBLE, values_.data(), 1, MPI_DOUBLE, world_.data(), &request_),
                  "MPI_Iallgather");
    }
    /// Errors: LinkError.
    bool is_done() {
        if (world_.size() == 1) return true;
        int done = 0;
        check_mpi(MPI_Test(&request_, &done, MPI_STATUS_IGNORE), "MPI_Test");
        return done != 0;
    }
    /// By rank. Requires: it is done.
    std::span<const double> values() const { return values_; }

private:
    const World& world_;
    double mine_ = 0;
    std::vector<double> values_;
    MPI_Request request_ = MPI_REQUEST_NULL;
};

}  // namespace maniple
