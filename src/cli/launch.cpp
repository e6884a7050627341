#include "cli/launch.hpp"

#include <algorithm>
#include <array>
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

template <std::size_t count>
bool has_any(const std::array<const char*, count>& variables) {
    return std::any_of(variables.begin(), variables.end(),
                       [](const char* name) { return std::getenv(name) != nullptr; });
}

/// Signs of MPICH and what follows it (PMI), Cray, MVAPICH, Intel, Flux, Spectrum.
constexpr std::array others_signs = {"PMI_RANK",
                                     "PMI_SIZE",
                                     "PMI_FD",
                                     "PMI_PORT",
                                     "PALS_RANKID",
                                     "ALPS_APP_PE",
                                     "MV2_COMM_WORLD_RANK",
                                     "MPI_LOCALRANKID",
                                     "FLUX_TASK_RANK",
                                     "JSM_NAMESPACE_RANK"};
/// Of Open MPI, PMIx and Slurm, whose are there in a batch script, too.
constexpr std::array signs = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMIX_NAMESPACE", "SLURM_PROCID",
                              "SLURM_STEP_NUM_TASKS"};

/// What Open MPI moves messages with, and what it is told to take: shared memory, and what a site's own settings may need
/// in its place. Both are said, since a site may have settings for either alone.
struct Setting {
    const char* variable;
    const char* value;
};
constexpr std::array ways_within_node = {Setting{"OMPI_MCA_pml", "ob1"}, Setting{"OMPI_MCA_btl", "self,vader,tcp"}};
constexpr std::array users_settings = {"OMPI_MCA_pml", "OMPI_MCA_btl", "OMPI_MCA_mtl"};

/// While it lives variables of the environment say so.
class WithoutNetworks {
public:
    WithoutNetworks() {
        for (const Setting& way : ways_within_node) setenv(way.variable, way.value, 1);
    }
    ~WithoutNetworks() {
        for (const Setting& way : ways_within_node) unsetenv(way.variable);
    }
    WithoutNetworks(const WithoutNetworks&) = delete;
    WithoutNetworks& operator=(const WithoutNetworks&) = delete;
};

bool was_launched() { return has_any(signs) || has_any(others_signs); }

}  // namespace

int launched_ranks() { return launched({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}).value_or(1); }

int launched_ranks_here() {
    if (!was_launched()) return 1;
    const std::optional<int> here = launched({"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "PALS_LOCAL_SIZE"});
    if (here) return *here;
    // A step of one node: but it may have started another launcher.
    const bool is_step_here = launched({"SLURM_STEP_NUM_NODES"}) == 1 && !has_any(others_signs);
    return is_step_here ? launched({"SLURM_STEP_NUM_TASKS"}).value_or(0) : 0;
}

bool is_alone() {
    if (!was_launched()) return true;
    // A launcher may have been started by what another one has launched, and hand on what that one has said.
    return launched({"OMPI_COMM_WORLD_SIZE"}) == 1 && launched({"SLURM_STEP_NUM_TASKS"}).value_or(1) == 1 &&
           !has_any(others_signs);
}

std::unique_ptr<MpiSession> start_mpi(int* argc, char*** argv) {
    std::optional<WithoutNetworks> without_networks;
    if (was_launched() && launched_ranks_here() == launched_ranks() && !has_any(users_settings))
        without_networks.emplace();
    return std::make_unique<MpiSession>(argc, argv);
}

int launched_rank() { return launched({"OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"}).value_or(0); }

}  // namespace maniple
