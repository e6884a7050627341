// tests/run/own_calls.hpp: how often a test program itself, without the libraries that it calls, allocates and locks.
#pragma once

#include <cstdint>

namespace maniple::testing {

/// Of all threads so far: `operator new` in all its forms, and pthread_mutex_lock and _trylock. Not counted are malloc() by
/// name, condition variables and semaphores. Calls from templates that libstdc++ holds count as the program's.
struct OwnCalls {
    std::int64_t allocations = 0;
    std::int64_t locks = 0;  ///< of a mutex, tried ones too

    bool operator==(const OwnCalls&) const = default;
};
OwnCalls own_calls();

}  // namespace maniple::testing
