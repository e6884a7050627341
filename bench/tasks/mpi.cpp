#include <algorithm>
#include <map>

#include "tasks/system.hpp"

namespace maniple::bench {
namespace {

/// One value of the step that goes to another rank or comes from one.
struct Transfer {
    int column = 0;
    int rank = 0;

    auto operator<=>(const Transfer&) const = default;
};

/// What crosses between this rank and the others after a step.
struct Exchange {
    std::vector<Transfer> sends;
    std::vector<Transfer> receives;

    bool operator<(const Exchange& other) const {
        return std::tie(sends, receives) < std::tie(other.sends, other.receives);
    }
};

void sort_once(std::vector<Transfer>& transfers) {
    std::sort(transfers.begin(), transfers.end());
    transfers.erase(std::unique(transfers.begin(), transfers.end()), transfers.end());
}

/// Receives are posted before a step is computed, sends after it; all are waited for before the next.
class Mpi final : public System {
public:
    explicit Mpi(Work& work) : System(work) {
        std::map<Exchange, std::uint32_t> known;
        std::size_t most = 0;
        for (int step = 0; step + 1 < work.graph().steps(); ++step) {
            Exchange exchange = exchange_after(step);
            most = std::max(most, exchange.sends.size() + exchange.receives.size());
            const auto [at, is_new] = known.try_emplace(exchange, static_cast<std::uint32_t>(exchanges_.size()));
            if (is_new) exchanges_.push_back(std::move(exchange));
            exchange_of_step_.push_back(at->second);
        }
        exchange_of_step_.push_back(static_cast<std::uint32_t>(exchanges_.size()));
        exchanges_.emplace_back();
        requests_.reserve(most);
    }

protected:
    void execute() override {
        Work& mine = work();
        const int first = mine.first_column(mine.ranks().rank());
        const int end = mine.first_column(mine.ranks().rank() + 1);
        const int steps = mine.graph().steps();
        for (int step = 0; step < steps; ++step) {
            const Exchange& exchange = exchanges_[exchange_of_step_[static_cast<std::size_t>(step)]];
            for (const Transfer& transfer : exchange.receives) receive(step, transfer);
            const int last = std::min(end, mine.graph().width_at(step));
            for (int column = first; column < last; ++column) {
                mine.run(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(column));
            }
            for (const Transfer& transfer : exchange.sends) send(step, transfer);
            MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
            requests_.clear();
        }
    }

private:
    Exchange exchange_after(int step) {
        Exchange exchange;
        const TaskGraph& graph = work().graph();
        const int me = work().ranks().rank();
        for (int column = 0; column < graph.width_at(step + 1); ++column) {
            const int reader = work().owner(column);
            for (const int before :
                 graph.predecessors(static_cast<std::uint32_t>(step + 1), static_cast<std::uint32_t>(column))) {
                const int writer = work().owner(before);
                if (writer == me && reader != me) exchange.sends.push_back({before, reader});
                if (writer != me && reader == me) exchange.receives.push_back({before, writer});
            }
        }
        sort_once(exchange.sends);
        sort_once(exchange.receives);
        return exchange;
    }

    void* place(int step, int column) {
        return &work().value(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(column));
    }
    void receive(int step, const Transfer& transfer) {
        MPI_Irecv(place(step, transfer.column), 1, MPI_UINT64_T, transfer.rank, transfer.column,
                  work().ranks().communicator(), &requests_.emplace_back());
    }
    void send(int step, const Transfer& transfer) {
        MPI_Isend(place(step, transfer.column), 1, MPI_UINT64_T, transfer.rank, transfer.column,
                  work().ranks().communicator(), &requests_.emplace_back());
    }

    std::vector<Exchange> exchanges_;
    std::vector<std::uint32_t> exchange_of_step_;
    std::vector<MPI_Request> requests_;
};

}  // namespace

std::unique_ptr<System> make_mpi(Work& work) { return std::make_unique<Mpi>(work); }

}  // namespace maniple::bench
