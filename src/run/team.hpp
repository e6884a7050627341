// run/team.hpp: the compute team of a rank: one parallel region for a whole run.
#pragma once

#include <functional>
#include <string_view>

namespace maniple {

/// Calls worker(0) on the calling thread and worker(1) … worker(threads − 1) on threads of their own, at once; returns
/// when all have returned. An OpenMP region, or std::threads where ThreadSanitizer has to follow (MANIPLE_TEAM).
/// Requires: worker throws nothing.
void run_team(int threads, const std::function<void(int)>& worker);

/// The threads of the last team, which else wait for the next one: OpenMP's keep their cores busy with that for
/// milliseconds. Only where the process has no regions of its own. Not within a region.
void release_team();

/// "OpenMP" or "std::thread".
std::string_view team_kind();

}  // namespace maniple
