// lanes/cpu/around_cache.hpp: stores to memory that is not read soon.
#pragma once

#include <cstddef>

namespace maniple {

/// Copies `bytes` bytes; `to` is not read into the cache before, nor left in it. Threads: any; for others to see what was
/// written finish_around_cache() comes in between. Requires: the two do not overlap.
void copy_around_cache(std::byte* to, const std::byte* from, std::size_t bytes);
void finish_around_cache();

/// Of what several cores share; a guess where the system does not say.
std::size_t last_cache_bytes();

}  // namespace maniple
