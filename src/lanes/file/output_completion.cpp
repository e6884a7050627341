// complete_output_file: the end of an output's temporary file, and the proof that it arrived on the disk.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "lanes/file/carried.hpp"
#include "lanes/file/hdf5_types.hpp"
#include "lanes/file/output_content.hpp"

namespace maniple {
namespace {

hdf5::Handle open_dataset(hid_t file, const std::string& name) {
    return hdf5::Handle(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose, "opening '" + name + "'");
}

void cut_series(hid_t file, const OutputDataset& dataset, std::int64_t rows) {
    hdf5::Handle opened = open_dataset(file, dataset.dataset);
    const Shape shape = shape_in_file(dataset, rows);
    const std::vector<hsize_t> sizes(shape.begin(), shape.end());
    hdf5::check(H5Dset_extent(opened, sizes.data()), "cutting '" + dataset.dataset + "'");
    opened.close("cutting '" + dataset.dataset + "'");
}

void write_end(const OutputFile& file, const std::vector<OutputDataset>& all, const std::vector<std::int64_t>& rows,
               const std::vector<Checksums>& checksums) {
    hdf5::Handle opened(H5Fopen(file.path.temporary.c_str(), H5F_ACC_RDWR, plain_access()), H5Fclose, "opening again");
    for (auto number = file.datasets.rbegin(); number != file.datasets.rend(); ++number) {
        if (all[*number].series) cut_series(opened, all[*number], rows[*number]);  // the last one ends the file
    }
    for (std::size_t number : file.datasets) {
        if (all[number].series && all[number].every > 0) write_step_scale(opened, all[number], rows[number]);
        write_checksums(opened, all[number].dataset, checksums[number], all[number].shape.rank());
    }
    hdf5::Handle group(H5Gopen2(opened, own_group, H5P_DEFAULT), H5Gclose, "opening the provenance");
    hdf5::write_attribute(group, "finished", utc_now());
    group.close("closing the provenance");
    hdf5::check(H5Fflush(opened, H5F_SCOPE_GLOBAL), "writing");
    hdf5::write_attribute(opened, complete_attribute, std::int64_t{1});
    hdf5::check(H5Fflush(opened, H5F_SCOPE_GLOBAL), "writing");
    opened.close("closing");
}

/// Bytes that the data set's storage must have; -1 where compression makes that unknown.
std::int64_t expected_storage(hid_t dataset, const Shape& shape, std::int64_t element_bytes) {
    const hdf5::Handle properties(H5Dget_create_plist(dataset), H5Pclose, "reading the layout");
    if (H5Pget_nfilters(properties) > 0) return -1;
    if (H5Pget_layout(properties) != H5D_CHUNKED) return element_count(shape) * element_bytes;
    std::vector<hsize_t> chunk(static_cast<std::size_t>(shape.rank()));
    hdf5::check(H5Pget_chunk(properties, shape.rank(), chunk.data()), "reading the chunk shape");
    std::int64_t bytes = element_bytes;
    for (int axis = 0; axis < shape.rank(); ++axis) {
        const auto extent = static_cast<std::int64_t>(chunk[static_cast<std::size_t>(axis)]);
        bytes *= (shape[axis] + extent - 1) / extent * extent;
    }
    return bytes;
}

void require(bool holds, const std::string& what) {
    if (!holds || hdf5::fault_strikes()) throw hdf5::Failure("read again, " + what, 0);
}

/// Returns the bytes that the data set keeps in the file.
std::int64_t verify_dataset(hid_t file, const OutputDataset& dataset, std::int64_t rows, std::int64_t file_bytes) {
    const hdf5::Handle opened = open_dataset(file, dataset.dataset);
    const hdf5::Handle space(H5Dget_space(opened), H5Sclose, "reading the extents");
    const Shape shape = shape_in_file(dataset, rows);
    const auto found = hdf5::extents_of(space);
    require(found && *found == shape, "'" + dataset.dataset + "' has another shape");
    const auto stored = static_cast<std::int64_t>(H5Dget_storage_size(opened));
    const std::int64_t expected = expected_storage(opened, shape, static_cast<std::int64_t>(size_of(dataset.dtype)));
    if (expected < 0) {
        require(stored > 0 || element_count(shape) == 0, "'" + dataset.dataset + "' has no data");
        return stored;
    }
    require(stored == expected,
            fmt::format("'{}' has {} bytes of data instead of {}", dataset.dataset, stored, expected));
    const haddr_t offset = H5Dget_offset(opened);
    if (!dataset.series && stored > 0 && offset != HADDR_UNDEF) {
        require(static_cast<std::int64_t>(offset) + stored <= file_bytes, "'" + dataset.dataset + "' is cut off");
    }
    return stored;
}

void verify(const OutputFile& file, const std::vector<OutputDataset>& all, const std::vector<std::int64_t>& rows) {
    struct stat status = {};
    if (stat(file.path.temporary.c_str(), &status) != 0) throw hdf5::Failure(std::strerror(errno), errno);
    const hdf5::Handle opened(H5Fopen(file.path.temporary.c_str(), H5F_ACC_RDONLY, plain_access()), H5Fclose,
                              "opening to verify");
    std::int64_t stored = 0;
    for (std::size_t number : file.datasets)
        stored += verify_dataset(opened, all[number], rows[number], status.st_size);
    require(stored <= status.st_size, "the file is shorter than its data");
    require(hdf5::read_integer(opened, complete_attribute) == 1, "the completeness mark is missing");
}

}  // namespace

void complete_output_file(const OutputFile& file, const std::vector<OutputDataset>& all,
                          const std::vector<std::int64_t>& rows, const std::vector<Checksums>& checksums) {
    try {
        write_end(file, all, rows, checksums);
        synchronize(file.path.temporary);
        verify(file, all, rows);
    } catch (const hdf5::Failure& failure) {
        throw FileError(file.place, fmt::format("cannot write '{}': {}", file.name, failure.what()));
    }
}

}  // namespace maniple
