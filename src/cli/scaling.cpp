#include "cli/scaling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/prediction_text.hpp"

namespace maniple {

namespace {

/// Ranks that are used well do at least half of what the fewest do.
constexpr double worth_it = 0.5;

struct Part {
    const char* name;
    double seconds;
};
constexpr std::size_t parts = 6;

/// The time of all ranks together, by what it goes to. While the way that decides computes all could compute: what they do not
/// then is lost to uneven work, as far as the rank with most work explains it, else to work that has to wait for other work.
std::array<Part, parts> spent(const ScalingRow& row) {
    const Prediction& found = row.prediction;
    const double ranks = row.ranks;
    const double computing_time = ranks * found.way.compute;
    const double work = std::min((1 - found.idle_share) * ranks * found.seconds, computing_time);
    const double uneven = std::clamp(ranks * found.busiest_seconds - work, 0.0, computing_time - work);
    return {{{"messages", ranks * found.way.messages},
             {"files", ranks * found.way.files},
             {"copies", ranks * found.way.moves},
             {"uneven work: ranks wait for the one with most", uneven},
             {"too little to do side by side: threads and ranks wait for results", computing_time - work - uneven},
             {"computing: smaller parts take longer in all", work}}};
}

std::string ranks_text(int ranks) { return fmt::format("{} {}", ranks, ranks == 1 ? "rank" : "ranks"); }

}  // namespace

std::string growth_text(const ScalingRow& from, const ScalingRow& to) {
    const std::array<Part, parts> before = spent(from), after = spent(to);
    double lost = 0, most = 0;
    const char* name = "";
    for (std::size_t i = 0; i < parts; ++i) {
        const double grown = std::max(0.0, after[i].seconds - before[i].seconds);
        lost += grown;
        if (grown > most) {
            most = grown;
            name = after[i].name;
        }
    }
    return most <= 0 ? "" : fmt::format("{} ({:.0f} % of what is lost)", name, 100 * most / lost);
}

std::string scaling_text(const std::vector<ScalingRow>& all) {
    std::vector<ScalingRow> rows;
    std::copy_if(all.begin(), all.end(), std::back_inserter(rows), [](const ScalingRow& row) { return row.may_run; });
    if (rows.empty()) return "with none of these numbers of ranks it could be run";
    const ScalingRow& first = rows.front();
    if (rows.size() == 1)
        return fmt::format("with {} most of the time goes to {}; where it scales to takes several numbers of ranks",
                           ranks_text(first.ranks), limit_text(first.prediction.way));
    const ScalingRow* last = &first;
    for (std::size_t i = 1; i < rows.size(); ++i) {
        if (rows[i].efficiency >= worth_it && rows[i].prediction.seconds < last->prediction.seconds) {
            last = &rows[i];
            continue;
        }
        const std::string grown = growth_text(first, rows[i]);
        return fmt::format("scales to {}: with {} the efficiency is {:.0f} %{}", ranks_text(last->ranks), rows[i].ranks,
                           100 * rows[i].efficiency, grown.empty() ? "" : ", what grew most is " + grown);
    }
    const std::string grown = growth_text(first, *last);
    return fmt::format("scales to {} and perhaps beyond{}", ranks_text(last->ranks),
                       grown.empty() ? "" : "; what grew most is " + grown);
}

}  // namespace maniple
