// lanes/file/output_content.hpp: what rank 0 alone puts into an output file, before the run writes and after it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lanes/file/checksums.hpp"
#include "lanes/file/files.hpp"
#include "lanes/file/hdf5_handle.hpp"
#include "lanes/file/output_path.hpp"

namespace maniple {

class CarriedMetadata;

/// One FILE with the data sets that go into it.
struct OutputFile {
    OutputPath path;
    std::string name;                   ///< as the first of its data sets names it
    std::vector<std::size_t> datasets;  ///< positions in the list of all data sets
    Place place;                        ///< of the first of them
};

/// Attributes of the root group. The first says which layout of /maniple the file has; the second is written last.
inline constexpr const char* format_attribute = "maniple_format";
inline constexpr const char* complete_attribute = "maniple_complete";
inline constexpr std::int64_t format_version = 1;

/// The names' parts in order: "/a//b" is {"a", "b"}.
std::vector<std::string> path_parts(const std::string& dataset);

/// Creates the groups above the object `name` that are not there yet. Errors: hdf5::Failure.
void create_groups(hid_t file, const std::string& name);

/// A property list for access by the ordinary driver, without HDF5's own locks: temporary files have ours.
hdf5::Handle plain_access();

/// Whether `file` carries the completeness mark. False also where it cannot be read.
bool is_complete(const std::filesystem::path& file);

/// The extents of a data set in the file: a series has `rows` in front.
Shape shape_in_file(const OutputDataset& dataset, std::int64_t rows);

/// Creates the temporary file with its groups, data sets, attributes, scales and provenance, and closes it.
/// `parallel`: several ranks will write it, so all storage is allocated now. Requires: the temporary file is not there.
/// Errors: CreateError; FileError where the disk is full.
void create_output_file(const OutputFile& file, const std::vector<OutputDataset>& all, bool parallel,
                        const Provenance& provenance, CarriedMetadata& carried);

/// Completes the temporary file when all has been written: the rows and steps of series, checksums, the time, the
/// mark; then puts it on stable storage, reads it again and checks that it is what it should be.
/// Errors: FileError.
void complete_output_file(const OutputFile& file, const std::vector<OutputDataset>& all,
                          const std::vector<std::int64_t>& rows, const std::vector<Checksums>& checksums);

}  // namespace maniple
