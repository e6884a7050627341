// bench/tasks/contest.hpp: systems that run the same graphs in turn, each of them checked against the serial loop.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness.hpp"
#include "tasks/mpi_processes.hpp"
#include "tasks/system.hpp"

namespace maniple::bench {

/// What all cases of one process share.
struct Setting {
    const Options& options;
    const Ranks& ranks;
    Report& report;
    std::vector<Rival> rivals;
    std::string suffix;            ///< of the names of cases: "" or "/2ranks"
    bool tiny = false;             ///< sizes for a test of the bench itself
    std::optional<Kernel> kernel;  ///< instead of the empty one; and of metg's kind
    /// Ours on several ranks needs its lane; null on one.
    class OurNet* net = nullptr;

    int workers() const { return options.threads * ranks.size(); }
};

/// A system, its work and the sum that it must come to.
struct Entrant {
    std::string name;
    std::shared_ptr<Work> work;  ///< shared by the entrants whose graphs are equal
    std::shared_ptr<System> system;
};

/// The graphs of one pattern and width, by their numbers of steps, so that systems with equal graphs share the values.
class Graphs {
public:
    Graphs(const Setting& setting, Pattern pattern, int width) : setting_(setting), pattern_(pattern), width_(width) {}
    std::shared_ptr<Work> of(int steps);
    /// Steps that give `tasks` tasks or a few more; at least two after a tree has grown to its width.
    int steps_for(std::int64_t tasks) const;

private:
    const Setting& setting_;
    Pattern pattern_;
    int width_;
    std::map<int, std::shared_ptr<Work>> works_;
};

/// Runs all entrants with `kernel` in turn; wall time in ns per task. Errors: std::runtime_error if what one of them
/// computed differs from the serial loop's, in any run.
std::vector<Interval> compete(const Setting& setting, const std::vector<Entrant>& entrants, const Kernel& kernel,
                              int samples);

}  // namespace maniple::bench
