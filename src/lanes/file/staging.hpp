// lanes/file/staging.hpp: compressed outputs of several ranks, kept as plain bytes until rank 0 compresses them.
#pragma once

#include <cstdint>
#include <vector>

#include "lanes/file/output_content.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// HDF5 writes through filters only where all ranks take part in every call, in one order; ours write whenever
/// something is ready. So the ranks write the elements of such data sets into a plain file beside the output, each
/// where its box lies in row-major order, and at the end rank 0 alone reads that file once and compresses it.
/// Owns an open file and, on rank 0, its name. Threads: one at a time.
class Staging {
public:
    Staging() = default;
    ~Staging();  ///< Closes; on rank 0 removes the file.
    Staging(Staging&& other) noexcept;
    Staging& operator=(Staging&& other) noexcept;

    /// The data sets of `file` that are staged get places in it. `creates` (rank 0): makes the file, before any other
    /// rank opens it. Without such data sets nothing is done. Errors: CreateError; FileError where the disk is full.
    void open(const OutputFile& file, const std::vector<OutputDataset>& all, bool creates);

    bool holds(std::size_t dataset) const;

    /// Errors: FileError.
    void write(std::size_t dataset, const OutputDataset& about, std::int64_t row, const Box& box,
               const ConstBlock& from, const Box& source) const;

    /// Rank 0, once all ranks have written: writes the first rows of each data set into the output's temporary file.
    /// Errors: FileError.
    void compress_into(const OutputFile& file, const std::vector<OutputDataset>& all,
                       const std::vector<std::int64_t>& rows) const;

private:
    struct Part {
        std::size_t dataset = 0;
        std::int64_t offset = 0;  ///< bytes from the file's begin
    };
    void compress(hid_t file, const Part& part, const OutputDataset& about, std::int64_t rows) const;
    void close() noexcept;

    std::vector<Part> parts_;
    std::filesystem::path name_;  ///< rank 0's to remove
    int descriptor_ = -1;
};

/// Whether several ranks cannot write `dataset` into the output file themselves.
bool is_staged(const OutputDataset& dataset, bool parallel);

}  // namespace maniple
