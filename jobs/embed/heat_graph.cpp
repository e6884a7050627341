// The graph level: says what is to be computed, and leaves halos, messages and threads to maniple.
//   mpirun -n 2 heat_graph
#include <maniple/base/error.hpp>
#include <maniple/embed/graph_run.hpp>
#include <mpi.h>

#include <cstdio>

#include "heat.hpp"

namespace {

constexpr int steps = 50;

/// Elements that differ from the plain loop's.
long run_heat(MPI_Comm communicator) {
    maniple::GraphSpec spec("heat");
    spec.input<float>("u", {heat::ny, heat::nx});
    spec.call("v", "heat_step", {"u"}, {{"alpha", heat::alpha}});
    spec.define("total", "sum(v)");  // the same, as in a job file
    spec.steps(steps);
    spec.carry("u", "v");
    spec.output("v");
    spec.output("total", 10);

    const maniple::KernelRegistry kernels(maniple::standard_kernels());
    maniple::GraphRun run(spec, communicator, kernels, {.threads = 2});
    long wrong = 0;
    for (int repetition = 0; repetition < 2; ++repetition) {  // the second one builds and allocates nothing
        const maniple::TensorPart<float> u = run.input<float>("u");
        for_each_coordinate(u.box, [&](const maniple::Extents& at) { u[at] = heat::start(at[0], at[1]); });
        run.execute();
        const maniple::TensorPart<const float> v = run.output<float>("v");
        const std::vector<float> want = heat::plain(steps);
        for_each_coordinate(v.box, [&](const maniple::Extents& at) {
            wrong += v[at] != want[static_cast<std::size_t>(at[0] * heat::nx + at[1])];
        });
        std::printf("rows %lld to %lld are here, %ld elements are wrong\n", static_cast<long long>(v.box.lo[0]),
                    static_cast<long long>(v.box.hi[0]), wrong);
    }
    for (const float total : run.whole_output<float>("total")) std::printf("total %.0f\n", total);
    return wrong;
}

}  // namespace

int main(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    long wrong = 1;
    try {
        wrong = run_heat(MPI_COMM_WORLD);
    } catch (const maniple::Error& error) {
        for (const maniple::Diagnostic& diagnostic : error.diagnostics())
            std::fputs(render(diagnostic).c_str(), stderr);
        MPI_Abort(MPI_COMM_WORLD, static_cast<int>(error.code()));
    }
    MPI_Finalize();
    return wrong == 0 ? 0 : 1;
}
