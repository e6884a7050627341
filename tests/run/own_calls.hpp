// tests/run/own_calls.hpp: what a test program itself asks of the system, without the libraries that it calls.
#pragma once

#include <cstdint>

namespace maniple::testing {

/// Of all threads so far. Calls from templates that libstdc++ holds count as the program's.
struct OwnCalls {
    std::int64_t allocations = 0;
    std::int64_t locks = 0;  ///< of a mutex, tried ones too

    bool operator==(const OwnCalls&) const = default;
};
OwnCalls own_calls();

}  // namespace maniple::testing
