// bench/tasks/ours.hpp: this project's scheduler as a System: the only file of the bench that knows its interface.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tasks/system.hpp"

namespace maniple::bench {

enum class Mode {
    each,     ///< every task its own chunk
    chunked,  ///< chunks of many tasks
    fixed,    ///< a schedule fixed beforehand, where the pattern is regular
};

/// The lane that our messages take on several ranks. Collective.
class OurNet {
public:
    explicit OurNet(const Ranks& ranks);
    ~OurNet();
    OurNet(const OurNet&) = delete;
    OurNet& operator=(const OurNet&) = delete;

    struct Parts;
    Parts& parts() { return *parts_; }

private:
    std::unique_ptr<Parts> parts_;
};

/// The lanes that are in this program: the scheduler serves tasks as it serves the chunks of all of them.
std::vector<std::string> lanes_compiled_in();

/// `net`: null on one rank. `cost_ns`: the hint for every task; 0: none.
/// Errors: std::runtime_error if the mode did not do what it says: chunks other than tasks, or a regular pattern that
/// is not run statically.
std::unique_ptr<System> make_ours(Work& work, int threads, Mode mode, std::int64_t cost_ns, OurNet* net);

}  // namespace maniple::bench
