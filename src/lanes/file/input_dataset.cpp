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
#include "lanes/file/shield.hpp"
#include "lanes/file/storage.hpp"

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
        std::sort(names.begin(), names.end());
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
hdf5::Handle open_dataset(hid_t file, const std::string& name, ExternalLinks& links) {
    const hdf5::Handle access = links.access(H5P_DATASET_ACCESS);
    hdf5::check(H5Pset_chunk_cache(access, 12'421, chunk_cache_bytes, 1.0), "setting the chunk cache");
    return hdf5::Handle(H5Dopen2(file, name.c_str(), access), H5Dclose, "opening '" + name + "'");
}

InputDataset open_following(hid_t file, const std::string& path, const std::string& name, const Place& place,
                            Following& following);

/// The extents of a source of a virtual data set in `parent`, which must be there and readable.
Shape shape_of_source(hid_t parent, const VirtualSource& source, const Place& place, Following& following) {
    constexpr int deepest = 8;
    const bool same_file = source.file == ".";
    const std::string parent_path = file_name_of(parent);
    const std::string path = same_file ? parent_path : find_beside(parent_path, source.file, "HDF5_VDS_PREFIX");
    if (path.empty()) throw hdf5::Failure(fmt::format("there is no file '{}', a source of it", source.file), 0);
    const auto key = std::make_pair(path, source.dataset);
    const auto known = following.sources.find(key);
    if (known != following.sources.end()) {
        if (known->second) return *known->second;
        throw hdf5::Failure(fmt::format("'{}' of '{}' is a source of itself", source.dataset, path), 0);
    }
    if (following.depth == deepest) throw hdf5::Failure("its sources have sources too many times over", 0);
    following.sources[key] = std::nullopt;
    still_working();
    ++following.depth;
    const hdf5::Handle file =
        same_file ? hdf5::Handle(H5Iget_file_id(parent), H5Fclose, "reopening the file") : open_input_file(path, place);
    const std::int64_t bytes = size_of_open_file(file);
    const Shape shape = open_following(file, path, source.dataset, place, following).shape;
    --following.depth;
    following.files.push_back({path, bytes});
    following.sources[key] = shape;
    return shape;
}

/// Opens every source of the virtual data set: HDF5 would replace what is missing silently by fill values.
/// Returns the number of elements that they give, at most.
hsize_t check_sources(hid_t dataset, hid_t properties, const Place& place, Following& following) {
    hsize_t points = 0;
    for (const VirtualSource& source : virtual_sources(properties)) {
        const Shape shape = shape_of_source(dataset, source, place, following);
        bool enough = source.whole ? element_count(shape) == source.points
                                   : source.points == 0 || source.used.rank() == shape.rank();
        for (int axis = 0; enough && axis < source.used.rank(); ++axis) enough = source.used[axis] <= shape[axis];
        if (!enough) {
            throw hdf5::Failure(fmt::format("it takes more of '{}' of '{}' than its shape {} has", source.dataset,
                                            source.file, to_string(shape)),
                                0);
        }
        if (__builtin_add_overflow(points, static_cast<hsize_t>(source.points), &points)) return HSIZE_UNDEF;
    }
    return points;
}

/// What is wrong with how the data set is stored, or "".
std::string refuse_storage(const InputDataset& data, hid_t type, hid_t properties, const Place& place,
                           Following& following) {
    std::string wrong = filter_problem(properties);
    if (!wrong.empty()) return wrong;
    const std::size_t element_bytes = H5Tget_size(type);
    hsize_t held_elsewhere = 0;
    if (H5Pget_layout(properties) == H5D_VIRTUAL) {
        wrong = refuse_virtual(following.external);
        if (!wrong.empty()) return wrong;
        const hsize_t points = check_sources(data.dataset, properties, place, following);
        if (__builtin_mul_overflow(points, element_bytes, &held_elsewhere)) held_elsewhere = HSIZE_UNDEF;
    } else if (H5Pget_external_count(properties) != 0) {
        const std::int64_t bytes =
            std::max<std::int64_t>(0, checked_bytes(data.shape, static_cast<std::int64_t>(element_bytes)));
        wrong = raw_storage_problem(properties, file_name_of(data.dataset), bytes, following);
        if (!wrong.empty()) return wrong;
        held_elsewhere = static_cast<hsize_t>(bytes);
    }
    const hdf5::Handle file(H5Iget_file_id(data.dataset), H5Fclose, "asking for the file");
    wrong = extents_problem(data.dataset, properties, data, element_bytes, size_of_open_file(file), held_elsewhere);
    if (wrong.empty() && checked_bytes(data.shape, static_cast<std::int64_t>(size_of(data.dtype))) < 0) {
        wrong = fmt::format("declares the shape {}, more bytes than 2^63 - 1", to_string(data.shape));
    }
    return wrong;
}

InputDataset describe_dataset(hid_t file, const std::string& name, const std::string& subject, const Place& place,
                              Following& following) {
    ExternalLinks links(following.external);
    InputDataset result{open_dataset(file, name, links), {}, {}, {}, {}};
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
    const std::string wrong = refuse_storage(result, type, properties, place, following);
    if (!wrong.empty()) refuse(wrong);
    return result;
}

InputDataset open_following(hid_t file, const std::string& path, const std::string& name, const Place& place,
                            Following& following) {
    const std::string subject = fmt::format("data set '{}' of '{}'", name, path);
    try {
        ExternalLinks links(following.external);
        const hdf5::Handle access = links.access(H5P_LINK_ACCESS);
        bool exists = true;
        try {
            exists = links_exist(file, name, access);
        } catch (const hdf5::Failure&) {
            // A link on the way cannot be followed: opening says why.
        }
        if (!exists) refuse_missing_dataset(file, path, name, place);
        const hdf5::Handle object = open_object(file, name, following.external);
        if (H5Iget_type(object) == H5I_GROUP) {
            throw DataError(place, fmt::format("'{}' of '{}' is a group, not a data set", name, path));
        }
        if (H5Iget_type(object) != H5I_DATASET) {
            throw DataError(place, fmt::format("'{}' of '{}' is not a data set", name, path));
        }
        return describe_dataset(file, name, subject, place, following);
    } catch (const hdf5::Failure& failure) {
        throw DataError(place, fmt::format("{} cannot be read: {}", subject, failure.what()));
    }
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

std::string subject_of(const FileReference& from) {
    return fmt::format("data set '{}' of '{}'", from.dataset, from.path);
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

hdf5::Handle open_object(hid_t file, const std::string& name, External external) {
    ExternalLinks links(external);
    const hdf5::Handle access = links.access(H5P_LINK_ACCESS);
    try {
        return hdf5::Handle(H5Oopen(file, name.c_str(), access), H5Oclose, "opening '" + name + "'");
    } catch (const hdf5::Failure&) {
        if (links.problem().empty()) throw;
        throw hdf5::Failure(fmt::format("'{}' {}", name, links.problem()), 0);
    }
}

InputDataset open_input_dataset(hid_t file, const std::string& path, const std::string& name, const Place& place,
                                External external) {
    Following following;
    following.external = external;
    InputDataset result = open_following(file, path, name, place, following);
    const hdf5::Handle holder(H5Iget_file_id(result.dataset), H5Fclose, "asking for the file");
    if (external == External::allowed) following.files.push_back({file_name_of(holder), size_of_open_file(holder)});
    result.files = std::move(following.files);
    return result;
}

std::string storage_problem(hid_t dataset) {
    const hdf5::Handle properties(H5Dget_create_plist(dataset), H5Pclose, "reading the layout");
    if (H5Pget_layout(properties) == H5D_VIRTUAL) return refuse_virtual(External::refused);
    Following nowhere;
    const std::string wrong = raw_storage_problem(properties, {}, 0, nowhere);
    return wrong.empty() ? filter_problem(properties) : wrong;
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
