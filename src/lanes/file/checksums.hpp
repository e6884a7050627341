// lanes/file/checksums.hpp: XXH3-64 of every box that was written, kept in the file beside the data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "lanes/file/hdf5_handle.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// One box of one data set as it was written. `row`: of a series, else 0.
struct WrittenBox {
    std::int64_t row = 0;
    Box box;

    bool operator<(const WrittenBox& other) const;
};

/// The boxes of one data set with their checksums. A box that is written again replaces its checksum.
using Checksums = std::map<WrittenBox, std::uint64_t>;

/// XXH3-64 of the elements of `box` in `block`, in row-major order.
std::uint64_t checksum_of(const ConstBlock& block, const Box& box);

/// All data sets' checksums as numbers for a message, and what `numbers` of several ranks add to `all`.
/// Errors of add_checksums: FileError where two ranks wrote one box with different contents.
std::vector<std::int64_t> to_numbers(const std::vector<Checksums>& all);
void add_checksums(std::vector<Checksums>& all, const std::vector<std::int64_t>& numbers);

/// Writes the checksums of data set `name` ("/results/u") as /maniple/checksums/results/u: one line of unsigned
/// 64-bit numbers a box: row, lo of each axis, hi of each axis, XXH3-64. Errors: hdf5::Failure.
void write_checksums(hid_t file, const std::string& name, const Checksums& checksums, int rank);

/// What reading a data set again says.
struct Verification {
    std::int64_t boxes = 0;          ///< with a checksum
    std::vector<std::string> wrong;  ///< those whose bytes are not what was written
};

/// Reads every box of data set `name` that has a checksum. `series`: its first axis is the row.
/// Errors: hdf5::Failure.
Verification verify_checksums(hid_t file, const std::string& name);

/// The group in which the checksums and the provenance are.
inline constexpr const char* own_group = "/maniple";

}  // namespace maniple
