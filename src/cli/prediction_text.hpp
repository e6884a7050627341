// cli/prediction_text.hpp: predictions for people and for programs, as `plan` and `simulate` print them.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

#include "program/predict.hpp"

namespace maniple {

/// What the end of the run waited for: "messages (61 % of the time)".
std::string limit_text(const CriticalWay& way);

/// predicted_seconds, idle, messages, memory_per_rank_bytes, fullest_rank, critical {compute, moves, messages, files}.
nlohmann::ordered_json prediction_json(const Prediction& prediction);

}  // namespace maniple
