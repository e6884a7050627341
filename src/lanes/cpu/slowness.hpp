// lanes/cpu/slowness.hpp: a rank that is slower than it is, for tests.
#pragma once

#include <cstdint>

#include "base/ids.hpp"

namespace maniple {

/// MANIPLE_TEST_SLOW=RANK:FACTOR (1:3): every chunk of that rank's cpu lane takes so many times as long.
class Slowness {
public:
    /// Errors: UsageError where the variable says anything else.
    explicit Slowness(Rank rank);

    /// Waits until a chunk that began at `begin_ns` has taken as long as it should.
    void prolong(std::int64_t begin_ns) const {
        if (factor_ > 1) wait(begin_ns);
    }

private:
    void wait(std::int64_t begin_ns) const;

    double factor_ = 1;
};

}  // namespace maniple
