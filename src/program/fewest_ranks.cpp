#include "program/fewest_ranks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace maniple {

namespace {

constexpr int most_ranks = 1024;
/// So many are tried one by one, and then each with a part of the last number more.
constexpr int first_ranks = 8, part_more = 4;
/// What a choice of `auto` lays out for each way, in times of what `data` alone takes: stages are cut in several ways.
constexpr std::size_t each_choice = 6;

class RankSearch {
public:
    RankSearch(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
               const Constraints& constraints, LookBudget& budget)
        : graph_(graph), asked_(asked), request_(request), constraints_(constraints), budget_(budget),
          is_data_(!asked.from.empty() || asked.strategy == "hybrid") {
        if (is_data_) {
            asked_ = PlanRequest{};
            asked_.strategy = "data";
        }
        asked_.max_ranks = 0;
        asked_.memory_bytes = asked.memory_bytes;
        // What `auto` takes fits where `data` does, which is soon known.
        first_ = asked_;
        is_auto_ = asked_.strategy == "auto";
        if (is_auto_) first_.strategy = "data";
    }

    std::optional<OtherRanks> find(int now, std::int64_t here_bytes) {
        int refused = now;
        const int most = nodes_are_known()
                             ? static_cast<int>(std::min<std::int64_t>(most_ranks, constraints_.nodes.ranks))
                             : most_ranks;
        for (int ranks = now + 1; ranks <= most && look(ranks); ranks = next_after(ranks, now)) {
            if (last_.fits) return fewest(refused);
            refused = ranks;
        }
        if (best_.ranks == 0 || best_.bytes >= here_bytes) return std::nullopt;
        return best_;
    }

private:
    static int next_after(int ranks, int now) {
        return ranks < now + first_ranks ? ranks + 1 : ranks + std::max(1, ranks / part_more);
    }

    /// False: the budget is spent.
    bool look(int ranks) {
        limits_ = constraints_on(ranks);
        const std::size_t layout = graph_.operations.size() * static_cast<std::size_t>(ranks);
        if (!budget_.has(layout)) return false;
        const Machine machine = machine_of(ranks);
        const PredictionRequest other{machine, request_.history, request_.lanes, request_.cpus_alone};
        const Need need = need_of(graph_, first_, other, MemoryUse::fast);
        last_ = {ranks, need.peak.bytes, limits_.has_memory_for(need.peak.bytes), is_data_};
        budget_.spend(need.laid_out);
        if (!last_.fits) look_closer(other, need.laid_out);
        if (best_.ranks == 0 || last_.bytes < best_.bytes) best_ = last_;
        return true;
    }

    /// With all that may be done to need less.
    void look_closer(const PredictionRequest& other, std::size_t layout) {
        if (!budget_.has(dearest_ * layout)) return;
        RequestNeeds needs(graph_, first_, other, limits_.memory_use);
        const Need need = needs.least();
        budget_.spend(need.laid_out);
        dearest_ = std::max(dearest_, need.laid_out / std::max<std::size_t>(1, layout));
        take(need);
        if (last_.fits) return;
        if (is_auto_) {
            choose(other, need.laid_out);
        } else if (needs.depends_on_limit() && limits_.memory.place) {
            const std::optional<Need> cut = needs.under(limits_.memory.bytes, budget_);
            if (cut && limits_.has_memory_for(cut->peak.bytes)) take(*cut);
        }
    }

    void take(const Need& need) {
        last_.bytes = need.peak.bytes;
        last_.fits = limits_.has_memory_for(last_.bytes);
    }

    /// `auto` looks at more than `data`.
    void choose(const PredictionRequest& other, std::size_t laid_out) {
        const std::size_t cost = plan_candidates(graph_, asked_, other.machine.size()).size() * each_choice * laid_out;
        if (!budget_.has(cost)) return;
        budget_.spend(cost);
        const Trial trial = trial_of(graph_, asked_, other, limits_);
        if (trial.fits) last_ = {last_.ranks, trial.peak.bytes, true, is_data_};
    }

    /// Between those that are too few and the last that were tried.
    OtherRanks fewest(int refused) {
        OtherRanks least = last_;
        while (least.ranks - refused > 1) {
            const int middle = refused + (least.ranks - refused) / 2;
            if (!look(middle)) break;
            if (last_.fits) {
                least = last_;
            } else {
                refused = middle;
            }
        }
        return least;
    }

    /// More of the same; of this machine its cores and its memory are shared by more, where nobody said how many there are.
    bool shares_machine() const { return request_.cpus_alone; }
    bool nodes_are_known() const { return constraints_.nodes.memory_bytes > 0; }

    Machine machine_of(int ranks) const {
        RankFacts facts = request_.machine.ranks.front();
        if (shares_machine() && ranks > request_.machine.size()) {
            // At most so many cores were divided by the number of ranks that there are.
            const std::int64_t cores = std::int64_t{facts.threads + 1} * request_.machine.size() - 1;
            facts.threads = static_cast<int>(std::clamp<std::int64_t>(cores / ranks, 1, facts.threads));
        }
        Machine machine = Machine::uniform(ranks, facts);
        machine.rates = request_.machine.rates;
        for (int rank = 0; !shares_machine() && rank < ranks; ++rank)
            machine.ranks[static_cast<std::size_t>(rank)].host = host_of(rank);
        return machine;
    }

    /// Of a rank beyond those that there are, where nothing is known of nodes: one of its own.
    std::string host_of(int rank) const {
        if (nodes_are_known()) return fmt::format("node {}", rank / constraints_.nodes.ranks_on_each);
        return rank < request_.machine.size() ? request_.machine.ranks[static_cast<std::size_t>(rank)].host
                                              : fmt::format("another node {}", rank);
    }

    Constraints constraints_on(int ranks) const {
        Constraints those = constraints_;
        if (those.memory.place) return those;
        if (nodes_are_known()) {
            those.memory.bytes = those.nodes.memory_bytes / std::min(ranks, those.nodes.ranks_on_each);
        } else if (shares_machine() && ranks > request_.machine.size()) {
            those.memory.bytes = those.memory.bytes * request_.machine.size() / ranks;
        }
        return those;
    }

    const Graph& graph_;
    PlanRequest asked_, first_;
    const PredictionRequest& request_;
    const Constraints& constraints_;
    LookBudget& budget_;
    bool is_data_ = false;
    bool is_auto_ = false;
    OtherRanks last_, best_;
    Constraints limits_;       ///< of last_
    std::size_t dearest_ = 1;  ///< layouts that a search for what needs less has taken
};

}  // namespace

std::optional<OtherRanks> fewest_ranks(const Graph& graph, const PlanRequest& asked, const PredictionRequest& request,
                                       const Constraints& constraints, std::int64_t here_bytes, LookBudget& budget) {
    return RankSearch(graph, asked, request, constraints, budget)
        .find(ranks_for(asked, request.machine.size()), here_bytes);
}

}  // namespace maniple
