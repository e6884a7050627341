#include "tasks/system.hpp"

#include "harness.hpp"

namespace maniple::bench {

void System::wait_for_other_teams() {
    static std::string_view last;  // the main thread's alone
    if (team() != last) wait_until_idle();
    last = team();
}

double System::run_ns() {
    work_.spoil();
    wait_for_other_teams();
    wake();
    work_.ranks().barrier();
    const double begin = now_ns();
    execute();
    const double spent = now_ns() - begin;
    rest();
    return work_.ranks().greatest(spent);
}

}  // namespace maniple::bench
