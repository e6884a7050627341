#include "cli/prediction_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace maniple {

std::string limit_text(const CriticalWay& way) {
    const std::array<std::pair<const char*, double>, 4> parts = {
        {{"computing", way.compute}, {"copies", way.moves}, {"messages", way.messages}, {"files", way.files}}};
    const auto most =
        std::max_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    const double all = way.compute + way.moves + way.messages + way.files;
    return all <= 0 ? "nothing" : fmt::format("{} ({:.0f} % of the time)", most->first, 100 * most->second / all);
}

nlohmann::ordered_json prediction_json(const Prediction& prediction) {
    return {{"predicted_seconds", prediction.seconds},
            {"idle", prediction.idle_share},
            {"messages", {{"count", prediction.messages}, {"bytes", prediction.message_bytes}}},
            {"memory_per_rank_bytes", prediction.peak_bytes},
            {"fullest_rank", prediction.fullest.value},
            {"critical_seconds",
             {{"compute", prediction.way.compute},
              {"moves", prediction.way.moves},
              {"messages", prediction.way.messages},
              {"files", prediction.way.files}}}};
}

}  // namespace maniple
