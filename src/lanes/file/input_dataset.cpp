#include "lanes/file/input_dataset.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/text.hpp"
#include "lanes/file/hdf5_types.hpp"

namespace maniple {
namespace {

constexpr std::size_t most_names = 10'000;  // looked through for a suggestion
constexpr std::size_t chunk_cache_bytes = std::size_t{32} << 20;

std::string nearest_file(const std::filesystem::path& path) {
    std::vector<std::string> names;
    std::error_code ignored;
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        if (names.size() == most_names) break;
        names.push_back(entry.path().filename().string());
    }
    const std::string nearest = nearest_word(path.filename().string(), names);
    return nearest.empty() ? nearest : (path.parent_path() / nearest).string();
}

/// Why a file that HDF5 does not know is none, as far as its first bytes tell.
std::string kind_of_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    char magic[3] = {};
    file.read(magic, sizeof magic);
    if (std::memcmp(magic, "CDF", sizeof magic) == 0) {
        return "is a classic netCDF file, not HDF5: convert it with 'nccopy -k nc4 OLD NEW'";
    }
    return "is not an HDF5 file, or it is damaged or was never closed";
}

herr_t refuse_external_link(const char*, const char*, const char* file, const char* object, unsigned*, hid_t,
                            void* data) {
    *static_cast<std::string*>(data) = fmt::format("external link to {}:{}", file, object);
    return -1;
}

/// A property list of class `kind` (link or data set access) with which external links fail and name their target.
hdf5::Handle access_without_external_links(hid_t kind, std::string& external_target) {
    hdf5::Handle access(H5Pcreate(kind), H5Pclose, "making a property list");
    hdf5::check(H5Pset_elink_cb(access, refuse_external_link, &external_target), "refusing external links");
    return access;
}

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* data) {
    auto& names = *static_cast<std::vector<std::string>*>(data);
    names.push_back(std::string("/") + name);
    return names.size() < most_names ? 0 : 1;
}

/// Error for a name that leads to no object, with the nearest name that is there.
[[noreturn]] void refuse_missing_dataset(hid_t file, const std::string& path, const std::string& name,
                                         const Place& place) {
    std::vector<std::string> names;
    H5Lvisit(file, H5_INDEX_NAME, H5_ITER_NATIVE, collect_name, &names);
    const std::string nearest = nearest_word(name, names);
    std::string message = fmt::format("no data set '{}' in '{}'", name, path);
    if (nearest.empty() && !names.empty()) {
        constexpr std::size_t shown = 8;
        const bool more = names.size() > shown;
        names.resize(std::min(names.size(), shown));
        message += fmt::format("; it holds {}{}", join(names, ", "), more ? ", …" : "");
    }
    throw DataError(place, message, nearest);
}

/// Whether every link on the way to `name` is there (a soft link may still lead nowhere).
bool links_exist(hid_t file, const std::string& name, hid_t access) {
    for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
        const std::string prefix = name.substr(0, end);
        if (prefix.find_first_not_of('/') != std::string::npos &&
            hdf5::check(H5Lexists(file, prefix.c_str(), access), "looking for '" + prefix + "'") == 0) {
            return false;
        }
        if (end == std::string::npos) return true;
    }
}

std::string refuse_layout(hid_t properties) {
    if (H5Pget_layout(properties) == H5D_VIRTUAL) {
        return "is a virtual data set, whose sources HDF5 replaces silently by fill values when they are missing: "
               "copy it to a plain one";
    }
    if (hdf5::check(H5Pget_external_count(properties), "reading the layout") > 0) {
        return "keeps its data in another file (external raw storage), which maniple does not follow";
    }
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
                               static_cast<int>(filter), name);
        }
    }
    return {};
}

/// What is wrong with the extents, or "": data that the file claims to hold as they are must fit into it.
std::string refuse_extents(hid_t dataset, hid_t properties, const Shape& shape, std::size_t element_bytes,
                           std::int64_t file_bytes) {
    const std::int64_t bytes = checked_bytes(shape, static_cast<std::int64_t>(element_bytes));
    if (bytes < 0) return fmt::format("declares the shape {}, more bytes than 2^63 - 1", to_string(shape));
    const H5D_layout_t layout = H5Pget_layout(properties);
    if (layout == H5D_CHUNKED || bytes == 0) return {};
    const haddr_t offset = H5Dget_offset(dataset);
    if (layout == H5D_CONTIGUOUS && offset == HADDR_UNDEF) return {};  // never written: fill values
    const hsize_t stored = H5Dget_storage_size(dataset);
    const auto needed = static_cast<hsize_t>(bytes), available = static_cast<hsize_t>(file_bytes);
    const bool beyond_end = layout == H5D_CONTIGUOUS && (offset > available || needed > available - offset);
    if (stored < needed || needed > available || beyond_end) {
        return fmt::format("declares the shape {}, {}, but the file has only {}", to_string(shape), format_bytes(bytes),
                           format_bytes(file_bytes));
    }
    return {};
}

Shape chunk_of(hid_t properties, int rank) {
    if (H5Pget_layout(properties) != H5D_CHUNKED) return {};
    std::vector<hsize_t> sizes(static_cast<std::size_t>(rank));
    hdf5::check(H5Pget_chunk(properties, rank, sizes.data()), "reading the chunk shape");
    Shape chunk;
    for (hsize_t size : sizes) chunk.push_back(checked_cast<std::int64_t>(size));
    return chunk;
}

/// Opens the data set with a chunk cache that holds more than one chunk of usual size, so that boxes whose borders
/// are not the chunks' do not decompress twice.
hdf5::Handle open_dataset(hid_t file, const std::string& name) {
    std::string external_target;
    const hdf5::Handle access = access_without_external_links(H5P_DATASET_ACCESS, external_target);
    hdf5::check(H5Pset_chunk_cache(access, 12'421, chunk_cache_bytes, 1.0), "setting the chunk cache");
    return hdf5::Handle(H5Dopen2(file, name.c_str(), access), H5Dclose, "opening '" + name + "'");
}

InputDataset describe_dataset(hid_t file, const std::string& name, const std::string& subject, const Place& place) {
    InputDataset result{open_dataset(file, name), {}, {}, {}};
    const hdf5::Handle space(H5Dget_space(result.dataset), H5Sclose, "reading the extents");
    const hdf5::Handle type(H5Dget_type(result.dataset), H5Tclose, "reading the type");
    const hdf5::Handle properties(H5Dget_create_plist(result.dataset), H5Pclose, "reading the layout");
    const auto refuse = [&](const std::string& why) { throw DataError(place, subject + " " + why); };

    if (H5Sget_simple_extent_type(space) == H5S_NULL) refuse("is empty (a null dataspace)");
    const auto shape = hdf5::extents_of(space);
    if (!shape) refuse(fmt::format("has more than {} axes, or an extent beyond 2^63 - 1", max_rank));
    const auto dtype = hdf5::dtype_of(type);
    if (!dtype) refuse(fmt::format("holds {}, which maniple does not have", hdf5::describe_type(type)));
    result.shape = *shape;
    result.dtype = *dtype;
    result.chunk = chunk_of(properties, shape->rank());
    std::string wrong = refuse_layout(properties);
    if (wrong.empty()) {
        wrong = refuse_extents(result.dataset, properties, *shape, H5Tget_size(type), size_of_open_file(file));
    }
    if (wrong.empty() && checked_bytes(*shape, static_cast<std::int64_t>(size_of(*dtype))) < 0) {
        wrong = fmt::format("declares the shape {}, more bytes than 2^63 - 1", to_string(*shape));
    }
    if (!wrong.empty()) refuse(wrong);
    return result;
}

}  // namespace

std::vector<const InputSpec*> file_inputs(const Job& job) {
    std::vector<const InputSpec*> result;
    for (const InputSpec& input : job.inputs) {
        if (input.from) result.push_back(&input);
    }
    for (const ParameterSpec& parameter : job.parameters) {
        if (parameter.input.from) result.push_back(&parameter.input);
    }
    return result;
}

hdf5::Handle open_input_file(const std::string& path, const Place& place) {
    hdf5::start();
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) throw DataError(place, fmt::format("no file '{}'", path), nearest_file(path));
        throw DataError(place, fmt::format("cannot open '{}': {}", path, std::strerror(errno)));
    }
    if (S_ISDIR(status.st_mode)) throw DataError(place, fmt::format("'{}' is a folder", path));
    if (!S_ISREG(status.st_mode)) throw DataError(place, fmt::format("'{}' is not a regular file", path));
    try {
        const hdf5::Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "making a property list");
        // Shared locks where the file system has them: a file that someone is writing is refused.
        hdf5::check(H5Pset_file_locking(access, true, true), "setting file locks");
        return hdf5::Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose, "opening");
    } catch (const hdf5::Failure& failure) {
        if (failure.system_error() == EAGAIN) {
            throw DataError(place, fmt::format("cannot open '{}': another program has it open to write", path));
        }
        if (failure.system_error() != 0) {
            throw DataError(place, fmt::format("cannot open '{}': {}", path, std::strerror(failure.system_error())));
        }
        throw DataError(place, fmt::format("'{}' {} ({})", path, kind_of_file(path), failure.what()));
    }
}

hdf5::Handle open_object(hid_t file, const std::string& name) {
    std::string external_target;
    const hdf5::Handle access = access_without_external_links(H5P_LINK_ACCESS, external_target);
    try {
        return hdf5::Handle(H5Oopen(file, name.c_str(), access), H5Oclose, "opening '" + name + "'");
    } catch (const hdf5::Failure& failure) {
        if (external_target.empty()) throw;
        throw hdf5::Failure(fmt::format("'{}' is behind an {}, which maniple does not follow", name, external_target),
                            0);
    }
}

InputDataset open_input_dataset(hid_t file, const std::string& path, const std::string& name, const Place& place) {
    const std::string subject = fmt::format("data set '{}' of '{}'", name, path);
    try {
        std::string external_target;
        const hdf5::Handle access = access_without_external_links(H5P_LINK_ACCESS, external_target);
        bool exists = true;
        try {
            exists = links_exist(file, name, access);
        } catch (const hdf5::Failure&) {
            // A link on the way cannot be followed: opening says why.
        }
        if (!exists) refuse_missing_dataset(file, path, name, place);
        const hdf5::Handle object = open_object(file, name);
        if (H5Iget_type(object) == H5I_GROUP) {
            throw DataError(place, fmt::format("'{}' of '{}' is a group, not a data set", name, path));
        }
        if (H5Iget_type(object) != H5I_DATASET) {
            throw DataError(place, fmt::format("'{}' of '{}' is not a data set", name, path));
        }
        return describe_dataset(file, name, subject, place);
    } catch (const hdf5::Failure& failure) {
        throw DataError(place, fmt::format("{} cannot be read: {}", subject, failure.what()));
    }
}

std::string storage_problem(hid_t dataset) {
    const hdf5::Handle properties(H5Dget_create_plist(dataset), H5Pclose, "reading the layout");
    return refuse_layout(properties);
}

std::int64_t size_of_open_file(hid_t file) {
    void* descriptor = nullptr;
    hdf5::check(H5Fget_vfd_handle(file, H5P_DEFAULT, &descriptor), "asking for the file's descriptor");
    struct stat status = {};
    if (hdf5::fault_strikes() || fstat(*static_cast<int*>(descriptor), &status) != 0) {
        throw hdf5::Failure("asking for the file's size failed", errno);
    }
    return status.st_size;
}

}  // namespace maniple
