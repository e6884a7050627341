#include "plan/communication.hpp"

#include <algorithm>
#include <bit>
#include <map>

namespace maniple {

namespace {

/// Where the members of a group are.
struct Spread {
    double members = 1;
    double nodes = 1;
    double on_node = 1;    ///< of the fullest
    double crossings = 0;  ///< from a member to the next, the first after the last, of different nodes
    bool in_order = true;  ///< those of a node stand together
    double groups = 1;     ///< like this one on a node, if all of its ranks are in one: they share its card
};

int node_of(const Communication& communication, Rank rank) {
    return communication.nodes.empty() ? 0 : communication.nodes[rank.index()];
}

Spread spread_of(const Communication& communication, std::span<const Rank> members) {
    Spread spread;
    spread.members = static_cast<double>(members.size());
    spread.on_node = spread.members;
    if (communication.nodes.empty() || members.empty()) return spread;
    const int all_nodes = 1 + *std::max_element(communication.nodes.begin(), communication.nodes.end());
    std::vector<int> on_node(static_cast<std::size_t>(all_nodes));
    int before = node_of(communication, members.back());
    for (const Rank member : members) {
        const int node = node_of(communication, member);
        ++on_node[static_cast<std::size_t>(node)];
        spread.crossings += node != before ? 1 : 0;
        before = node;
    }
    spread.nodes =
        static_cast<double>(on_node.size()) - static_cast<double>(std::count(on_node.begin(), on_node.end(), 0));
    spread.on_node = *std::max_element(on_node.begin(), on_node.end());
    spread.in_order = spread.crossings <= spread.nodes;
    spread.groups = std::max(1.0, static_cast<double>(communication.nodes.size()) / all_nodes / spread.on_node);
    return spread;
}

double levels(double count) { return std::bit_width(static_cast<unsigned>(count) - 1U); }

/// In nanoseconds, for parts of `bytes`. Each takes a message `overhead` on its sender.
class Times {
public:
    Times(const Communication& communication, const Spread& spread, double bytes)
        : of_(communication), spread_(spread), overhead_(communication.message_ns),
          near_(bytes / communication.within.bytes), far_(bytes / communication.between.bytes) {}

    double straight_from_one() const {
        const double others = spread_.members - 1, there = spread_.on_node - 1;
        return std::max(others * overhead_ + there * near_, (others - there) * far_) + latency();
    }

    double tree() const {
        return levels(spread_.nodes) * (overhead_ + far_ + of_.between.latency_ns) +
               levels(spread_.on_node) * (overhead_ + near_ + of_.within.latency_ns);
    }

    double straight_from_all() const {
        const double others = spread_.members - 1, there = spread_.on_node - 1;
        const double card = spread_.groups * spread_.on_node * (others - there) * far_;
        return std::max({others * overhead_, there * near_, card}) + latency();
    }

    /// Either the way of one part, or all parts through the slowest link.
    double ring() const {
        const double hops = spread_.members - 1;
        const double crossing = hops * spread_.crossings / spread_.members;
        const double way = crossing * (overhead_ + far_ + of_.between.latency_ns) +
                           (hops - crossing) * (overhead_ + near_ + of_.within.latency_ns);
        const double card = spread_.groups * spread_.crossings / spread_.nodes * far_;
        const double link = hops * std::max({overhead_, near_, spread_.crossings > 0 ? card : 0}) + latency();
        return std::max(way, link);
    }

    /// Either the way through all steps, or all that a card sends.
    double doubling() const {
        double way = 0, cards = 0;
        for (double distance = 1; distance < spread_.members; distance *= 2) {
            const double parts = std::min(distance, spread_.members - distance);
            const double leaving = spread_.in_order ? std::min(distance, spread_.on_node) : spread_.on_node;
            const double bytes = spread_.nodes > 1 ? std::max(near_, far_) : near_;
            way += 2 * overhead_ + latency() + parts * bytes;  // around the end: two boxes
            cards += spread_.nodes > 1 ? spread_.groups * leaving * parts * far_ : 0;
        }
        return std::max(way, cards + latency());
    }

    /// Of a part that is brought to a member first.
    double entry() const { return overhead_ + (spread_.nodes > 1 ? spread_.groups * far_ : near_) + latency(); }

private:
    double latency() const { return spread_.nodes > 1 ? of_.between.latency_ns : of_.within.latency_ns; }

    const Communication& of_;
    const Spread& spread_;
    double overhead_, near_, far_;
};

}  // namespace

CommMode comm_mode(const std::string& word) {
    if (word == "p2p") return CommMode::direct;
    return word == "collective" ? CommMode::collective : CommMode::automatic;
}

std::string_view name_of(CommMode mode) {
    switch (mode) {
        case CommMode::automatic: return "auto";
        case CommMode::direct: return "p2p";
        case CommMode::collective: return "collective";
    }
    return "?";
}

std::string_view name_of(MessageKind kind) {
    switch (kind) {
        case MessageKind::p2p: return "p2p";
        case MessageKind::tree: return "tree";
        case MessageKind::ring: return "ring";
        case MessageKind::doubling: return "doubling";
    }
    return "?";
}

MessageCounts& MessageCounts::operator+=(const MessageCounts& other) {
    for (std::size_t kind = 0; kind < by_kind.size(); ++kind) {
        by_kind[kind].count += other.by_kind[kind].count;
        by_kind[kind].bytes += other.by_kind[kind].bytes;
    }
    return *this;
}

Communication communication_on(const Machine& machine, CommMode mode) {
    Communication communication;
    communication.mode = mode;
    communication.within = machine.rates.within;
    communication.between = machine.rates.between;
    communication.message_ns = machine.rates.chunk_ns;
    std::map<std::string, int> numbers;
    for (const RankFacts& facts : machine.ranks) {
        const int next = static_cast<int>(numbers.size());
        communication.nodes.push_back(numbers.emplace(facts.host, next).first->second);
    }
    if (numbers.size() < 2) communication.nodes.clear();
    return communication;
}

MessageKind choose_kind(const Communication& communication, const Sharing& sharing) {
    if (communication.mode == CommMode::direct || sharing.members.size() < 2) return MessageKind::p2p;
    const Spread spread = spread_of(communication, sharing.members);
    const Times times(communication, spread, static_cast<double>(sharing.part_bytes));
    const bool asked = communication.mode == CommMode::collective;
    if (sharing.parts == 1)
        return asked || times.tree() < times.straight_from_one() ? MessageKind::tree : MessageKind::p2p;
    const double entry = sharing.enters ? times.entry() : 0;
    const double ring = times.ring() + entry;
    const double doubling = sharing.may_double ? times.doubling() + entry : ring;
    if (!asked && times.straight_from_all() <= std::min(ring, doubling)) return MessageKind::p2p;
    return doubling < ring ? MessageKind::doubling : MessageKind::ring;
}

}  // namespace maniple
