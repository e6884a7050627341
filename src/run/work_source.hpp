// run/work_source.hpp: what workers do that have no chunk of their rank's run to take.
#pragma once

namespace maniple {

struct Worker;

/// Threads: any worker.
class WorkSource {
public:
    virtual ~WorkSource() = default;

    /// Does something that takes about as long as a chunk. False: there was nothing.
    virtual bool work(Worker& worker) = 0;
    /// Whether something has been put here for this rank's workers since; not what only looking for would find. Sequentially
    /// consistent, as Parking asks for: whoever puts something here calls Scheduler::wake_one() afterwards.
    virtual bool has_work() const = 0;
};

}  // namespace maniple
