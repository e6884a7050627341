// program/tile_cost.hpp: how long tiles should take, and how long a cut takes, from what a point costs.
#pragma once

#include "program/layout.hpp"

namespace maniple {

/// What a tile costs besides its points: it is taken from a deque and its dependents are released (0.1 to 0.3 us), its
/// kernel is called and begins with a cold cache (0.8 us more for each of 171 tiles of a grid of 300 x 300 than for 4).
inline constexpr double tile_overhead_ns = 1000;

/// How long a tile should take, of work that takes one thread `total_ns`. With n tiles of t = total / n each, `threads`
/// (T) end after about total/T + t · (T - 1) / 2T, since they end up to a tile apart, and n tiles cost n · overhead /
/// T. The sum is least where t = sqrt(2 · total · overhead / (T - 1)). Tiles of an irregular kernel may take several
/// times as long as they are taken to. Never so short that the overhead is a fifth of it, nor so long that a run seems
/// to stand still.
double wanted_tile_ns(double total_ns, int threads, bool irregular);

/// Nanoseconds until `threads` are done with these of the tiles that are the cpu's, by the same model.
double cut_ns(const std::vector<Tile>& tiles, double point_ns, int threads);

/// Whether tiles may follow from what points cost: whatever they are, results have the same bits. Not where
/// hand-written code computes, whose order of operations may follow from the shape that it is called with.
bool may_follow_cost(const Operation& operation);

/// LaneChoice::point_ns of what computes on a tile of `operation`: of a chain's last operation that of all of it.
double tile_point_ns(const Layout& layout, const std::vector<double>& point_ns, OperationId operation);

/// Bytes of tensors that `points` of `operation` read and write, each element of an input once.
std::int64_t touched_bytes(const Graph& graph, const Operation& operation, const Box& points);

}  // namespace maniple
