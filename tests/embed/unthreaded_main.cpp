// A program whose MPI has too few threads, and one that asks too early: both are refused, and nothing hangs.
#include <mpi.h>

#include <cstdio>
#include <string>

#include "base/error.hpp"
#include "embed/graph_run.hpp"

namespace {

int failures = 0;

void expect_refused(const char* why) {
    maniple::GraphSpec spec("any");
    spec.generated("a", {4}, maniple::DType::f32, 1);
    spec.define("b", "a + 1");
    spec.output("b");
    const maniple::KernelRegistry kernels(maniple::standard_kernels());
    try {
        const maniple::GraphRun run(spec, MPI_COMM_WORLD, kernels);
        std::printf("WRONG: not refused: %s\n", why);
        ++failures;
    } catch (const maniple::UnavailableError& error) {
        const bool good = std::string(error.what()).find(why) != std::string::npos;
        std::printf("%s: %s\n", good ? "good" : "WRONG", error.what());
        failures += good ? 0 : 1;
    }
}

}  // namespace

int main(int argc, char** argv) {
    expect_refused("not initialised");
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    if (provided < MPI_THREAD_MULTIPLE) expect_refused("MPI_THREAD_MULTIPLE");
    MPI_Finalize();
    expect_refused("finalised");
    return failures == 0 ? 0 : 1;
}
