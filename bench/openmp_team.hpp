// bench/openmp_team.hpp: the threads of OpenMP's team, which ours and rivals share.
#pragma once

namespace maniple::bench {

/// Pins the threads that regions of so many threads have from now on, one to a core from core number `first` on.
void pin_openmp_team(int threads, int first = 0);

/// They are awake, and spin, when this returns.
void wake_openmp_team(int threads);

}  // namespace maniple::bench
