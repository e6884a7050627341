#include "run/team.hpp"

#ifdef MANIPLE_TEAM_OPENMP
#include <omp.h>
#else
#include <thread>
#include <vector>
#endif

#include "base/error.hpp"

namespace maniple {

#ifdef MANIPLE_TEAM_OPENMP

void run_team(int threads, const std::function<void(int)>& worker) {
    omp_set_dynamic(0);  // a smaller team than asked for would leave workers without a thread
    bool complete = true;
#pragma omp parallel num_threads(threads)
    {
        if (omp_get_num_threads() == threads) {
            worker(omp_get_thread_num());
        } else {
#pragma omp atomic write
            complete = false;
        }
    }
    if (!complete) throw UnavailableError("OpenMP gave fewer than " + std::to_string(threads) + " threads");
}

void release_team() { omp_pause_resource_all(omp_pause_hard); }

std::string_view team_kind() { return "OpenMP"; }

#else

void run_team(int threads, const std::function<void(int)>& worker) {
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(worker, i);
    worker(0);
    for (std::thread& thread : others) thread.join();
}

void release_team() {}

std::string_view team_kind() { return "std::thread"; }

#endif

}  // namespace maniple
