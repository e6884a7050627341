#include "lanes/net/link_rates.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace maniple {

namespace {

constexpr int tag = 1;

double now_ns() {
    using namespace std::chrono;
    return static_cast<double>(duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count());
}

/// Half of the median time to and fro. On the two ranks concerned.
double one_way_ns(const World& world, int other, int bytes, int rounds) {
    std::vector<char> buffer(static_cast<std::size_t>(bytes));
    std::vector<double> times;
    const MPI_Comm all = world.data();
    for (int round = 0; round < rounds; ++round) {
        const double begin = now_ns();
        if (world.is_root()) {
            check_mpi(MPI_Send(buffer.data(), bytes, MPI_BYTE, other, tag, all), "MPI_Send");
            check_mpi(MPI_Recv(buffer.data(), bytes, MPI_BYTE, other, tag, all, MPI_STATUS_IGNORE), "MPI_Recv");
        } else {
            check_mpi(MPI_Recv(buffer.data(), bytes, MPI_BYTE, 0, tag, all, MPI_STATUS_IGNORE), "MPI_Recv");
            check_mpi(MPI_Send(buffer.data(), bytes, MPI_BYTE, 0, tag, all), "MPI_Send");
        }
        times.push_back((now_ns() - begin) / 2);
    }
    std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
    return times[static_cast<std::size_t>(rounds / 2)];
}

std::optional<LinkRates> measure(const World& world, const std::optional<int>& other) {
    if (!other) return std::nullopt;
    constexpr int small = 8, large = 4 << 20;
    LinkRates rates;
    if (world.is_root() || world.rank().value == *other) {
        one_way_ns(world, *other, large, 3);  // the first ones set the connection up
        rates.latency_ns = one_way_ns(world, *other, small, 2001);
        const double large_ns = one_way_ns(world, *other, large, 31);
        rates.bytes = large / std::max(1.0, large_ns - rates.latency_ns);
    }
    const std::string bytes = world.broadcast({reinterpret_cast<const char*>(&rates), sizeof rates});
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&rates));
    return rates;
}

}  // namespace

MeasuredLinks measure_links(const World& world, const std::string& host) {
    const std::vector<std::string> hosts = world.gather(host);
    std::optional<int> same, different;
    for (int rank = world.size() - 1; rank > 0; --rank)
        (hosts[static_cast<std::size_t>(rank)] == hosts[0] ? same : different) = rank;
    MeasuredLinks links;
    links.within = measure(world, same);
    links.between = measure(world, different);
    return links;
}

}  // namespace maniple
