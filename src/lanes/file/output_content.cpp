#include "lanes/file/output_content.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "lanes/file/carried.hpp"
#include "lanes/file/hdf5_types.hpp"
#include "lanes/file/staging.hpp"

namespace maniple {
namespace {

// A slab of one chunk of this size was written fastest (against 16 MiB slabs: 1.65 times, 1 GiB of f32 on tmpfs).
constexpr std::int64_t chunk_bytes = std::int64_t{1} << 20;

/// Object names and attributes in the order of their creation: netCDF-4 tools list them so.
hdf5::Handle group_properties(hid_t kind) {
    hdf5::Handle properties(H5Pcreate(kind), H5Pclose, "making a property list");
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    hdf5::check(H5Pset_link_creation_order(properties, order), "asking for creation order");
    hdf5::check(H5Pset_attr_creation_order(properties, order), "asking for creation order");
    return properties;
}

/// About chunk_bytes; the leading axes are cut first, so that a chunk lies in one piece. A series' small rows share a
/// chunk.
Shape chunk_shape(const Shape& shape, std::int64_t element_bytes) {
    std::int64_t bytes = element_bytes;
    for (std::int64_t extent : shape) bytes *= std::max<std::int64_t>(1, extent);
    Shape chunk;
    for (std::int64_t extent : shape) {
        const std::int64_t whole = std::max<std::int64_t>(1, extent);
        const std::int64_t inner = bytes / whole;
        const std::int64_t part = std::clamp<std::int64_t>(chunk_bytes / inner, 1, whole);
        chunk.push_back(part);
        bytes = inner * part;
    }
    return chunk;
}

hdf5::Handle dataset_properties(const OutputDataset& dataset, const Shape& shape, bool parallel) {
    const std::string what = "describing the data set";
    hdf5::Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what);
    hdf5::check(H5Pset_attr_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), what);
    hdf5::check(H5Pset_obj_track_times(properties, false), what);
    const bool compressed = dataset.gzip_level >= 0 && shape.rank() > 0;
    // Every element is written, so filling first would write everything twice. A compressed chunk whose edge lies
    // outside the data set is the exception.
    hdf5::check(H5Pset_fill_time(properties, compressed ? H5D_FILL_TIME_ALLOC : H5D_FILL_TIME_NEVER), what);
    const bool chunked = compressed || dataset.series;
    hdf5::check(H5Pset_alloc_time(properties, chunked && !parallel ? H5D_ALLOC_TIME_INCR : H5D_ALLOC_TIME_EARLY), what);
    if (!chunked) return properties;
    const Shape chunk = chunk_shape(shape, static_cast<std::int64_t>(size_of(dataset.dtype)));
    const std::vector<hsize_t> sizes(chunk.begin(), chunk.end());
    hdf5::check(H5Pset_chunk(properties, chunk.rank(), sizes.data()), what);
    if (compressed) {
        hdf5::check(H5Pset_shuffle(properties), what);
        hdf5::check(H5Pset_deflate(properties, static_cast<unsigned>(dataset.gzip_level)), what);
    }
    return properties;
}

hdf5::Handle create_dataset(hid_t file, const OutputDataset& dataset, bool parallel) {
    create_groups(file, dataset.dataset);
    const Shape shape = shape_in_file(dataset, dataset.rows);
    std::vector<hsize_t> limits(shape.begin(), shape.end());
    if (dataset.series) limits[0] = H5S_UNLIMITED;
    const hdf5::Handle space = hdf5::space_of(shape_in_file(dataset, 0), limits);  // rows: extend_series
    const hdf5::Handle properties = dataset_properties(dataset, shape, parallel);
    return hdf5::Handle(H5Dcreate2(file, dataset.dataset.c_str(), hdf5::type_of(dataset.dtype), space, H5P_DEFAULT,
                                   properties, H5P_DEFAULT),
                        H5Dclose, "creating '" + dataset.dataset + "'");
}

/// Gives a series the rows that it may need. That comes last, so that the rows lie at the end of the file: those that
/// are not needed are cut off with it.
void extend_series(hid_t file, const OutputDataset& dataset) {
    const std::string what = "extending '" + dataset.dataset + "'";
    hdf5::Handle opened(H5Dopen2(file, dataset.dataset.c_str(), H5P_DEFAULT), H5Dclose, what);
    const Shape shape = shape_in_file(dataset, dataset.rows);
    const std::vector<hsize_t> sizes(shape.begin(), shape.end());
    hdf5::check(H5Dset_extent(opened, sizes.data()), what);
    opened.close(what);
}

void write_provenance(hid_t file, const Provenance& provenance) {
    create_groups(file, std::string(own_group) + "/checksums/");
    const hdf5::Handle group(H5Gopen2(file, own_group, H5P_DEFAULT), H5Gclose, "opening the provenance");
    hdf5::write_attribute(group, "job_name", provenance.job_name);
    hdf5::write_attribute(group, "job", provenance.job_text);
    hdf5::write_attribute(group, "version", provenance.version);
    hdf5::write_attribute(group, "plan", provenance.plan);
    hdf5::write_attribute(group, "hosts", provenance.hosts);
    hdf5::write_attribute(group, "ranks", std::int64_t{provenance.ranks});
    hdf5::write_attribute(group, "started", provenance.started_utc);
}

[[noreturn]] void throw_create_failure(const hdf5::Failure& failure, const OutputFile& file, const Place& place) {
    const std::string message = fmt::format("cannot create '{}': {}", file.name, failure.what());
    const int error = failure.system_error();
    if (error == ENOSPC || error == EDQUOT) throw FileError(place, message);
    throw CreateError(place, message);
}

/// Bytes for the index of the chunks that are allocated early. They are asked for in one block, before the chunks:
/// scattered between the chunks they would keep the file from becoming shorter when rows are cut off.
hsize_t index_bytes(const OutputFile& file, const std::vector<OutputDataset>& all) {
    constexpr std::int64_t least = 4096;
    std::int64_t bytes = least;
    for (std::size_t number : file.datasets) {
        if (!all[number].series) continue;
        const Shape shape = shape_in_file(all[number], all[number].rows);
        const Shape chunk = chunk_shape(shape, static_cast<std::int64_t>(size_of(all[number].dtype)));
        std::int64_t chunks = 1;
        for (int axis = 0; axis < shape.rank(); ++axis) chunks *= (shape[axis] + chunk[axis] - 1) / chunk[axis];
        bytes += chunks * 3 * (8 * (shape.rank() + 1) + 16);  // a key and an address, in nodes that may be half empty
    }
    return static_cast<hsize_t>(bytes);
}

hdf5::Handle create_temporary(const OutputFile& file, hsize_t metadata_block_bytes) {
    const hdf5::Handle access = plain_access();
    hdf5::check(H5Pset_meta_block_size(access, metadata_block_bytes), "setting the metadata block");
    return hdf5::Handle(H5Fcreate(file.path.temporary.c_str(), H5F_ACC_EXCL, group_properties(H5P_FILE_CREATE), access),
                        H5Fclose, "creating the file");
}

}  // namespace

std::vector<std::string> path_parts(const std::string& dataset) {
    std::vector<std::string> parts;
    std::size_t begin = 0;
    while (begin <= dataset.size()) {
        const std::size_t end = std::min(dataset.find('/', begin), dataset.size());
        const std::string part = dataset.substr(begin, end - begin);
        if (!part.empty() && part != ".") parts.push_back(part);
        begin = end + 1;
    }
    return parts;
}

void create_groups(hid_t file, const std::string& name) {
    const hdf5::Handle properties = group_properties(H5P_GROUP_CREATE);
    for (std::size_t end = name.find('/', 1); end != std::string::npos; end = name.find('/', end + 1)) {
        const std::string group = name.substr(0, end);
        if (hdf5::check(H5Lexists(file, group.c_str(), H5P_DEFAULT), "looking for group '" + group + "'") > 0) continue;
        hdf5::Handle(H5Gcreate2(file, group.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT), H5Gclose,
                     "creating group '" + group + "'");
    }
}

hdf5::Handle plain_access() {
    hdf5::Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "making a property list");
    hdf5::check(H5Pset_file_locking(access, false, true), "setting file locks");
    return access;
}

bool is_complete(const std::filesystem::path& file) {
    try {
        const hdf5::Handle opened(H5Fopen(file.c_str(), H5F_ACC_RDONLY, plain_access()), H5Fclose, "opening");
        return hdf5::read_integer(opened, complete_attribute) == 1;
    } catch (const hdf5::Failure&) { return false; }
}

Shape shape_in_file(const OutputDataset& dataset, std::int64_t rows) {
    if (!dataset.series) return dataset.shape;
    Shape shape{rows};
    for (std::int64_t extent : dataset.shape) shape.push_back(extent);
    return shape;
}

void create_output_file(const OutputFile& file, const std::vector<OutputDataset>& all, bool parallel,
                        const Provenance& provenance, CarriedMetadata& carried) {
    Place place = file.place;
    try {
        hdf5::Handle created = create_temporary(file, parallel ? index_bytes(file, all) : 2048);
        hdf5::write_attribute(created, format_attribute, format_version);
        for (std::size_t number : file.datasets) {
            place = all[number].place;
            hdf5::Handle dataset = create_dataset(created, all[number], parallel && !is_staged(all[number], parallel));
            carried.carry_attributes(all[number], dataset);
            for (const auto& [name, value] : all[number].attributes) hdf5::write_attribute(dataset, name, value);
            dataset.close("creating '" + all[number].dataset + "'");
        }
        // Scales come after all data sets: a data set of the job keeps its name, a scale takes another one.
        for (std::size_t number : file.datasets) {
            place = all[number].place;
            carried.carry_scales(all[number], created);
        }
        place = file.place;
        write_provenance(created, provenance);
        carried.end_of_file();
        for (std::size_t number : file.datasets) {
            place = all[number].place;
            if (all[number].series) extend_series(created, all[number]);
        }
        hdf5::check(H5Fflush(created, H5F_SCOPE_GLOBAL), "writing the file");
        created.close("closing the file");
    } catch (const hdf5::Failure& failure) { throw_create_failure(failure, file, place); }
}

}  // namespace maniple
