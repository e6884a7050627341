#include "trace/activity.hpp"

namespace maniple {

Activity& Activity::operator+=(const Activity& other) {
    busy_ns += other.busy_ns;
    hiding_ns += other.hiding_ns;
    chunks += other.chunks;
    operations += other.operations;
    return *this;
}

Activity total(const std::vector<Activity>& threads) {
    Activity sum;
    for (const Activity& thread : threads) sum += thread;
    return sum;
}

}  // namespace maniple
