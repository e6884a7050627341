#include "openmp_team.hpp"

#include <omp.h>

#include "pin.hpp"

namespace maniple::bench {

void pin_openmp_team(int threads, int first) {
#pragma omp parallel num_threads(threads)
    pin_this_thread(first + omp_get_thread_num());
}

void wake_openmp_team(int threads) {
#pragma omp parallel num_threads(threads)
    {
#pragma omp barrier
    }
}

}  // namespace maniple::bench
