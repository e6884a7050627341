#include "plan/partition.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>
#include <tuple>

namespace maniple {

namespace {

constexpr double anything = std::numeric_limits<double>::infinity();

/// Finds for a limit of time and one of memory the parts on the fewest ranks; then the least limits that can be met.
class Partitioner {
public:
    explicit Partitioner(const PartitionProblem& problem)
        : problem_(problem), count_(problem.items.size()), work_(count_ + 1, 0) {
        std::size_t things = 0;
        for (std::size_t i = 0; i < count_; ++i) {
            work_[i + 1] = work_[i] + problem.items[i].work_ns;
            for (const PartitionUse& use : problem.items[i].uses)
                things = std::max(things, static_cast<std::size_t>(use.thing) + 1);
        }
        last_use_.resize(things, 0);
        needed_.resize(things, 0);
    }

    std::vector<Part> best() {
        if (count_ == 0) return {};
        set_memory(problem_.memory_bytes > 0 ? static_cast<double>(problem_.memory_bytes) : anything);
        std::vector<Part> parts = within(anything);
        if (parts.empty()) {
            set_memory(least_memory());
            parts = within(anything);
        }
        double low = work_[count_] / problem_.ranks, high = slowest(parts);
        constexpr double precision = 1e-9;
        while (high - low > precision * high) {
            const double middle = (low + high) / 2;
            std::vector<Part> faster = within(middle);
            if (faster.empty()) {
                low = middle;
            } else {
                high = slowest(faster);
                parts = std::move(faster);
            }
        }
        return parts;
    }

private:
    double slowest(const std::vector<Part>& parts) const {
        double most = 0;
        for (const Part& part : parts) most = std::max(most, part_ns(problem_, part));
        return most;
    }

    /// For every item how far a part on one rank that begins with it may reach, as far as memory goes: two ends that
    /// both move forward, and how often what lies between needs each thing.
    void set_memory(double bytes) {
        memory_ = bytes;
        reach_.assign(count_, count_);
        if (bytes == anything) return;
        std::fill(needed_.begin(), needed_.end(), 0);
        double held = 0;
        std::size_t end = 0;
        for (std::size_t first = 0; first < count_; ++first) {
            end = std::max(end, first);
            while (end < count_) {
                const double more = added_by(end, needed_);
                if (held + more > bytes) break;
                held += more;
                for (const PartitionUse& use : problem_.items[end].uses) ++needed_[static_cast<std::size_t>(use.thing)];
                ++end;
            }
            reach_[first] = end;
            if (end == first) continue;
            for (const PartitionUse& use : problem_.items[first].uses) {
                if (--needed_[static_cast<std::size_t>(use.thing)] == 0) held -= static_cast<double>(use.bytes);
            }
        }
    }

    double added_by(std::size_t item, const std::vector<std::int64_t>& needed) const {
        double bytes = 0;
        for (const PartitionUse& use : problem_.items[item].uses)
            bytes += needed[static_cast<std::size_t>(use.thing)] == 0 ? static_cast<double>(use.bytes) : 0;
        return bytes;
    }

    /// The fewest bytes of a rank that are enough, to within a thousandth.
    double least_memory() {
        double low = 0, high = 0;
        std::vector<bool> seen(needed_.size(), false);
        for (const PartitionItem& item : problem_.items) {
            for (const PartitionUse& use : item.uses) {
                if (!seen[static_cast<std::size_t>(use.thing)]) high += static_cast<double>(use.bytes);
                seen[static_cast<std::size_t>(use.thing)] = true;
            }
        }
        high += 1;
        while (high - low > 1e-3 * high) {
            const double middle = (low + high) / 2;
            set_memory(middle);
            (within(anything).empty() ? low : high) = middle;
        }
        return high;
    }

    /// How far a part of `ranks` ranks may reach from `first`. Several ranks are looked at item by item: such parts are
    /// short.
    std::size_t reach_of(std::size_t first, int ranks, double limit_ns) {
        if (ranks == 1) {
            const double room = limit_ns - problem_.items[first].entering_ns;
            const auto behind =
                std::upper_bound(work_.begin() + static_cast<std::ptrdiff_t>(first), work_.end(), work_[first] + room);
            const auto end = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, behind - work_.begin() - 1));
            return std::min(std::max(end, first), reach_[first]);
        }
        ++pass_;
        double ns = problem_.items[first].entering_ns, bytes = 0;
        std::size_t end = first;
        for (; end < count_; ++end) {
            ns += problem_.items[end].work_ns / std::min(ranks, problem_.items[end].most_ranks);
            for (const PartitionUse& use : problem_.items[end].uses) {
                std::int64_t& last = last_use_[static_cast<std::size_t>(use.thing)];
                if (last != pass_) bytes += static_cast<double>(use.bytes);
                last = pass_;
            }
            if (ns > limit_ns || bytes > memory_ * ranks) break;
        }
        return end;
    }

    /// The fewest ranks that can compute item `first` in time, and how far they get; no rank: none can.
    std::pair<int, std::size_t> begin_at(std::size_t first, double limit_ns) {
        const PartitionItem& item = problem_.items[first];
        if (const std::size_t end = reach_of(first, 1, limit_ns); end > first) return {1, end};
        if (limit_ns <= item.entering_ns) return {0, first};
        const int most = std::min(item.most_ranks, problem_.ranks);
        const double least = limit_ns == anything ? 2 : item.work_ns / (limit_ns - item.entering_ns);
        if (least > most) return {0, first};
        for (int ranks = std::max(2, static_cast<int>(least)); ranks <= most; ++ranks) {
            if (const std::size_t end = reach_of(first, ranks, limit_ns); end > first) return {ranks, end};
        }
        return {0, first};
    }

    /// The parts on the fewest ranks that keep to both limits; none if that takes too many ranks. Goes from item to item
    /// with those beginnings that still reach it, the one with the fewest ranks first.
    std::vector<Part> within(double limit_ns) {
        using Beginning = std::tuple<int, double, std::size_t, std::size_t>;  // ranks, waiting, first item, end
        std::priority_queue<Beginning, std::vector<Beginning>, std::greater<>> open;
        std::vector<int> ranks(count_ + 1, 0);
        std::vector<Part> last(count_ + 1);
        for (std::size_t at = 0; at <= count_; ++at) {
            if (at > 0) {
                while (!open.empty() && std::get<3>(open.top()) < at) open.pop();
                if (open.empty()) return {};
                const std::size_t first = std::get<2>(open.top());
                ranks[at] = std::get<0>(open.top());
                last[at] = {first, at, ranks[at] - ranks[first]};
            }
            if (at == count_ || ranks[at] >= problem_.ranks) continue;
            const auto [more, end] = begin_at(at, limit_ns);
            if (more == 0 || ranks[at] + more > problem_.ranks) continue;
            open.emplace(ranks[at] + more, problem_.items[at].entering_ns, at, end);
        }
        std::vector<Part> parts;
        for (std::size_t at = count_; at > 0; at = last[at].first) parts.push_back(last[at]);
        std::reverse(parts.begin(), parts.end());
        return parts;
    }

    const PartitionProblem& problem_;
    std::size_t count_;
    std::vector<double> work_;        ///< of all items before
    double memory_ = anything;        ///< bytes of a rank
    std::vector<std::size_t> reach_;  ///< by item: the end of the longest part from it that fits one rank's memory
    std::vector<std::int64_t> needed_;
    std::vector<std::int64_t> last_use_;  ///< by thing: the pass that saw it last
    std::int64_t pass_ = 0;
};

}  // namespace

double part_ns(const PartitionProblem& problem, const Part& part) {
    double ns = problem.items[part.first].entering_ns;
    for (std::size_t i = part.first; i < part.end; ++i)
        ns += problem.items[i].work_ns / std::min(part.ranks, problem.items[i].most_ranks);
    return ns;
}

std::int64_t part_bytes(const PartitionProblem& problem, const Part& part) {
    std::vector<PartitionUse> uses;
    for (std::size_t i = part.first; i < part.end; ++i)
        uses.insert(uses.end(), problem.items[i].uses.begin(), problem.items[i].uses.end());
    std::sort(uses.begin(), uses.end(), [](const PartitionUse& a, const PartitionUse& b) { return a.thing < b.thing; });
    std::int64_t bytes = 0;
    for (std::size_t i = 0; i < uses.size(); ++i) {
        if (i == 0 || uses[i].thing != uses[i - 1].thing) bytes += uses[i].bytes;
    }
    return (bytes + part.ranks - 1) / part.ranks;
}

std::vector<Part> split_further(const PartitionProblem& problem, std::vector<Part> parts, int count) {
    std::vector<double> before(problem.items.size() + 1, 0);  // work
    for (std::size_t i = 0; i < problem.items.size(); ++i) before[i + 1] = before[i] + problem.items[i].work_ns;
    using Cuttable = std::pair<double, std::size_t>;  // work, number in `parts`
    std::priority_queue<Cuttable> cuttable;
    const auto offer = [&](std::size_t number) {
        const Part& part = parts[number];
        if (part.end - part.first > 1) cuttable.emplace(before[part.end] - before[part.first], number);
    };
    for (std::size_t i = 0; i < parts.size(); ++i) offer(i);
    while (std::ssize(parts) < count && !cuttable.empty()) {
        const std::size_t number = cuttable.top().second;
        cuttable.pop();
        const Part part = parts[number];
        const double half = (before[part.first] + before[part.end]) / 2;
        const auto begin = before.begin();
        auto cut = static_cast<std::size_t>(std::lower_bound(begin + static_cast<std::ptrdiff_t>(part.first) + 1,
                                                             begin + static_cast<std::ptrdiff_t>(part.end) - 1, half) -
                                            begin);
        if (cut > part.first + 1 && half - before[cut - 1] < before[cut] - half) --cut;
        parts[number].end = cut;
        parts.push_back({cut, part.end, part.ranks});
        offer(number);
        offer(parts.size() - 1);
    }
    std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.first < b.first; });
    return parts;
}

std::vector<Part> partition(const PartitionProblem& problem) { return Partitioner(problem).best(); }

}  // namespace maniple
