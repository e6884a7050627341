// bench/stencil/hand.hpp: steps of the heat equation by hand: MPI between ranks, OpenMP within.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <span>
#include <vector>

namespace maniple::bench {

/// u + alpha*((((north + south) + west) + east) − 4u) on a grid of `size` × `size` whose edges repeat their elements,
/// each operation rounded. Rows are cut over the ranks; a step's messages travel while the rows that need none are
/// computed.
class HandStencil {
public:
    HandStencil(std::int64_t size, float alpha, int threads, MPI_Comm communicator);

    std::int64_t first_row() const { return first_; }
    std::int64_t rows() const { return rows_; }
    /// Row `row` of this rank, as it is now.
    std::span<float> row(std::int64_t row);

    /// Collective. Blocks.
    void run(int steps);

private:
    void step();
    void compute(std::int64_t from, std::int64_t to);
    void begin_messages();
    void finish_halo();

    /// Between rows, so that each begins on a cache line and has an element before and behind it.
    static constexpr std::int64_t margin = 16;

    float* at(std::vector<float>& grid, std::int64_t row) { return grid.data() + (row + 1) * stride_ + margin; }

    std::int64_t size_;
    std::int64_t stride_;
    float alpha_;
    int threads_;
    MPI_Comm communicator_;
    int north_, south_;  ///< ranks, or MPI_PROC_NULL
    std::int64_t first_, rows_;
    std::vector<float> now_, next_;  ///< this rank's rows, one above and one below
    MPI_Request requests_[4];
};

}  // namespace maniple::bench
