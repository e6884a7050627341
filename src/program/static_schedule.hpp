// program/static_schedule.hpp: who runs which chunks of a regular program, and when: no queues, no counters.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "program/chunk_graph.hpp"

namespace maniple {

/// Before a level: until another worker has done so many levels.
struct StaticWait {
    int worker = 0;
    std::int64_t levels = 0;
};

/// A worker's part of one level: stretches of StaticPart's tables.
struct StaticLevel {
    std::size_t first = 0, end = 0;            ///< chunks
    std::size_t first_wait = 0, end_wait = 0;  ///< waits
    std::int64_t ends = 0;                     ///< of these chunks, those that nobody waits for
};

struct StaticPart {
    std::vector<StaticLevel> levels;
    std::vector<ChunkId> chunks;
    std::vector<StaticWait> waits;
};

/// A chunk of level l waits for chunks of earlier levels alone; each worker has a stretch of each level.
struct StaticSchedule {
    std::int64_t levels = 0;
    std::vector<StaticPart> parts;  ///< by worker
};

/// For programs whose chunks all run on the cpu, are known to cost the same, and little (below that the scheduling of a
/// chunk is nothing beside the chunk), in levels that share out evenly. None for all others: they are run dynamically.
std::optional<StaticSchedule> find_static_schedule(const ChunkGraph& graph, int workers);

}  // namespace maniple
