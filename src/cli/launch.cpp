#include "cli/launch.hpp"

#include <cstdlib>
#include <initializer_list>
#include <optional>

#include "base/text.hpp"

namespace maniple {

namespace {

/// Nothing where there is no launcher.
std::optional<int> launched(std::initializer_list<const char*> variables) {
    for (const char* variable : variables) {
        const char* text = std::getenv(variable);
        const std::optional<std::int64_t> value = text == nullptr ? std::nullopt : parse_count(text);
        if (value) return static_cast<int>(*value);
    }
    return std::nullopt;
}

}  // namespace

int launched_ranks() { return launched({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}).value_or(1); }
int launched_rank() { return launched({"OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"}).value_or(0); }

}  // namespace maniple
