// program/kept_choices.hpp: which plan `auto` took in earlier runs, and how that turned out, so that the next run of the
// same need not weigh them again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/machine.hpp"
#include "graph/graph.hpp"
#include "plan/plan.hpp"
#include "program/lane_choice.hpp"

namespace maniple {

/// What a choice follows from, but for what earlier runs have measured: the graph, the request, the ranks' threads, nodes and
/// devices, the machine's rates. Of two that differ it differs, as a rule.
std::uint64_t choice_key(const Graph& graph, const PlanRequest& asked, const Machine& machine, LaneUse lanes);

/// The last hundreds, as text a line for each.
class KeptChoices {
public:
    /// The name (name_of) of the plan to take; none: they have to be weighed. So it is until what was predicted of the plan has
    /// turned out to be so, or until weighing with what had been measured by then has led to the same plan again.
    std::optional<std::string> of(std::uint64_t key) const;

    /// A run's steps, by a plan that was weighed just before, or that of() gave.
    void add_weighed(std::uint64_t key, const std::string& plan, double predicted_seconds, double seconds);
    void add_taken(std::uint64_t key, double seconds);

    std::string text() const;
    /// Lines that text() does not make are left out.
    static KeptChoices parse(std::string_view text);

private:
    struct Entry {
        std::uint64_t key = 0;
        int weighed = 0;  ///< so many times in turn, each with this plan as the result
        double predicted_seconds = 0;
        double seconds = 0;  ///< of the run after it was weighed last
        std::string plan;
    };
    const Entry* find(std::uint64_t key) const;

    std::vector<Entry> entries_;  ///< the newest last
};

}  // namespace maniple
