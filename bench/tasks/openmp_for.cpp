#include "openmp_team.hpp"
#include "tasks/system.hpp"

namespace maniple::bench {
namespace {

class OpenmpFor final : public System {
public:
    OpenmpFor(Work& work, int threads) : System(work), threads_(threads) {}

protected:
    std::string_view team() const override { return "openmp"; }
    void wake() override { wake_openmp_team(threads_); }
    void execute() override {
        Work& mine = work();
        const TaskGraph& graph = mine.graph();
#pragma omp parallel num_threads(threads_)
        for (int step = 0; step < graph.steps(); ++step) {
            const int width = graph.width_at(step);
#pragma omp for schedule(static)
            for (int column = 0; column < width; ++column) {
                mine.run(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(column));
            }
        }
    }

private:
    int threads_;
};

}  // namespace

std::unique_ptr<System> make_openmp_for(Work& work, int threads) { return std::make_unique<OpenmpFor>(work, threads); }

}  // namespace maniple::bench
