// plan/partition.hpp: a row of items in consecutive parts, so that the part that takes longest takes as little as can be.
#pragma once

#include <cstdint>
#include <vector>

namespace maniple {

/// Memory that an item needs. A part holds what it needs once, however many of its items need it.
struct PartitionUse {
    int thing = 0;
    std::int64_t bytes = 0;
};

struct PartitionItem {
    double work_ns = 0;
    double entering_ns = 0;  ///< what a part that begins with it waits for from before
    int most_ranks = 1;      ///< into how many pieces its work can be cut
    std::vector<PartitionUse> uses;
};

struct PartitionProblem {
    std::vector<PartitionItem> items;
    int ranks = 1;
    std::int64_t memory_bytes = 0;  ///< of a rank; 0: not known, enough
};

/// Items [first, end) on `ranks` ranks, which share the work of each as far as it can be cut, and the memory.
struct Part {
    std::size_t first = 0;
    std::size_t end = 0;
    int ranks = 1;

    bool operator==(const Part&) const = default;
};

/// The time of a part: what it waits for, and its work.
double part_ns(const PartitionProblem& problem, const Part& part);

/// The bytes that each rank of a part holds.
std::int64_t part_bytes(const PartitionProblem& problem, const Part& part);

/// Parts that cover all items in order, on at most `ranks` ranks together: with the least time of the slowest part, of
/// these with the fewest ranks. A part has several ranks only where one rank would be too slow, or its memory too small,
/// for its first item alone. Where nothing fits the memory: the parts with the least bytes on the fullest rank.
/// Pure; O(n·log n) for each of some 50 trials, whatever the number of ranks, but for parts on several.
std::vector<Part> partition(const PartitionProblem& problem);

/// `parts` on one rank each, of which those with the most work are cut again, each where its halves are most alike, until
/// there are `count` or none has two items. Pure; O(n·log n).
std::vector<Part> split_further(const PartitionProblem& problem, std::vector<Part> parts, int count);

}  // namespace maniple
