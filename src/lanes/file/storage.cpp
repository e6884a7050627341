#include "lanes/file/storage.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "base/text.hpp"

namespace maniple {
namespace {

/// Bytes of the chunks that the file has, for a chunked data set; 0 for any other.
hsize_t allocated_bytes(hid_t dataset, const Shape& chunk, std::size_t element_bytes) {
    if (chunk.rank() == 0) return 0;
    const hdf5::Handle space(H5Dget_space(dataset), H5Sclose, "reading the extents");
    hsize_t chunks = 0;
    hdf5::check(H5Dget_num_chunks(dataset, space, &chunks), "counting the chunks");
    const std::int64_t bytes = checked_bytes(chunk, static_cast<std::int64_t>(element_bytes));
    hsize_t all = 0;
    if (bytes < 0 || __builtin_mul_overflow(chunks, static_cast<hsize_t>(bytes), &all)) return HSIZE_UNDEF;
    return all;
}

/// Whether the data set is small enough to look at its whole chunk index, so that damage is found before the run. (To
/// look at the n-th chunk HDF5 1.10 goes through all before it.)
bool has_few_chunks(const Shape& shape, const Shape& chunk) {
    constexpr std::int64_t few = 2'000;
    std::int64_t chunks = 1;
    for (int axis = 0; axis < chunk.rank() && chunks <= few; ++axis) {
        if (chunk[axis] < 1 || shape[axis] / chunk[axis] >= few) return false;
        chunks *= shape[axis] / chunk[axis] + 1;
    }
    return chunks <= few;
}

/// The bytes that a chunk of `chunk_bytes` has in the file after the filters that `skipped` does not name, or -1 where
/// that depends on the values.
std::int64_t stored_bytes(hid_t properties, unsigned skipped, std::int64_t chunk_bytes) {
    constexpr std::int64_t checksum_bytes = 4;
    const auto filters = hdf5::check(H5Pget_nfilters(properties), "reading the filters");
    for (unsigned i = 0; i < static_cast<unsigned>(filters); ++i) {
        if ((skipped >> i & 1U) != 0) continue;
        unsigned flags = 0, configuration = 0;
        std::size_t values = 0;
        const H5Z_filter_t filter = H5Pget_filter2(properties, i, &flags, &values, nullptr, 0, nullptr, &configuration);
        if (filter == H5Z_FILTER_FLETCHER32) chunk_bytes += checksum_bytes;
        if (filter != H5Z_FILTER_FLETCHER32 && filter != H5Z_FILTER_SHUFFLE) return -1;
    }
    return chunk_bytes;
}

/// What is wrong with the chunks of a data set that has few, or "". HDF5 takes what lies behind a chunk in memory for
/// its values where a damaged index says that a compressed chunk is not compressed, or makes an uncompressed one shorter.
std::string chunk_problem(const InputDataset& data, hid_t properties, std::size_t element_bytes) {
    const std::int64_t chunk_bytes = checked_bytes(data.chunk, static_cast<std::int64_t>(element_bytes));
    if (data.chunk.rank() == 0) return {};
    const hdf5::Handle space(H5Dget_space(data.dataset), H5Sclose, "reading the extents");
    hsize_t chunks = 0;
    hdf5::check(H5Dget_num_chunks(data.dataset, space, &chunks), "counting the chunks");
    for (hsize_t number = 0; number < chunks; ++number) {
        std::vector<hsize_t> offset(static_cast<std::size_t>(data.chunk.rank()));
        unsigned skipped = 0;
        haddr_t address = 0;
        hsize_t bytes = 0;
        hdf5::check(H5Dget_chunk_info(data.dataset, space, number, offset.data(), &skipped, &address, &bytes),
                    "looking at the chunks");
        const std::int64_t wanted = stored_bytes(properties, skipped, chunk_bytes);
        // Chunks at the edges may be left unfiltered.
        const bool whole = bytes == static_cast<hsize_t>(chunk_bytes);
        if (wanted >= 0 && !whole && bytes != static_cast<hsize_t>(wanted)) {
            return fmt::format("is damaged: its chunk at [{}] has {} bytes, not {}", fmt::join(offset, ", "), bytes,
                               wanted);
        }
    }
    return {};
}

/// Extents for which the file holds next to nothing are not believed: HDF5 would give fill values for all of them.
/// `held`: the bytes that are there.
bool is_absurd(hsize_t claimed, hsize_t held, hsize_t file_bytes) {
    constexpr hsize_t always_believed = hsize_t{1} << 30, values_per_byte = 1000;
    const hsize_t believed =
        std::max(always_believed, std::min(file_bytes, HSIZE_UNDEF / values_per_byte) * values_per_byte);
    return claimed > held && claimed - held > believed;
}

}  // namespace

std::string filter_problem(hid_t properties) {
    const auto filters = hdf5::check(H5Pget_nfilters(properties), "reading the filters");
    for (unsigned i = 0; i < static_cast<unsigned>(filters); ++i) {
        unsigned flags = 0, configuration = 0;
        std::size_t values = 0;
        char name[64] = {};
        const H5Z_filter_t filter =
            H5Pget_filter2(properties, i, &flags, &values, nullptr, sizeof name, name, &configuration);
        hdf5::check(filter, "reading a filter");
        if (H5Zfilter_avail(filter) <= 0) {
            return fmt::format("is compressed with filter {} ('{}'), which this HDF5 library does not have",
                               static_cast<int>(filter), printable(name));
        }
    }
    return {};
}

std::string extents_problem(hid_t dataset, hid_t properties, const InputDataset& data, std::size_t element_bytes,
                            std::int64_t file_bytes, hsize_t held_elsewhere) {
    const Shape& shape = data.shape;
    const std::int64_t bytes = checked_bytes(shape, static_cast<std::int64_t>(element_bytes));
    if (bytes < 0) return fmt::format("declares the shape {}, more bytes than 2^63 - 1", to_string(shape));
    if (bytes == 0) return {};
    const H5D_layout_t layout = H5Pget_layout(properties);
    const haddr_t offset = H5Dget_offset(dataset);
    const auto needed = static_cast<hsize_t>(bytes), available = static_cast<hsize_t>(file_bytes);
    // In a file with a user block the offset of what was never written is not HADDR_UNDEF but a little more.
    H5D_space_status_t status = H5D_SPACE_STATUS_ERROR;
    hdf5::check(H5Dget_space_status(dataset, &status), "reading the layout");
    const bool unwritten = layout == H5D_CONTIGUOUS && status == H5D_SPACE_STATUS_NOT_ALLOCATED;
    bool too_large = false;
    if (layout == H5D_CHUNKED || layout == H5D_VIRTUAL || unwritten) {
        hsize_t held = held_elsewhere;
        if (has_few_chunks(shape, data.chunk) || is_absurd(needed, 0, available)) {
            held += allocated_bytes(dataset, data.chunk, element_bytes);
        }
        too_large = is_absurd(needed, held, available);
    } else {
        const bool beyond_end = layout == H5D_CONTIGUOUS && (offset > available || needed > available - offset);
        too_large = H5Dget_storage_size(dataset) < needed || needed > available || beyond_end;
    }
    if (!too_large) return has_few_chunks(shape, data.chunk) ? chunk_problem(data, properties, element_bytes) : "";
    return fmt::format("declares the shape {}, {}, but the file has only {}", to_string(shape), format_bytes(bytes),
                       format_bytes(file_bytes));
}

}  // namespace maniple
