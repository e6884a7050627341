#include "stencil/hand.hpp"

#include <omp.h>

namespace maniple::bench {

HandStencil::HandStencil(std::int64_t size, float alpha, int threads, MPI_Comm communicator)
    : size_(size), stride_((size + margin - 1) / margin * margin + 2 * margin), alpha_(alpha), threads_(threads),
      communicator_(communicator) {
    int rank = 0, ranks = 1;
    MPI_Comm_rank(communicator, &rank);
    MPI_Comm_size(communicator, &ranks);
    north_ = rank > 0 ? rank - 1 : MPI_PROC_NULL;
    south_ = rank + 1 < ranks ? rank + 1 : MPI_PROC_NULL;
    first_ = size * rank / ranks;
    rows_ = size * (rank + 1) / ranks - first_;
    now_.resize(static_cast<std::size_t>((rows_ + 2) * stride_ + margin));
    next_.resize(now_.size());
}

std::span<float> HandStencil::row(std::int64_t row) { return {at(now_, row), static_cast<std::size_t>(size_)}; }

/// One region for all steps; its first thread alone calls MPI.
void HandStencil::run(int steps) {
    for (std::int64_t row = 0; row < rows_; ++row) {
        float* const cells = at(now_, row);
        cells[-1] = cells[0];
        cells[size_] = cells[size_ - 1];
    }
#pragma omp parallel num_threads(threads_)
    for (int i = 0; i < steps; ++i) step();
}

void HandStencil::step() {
    const int me = omp_get_thread_num(), threads = omp_get_num_threads();
    const std::int64_t inner = rows_ - 2;  // these need nobody else's rows
    if (me == 0) begin_messages();
    compute(1 + inner * me / threads, 1 + inner * (me + 1) / threads);
    if (me == 0) {
        finish_halo();
        compute(0, 1);
        compute(rows_ - 1, rows_);
    }
#pragma omp barrier
#pragma omp master
    now_.swap(next_);
#pragma omp barrier
}

void HandStencil::compute(std::int64_t from, std::int64_t to) {
    for (std::int64_t row = from; row < to; ++row) {
        const float* const north = at(now_, row - 1);
        const float* const here = at(now_, row);
        const float* const south = at(now_, row + 1);
        float* const out = at(next_, row);
        const float alpha = alpha_;
#pragma omp simd
        for (std::int64_t x = 0; x < size_; ++x) {
            const float around = ((north[x] + south[x]) + here[x - 1]) + here[x + 1];
            out[x] = here[x] + alpha * (around - 4.0f * here[x]);
        }
        out[-1] = out[0];
        out[size_] = out[size_ - 1];
    }
}

void HandStencil::begin_messages() {
    const int count = static_cast<int>(size_);
    MPI_Irecv(at(now_, -1), count, MPI_FLOAT, north_, 0, communicator_, &requests_[0]);
    MPI_Irecv(at(now_, rows_), count, MPI_FLOAT, south_, 1, communicator_, &requests_[1]);
    MPI_Isend(at(now_, 0), count, MPI_FLOAT, north_, 1, communicator_, &requests_[2]);
    MPI_Isend(at(now_, rows_ - 1), count, MPI_FLOAT, south_, 0, communicator_, &requests_[3]);
}

void HandStencil::finish_halo() {
    MPI_Waitall(4, requests_, MPI_STATUSES_IGNORE);
    const auto repeat = [&](std::int64_t from, std::int64_t to) {
        for (std::int64_t x = 0; x < size_; ++x) at(now_, to)[x] = at(now_, from)[x];
    };
    if (north_ == MPI_PROC_NULL) repeat(0, -1);
    if (south_ == MPI_PROC_NULL) repeat(rows_ - 1, rows_);
}

}  // namespace maniple::bench
