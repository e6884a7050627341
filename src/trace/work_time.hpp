// trace/work_time.hpp: how long a lane computed which operation.
#pragma once

#include <cstdint>
#include <vector>

namespace maniple {

/// Points of an operation's index space, and the time that they took.
struct WorkTime {
    std::int64_t points = 0;
    double ns = 0;
};

/// By OperationId.
using WorkTimes = std::vector<WorkTime>;

}  // namespace maniple
