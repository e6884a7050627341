#include "lanes/net/link_rates.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "base/patience.hpp"
#include "lanes/net/net_lane.hpp"

namespace maniple {

namespace {

double now_ns() {
    using namespace std::chrono;
    return static_cast<double>(duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count());
}

/// Messages of one length to another rank and back, as a run carries them.
class PingPong final : public Completion {
public:
    PingPong(const World& world, NetLane& lane, int other, std::size_t bytes)
        : begins_(world.is_root()), lane_(lane), bytes_(bytes) {
        const ByteMessage send{forth, bytes_.data(), bytes, other, 0, false};
        const ByteMessage receive{back, bytes_.data(), bytes, other, 0, true};
        messages_ = lane.prepare_messages(std::array{send, receive}, 2);
    }

    /// Half of the median time to and fro. On the two ranks concerned.
    double one_way_ns(int rounds) {
        std::vector<double> times;
        for (int round = 0; round < rounds; ++round) {
            const double begin = now_ns();
            carry(begins_ ? forth : back);
            carry(begins_ ? back : forth);
            times.push_back((now_ns() - begin) / 2);
        }
        std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
        return times[static_cast<std::size_t>(rounds / 2)];
    }

    void finished(ChunkId, std::exception_ptr error) override {
        is_done_ = true;
        error_ = std::move(error);
    }

private:
    static constexpr ChunkId forth{std::int32_t{0}}, back{std::int32_t{1}};

    /// Errors: LinkError, also where the other rank has one: then it does not answer.
    void carry(ChunkId message) {
        is_done_ = false;
        messages_->submit(message, {}, *this);
        Patience patience;  // where ranks share a core, the other one has to come to it
        while (!is_done_) {
            if (lane_.failed_rank().valid()) lane_.cancel();
            if (!lane_.progress()) patience.pause();
        }
        if (error_) std::rethrow_exception(error_);
    }

    bool begins_;
    NetLane& lane_;
    std::vector<std::byte> bytes_;
    std::unique_ptr<LaneProgram> messages_;
    bool is_done_ = false;
    std::exception_ptr error_;
};

/// Of what `lane` carries between the two ranks concerned; none where a figure makes no sense. Errors: LinkError.
std::optional<LinkRates> measure_lane(const World& world, NetLane& lane, int peer, const LinkEffort& effort) {
    constexpr int small_bytes = 8;
    PingPong large_ones(world, lane, peer, static_cast<std::size_t>(effort.large_bytes));
    large_ones.one_way_ns(3);  // the first ones set the connection up
    const double small_ns = PingPong(world, lane, peer, small_bytes).one_way_ns(effort.small);
    const double large_ns = large_ones.one_way_ns(effort.large);
    if (small_ns <= 0 || large_ns <= 2 * small_ns) return std::nullopt;
    return LinkRates{small_ns, effort.large_bytes / (large_ns - small_ns)};
}

std::optional<LinkRates> measure(const World& world, const Mailboxes& mailboxes, const std::optional<int>& other,
                                 const LinkEffort& effort) {
    if (!other) return std::nullopt;
    LinkRates rates;
    if (world.is_root() || world.rank().value == *other) {
        NetLane lane(world, &mailboxes);
        try {
            rates = measure_lane(world, lane, world.is_root() ? *other : 0, effort).value_or(LinkRates{});
        } catch (const Error&) {
            lane.announce_failure();  // the other one waits for an answer, all wait for what rank 0 says
        }
    }
    const std::string bytes = world.broadcast({reinterpret_cast<const char*>(&rates), sizeof rates});
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&rates));
    return rates.bytes > 0 ? std::optional(rates) : std::nullopt;
}

}  // namespace

MeasuredLinks measure_links(const World& world, const std::string& host, bool shares_memory, const LinkEffort& effort) {
    const Mailboxes mailboxes(world, shares_memory);
    const std::vector<std::string> hosts = world.gather(host);
    std::optional<int> same, different;
    for (int rank = world.size() - 1; rank > 0; --rank)
        (hosts[static_cast<std::size_t>(rank)] == hosts[0] ? same : different) = rank;
    MeasuredLinks links;
    links.within = measure(world, mailboxes, same, effort);
    links.between = measure(world, mailboxes, different, effort);
    return links;
}

}  // namespace maniple
