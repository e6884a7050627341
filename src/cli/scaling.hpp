// cli/scaling.hpp: up to how many ranks it pays to go, and what stands in the way beyond.
#pragma once

#include <string>
#include <vector>

#include "program/predict.hpp"

namespace maniple {

/// What is known of one number of ranks.
struct ScalingRow {
    int ranks = 1;
    Prediction prediction;
    bool may_run = true;    ///< its plan meets the constraints
    double efficiency = 1;  ///< of the work that the ranks of the first row do in the same time, rank for rank
};

/// What of the time of all ranks together has grown most from one row to a later one: "messages (61 % of what is lost)".
/// Empty: nothing has.
std::string growth_text(const ScalingRow& from, const ScalingRow& to);

/// "scales to 8 ranks: with 64 the efficiency is 31 %, what grew most is …". Rows that may not run are left out. Requires: a row.
std::string scaling_text(const std::vector<ScalingRow>& rows);

}  // namespace maniple
