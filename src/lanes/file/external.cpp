#include "lanes/file/external.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <system_error>

#include "lanes/file/hdf5_types.hpp"

namespace maniple {
namespace {

namespace fs = std::filesystem;

constexpr const char* permission = "; 'allow: [external]' on the input permits it";

bool exists(const std::string& path) {
    struct stat status = {};
    return stat(path.c_str(), &status) == 0;
}

/// "${ORIGIN}/data" with the folder of `parent` for its first part, as HDF5 reads its variables.
std::string expand_origin(const std::string& prefix, const std::string& parent) {
    const std::string origin = "${ORIGIN}";
    if (!prefix.starts_with(origin)) return prefix;
    return fs::absolute(fs::path(parent).parent_path()).string() + prefix.substr(origin.size());
}

std::string raw_file_path(const std::string& parent, const std::string& name) {
    const char* prefix = std::getenv("HDF5_EXTFILE_PREFIX");
    const bool prefixed = prefix != nullptr && *prefix != '\0' && std::string(prefix) != ".";
    if (!prefixed || name.starts_with('/')) return name;
    return (fs::path(expand_origin(prefix, parent)) / name).string();
}

bool is_unlimited(hid_t space) {
    if (H5Sget_select_type(space) != H5S_SEL_HYPERSLABS || H5Sis_regular_hyperslab(space) <= 0) return false;
    std::vector<hsize_t> start(H5S_MAX_RANK), stride(H5S_MAX_RANK), count(H5S_MAX_RANK), block(H5S_MAX_RANK);
    hdf5::check(H5Sget_regular_hyperslab(space, start.data(), stride.data(), count.data(), block.data()),
                "reading the sources");
    const auto rank = static_cast<std::size_t>(hdf5::check(H5Sget_simple_extent_ndims(space), "reading the sources"));
    for (std::size_t axis = 0; axis < rank; ++axis) {
        if (count[axis] == H5S_UNLIMITED || block[axis] == H5S_UNLIMITED) return true;
    }
    return false;
}

/// A name in the pattern language of virtual data sets, where "%%" is a per cent sign.
std::string plain_name(std::string name) {
    for (std::size_t at = name.find('%'); at != std::string::npos; at = name.find('%', at + 1)) {
        if (name.compare(at, 2, "%%") != 0) {
            throw hdf5::Failure(fmt::format("its sources are a pattern, '{}', and cannot be told beforehand", name), 0);
        }
        name.erase(at, 1);
    }
    return name;
}

template <class Get>
std::string name_from(Get get, hid_t properties, std::size_t index) {
    const auto length = hdf5::check(get(properties, index, nullptr, 0), "reading the sources");
    std::string name(static_cast<std::size_t>(length) + 1, '\0');
    hdf5::check(get(properties, index, name.data(), name.size()), "reading the sources");
    name.resize(static_cast<std::size_t>(length));
    return plain_name(name);
}

VirtualSource source_at(hid_t properties, std::size_t index) {
    const std::string what = "reading the sources";
    VirtualSource source;
    source.file = name_from(H5Pget_virtual_filename, properties, index);
    source.dataset = name_from(H5Pget_virtual_dsetname, properties, index);
    const hdf5::Handle theirs(H5Pget_virtual_srcspace(properties, index), H5Sclose, what);
    const hdf5::Handle ours(H5Pget_virtual_vspace(properties, index), H5Sclose, what);
    if (is_unlimited(theirs) || is_unlimited(ours)) {
        throw hdf5::Failure("it takes an unlimited part of a source, which cannot be checked beforehand", 0);
    }
    source.points = hdf5::check(H5Sget_select_npoints(ours), what);
    source.whole = H5Sget_select_type(theirs) == H5S_SEL_ALL;
    const auto rank = static_cast<std::size_t>(hdf5::check(H5Sget_simple_extent_ndims(theirs), what));
    if (source.whole || source.points == 0) return source;
    std::vector<hsize_t> low(rank), high(rank);
    hdf5::check(H5Sget_select_bounds(theirs, low.data(), high.data()), what);
    if (rank > max_rank) throw hdf5::Failure("a source has too many axes", 0);
    for (const hsize_t last : high) {
        if (last >= static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max())) {
            throw hdf5::Failure("it takes more of a source than there can be", 0);
        }
        source.used.push_back(static_cast<std::int64_t>(last) + 1);
    }
    return source;
}

}  // namespace

hdf5::Handle ExternalLinks::access(hid_t kind) {
    hdf5::Handle list(H5Pcreate(kind), H5Pclose, "making a property list");
    hdf5::check(H5Pset_elink_cb(list, visit, this), "watching external links");
    return list;
}

herr_t ExternalLinks::visit(const char* parent_file, const char*, const char* file, const char* object, unsigned*,
                            hid_t, void* self) {
    auto& links = *static_cast<ExternalLinks*>(self);
    links.problem_ =
        fmt::format("is behind an external link to {}:{}, which maniple does not follow{}", file, object, permission);
    if (links.external_ == External::refused) return -1;
    links.problem_.clear();
    // HDF5 would wait for ever in opening a named pipe, and its own message does not name the file.
    const std::string path = find_beside(parent_file, file, "HDF5_EXT_PREFIX");
    if (!path.empty() && bytes_of_file(path) >= 0) return 0;
    links.problem_ = fmt::format("is behind an external link to {}:{}, and {}", file, object,
                                 path.empty() ? "there is no such file" : "that is not a regular file");
    return -1;
}

std::string find_beside(const std::string& parent, const std::string& name, const char* variable) {
    std::string rest = name;
    if (name.starts_with('/')) {
        if (exists(name)) return name;
        rest = fs::path(name).filename().string();
    }
    std::vector<std::string> folders;
    const char* value = std::getenv(variable);
    std::string list = value != nullptr ? value : "";
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(':'), list.size());
        if (end > 0) folders.push_back(expand_origin(list.substr(0, end), parent));
        list.erase(0, end + 1);
    }
    std::error_code ignored;
    folders.push_back(fs::path(parent).parent_path().string());
    folders.emplace_back();
    folders.push_back(fs::canonical(parent, ignored).parent_path().string());
    for (const std::string& folder : folders) {
        const std::string path = (fs::path(folder) / rest).string();
        if (exists(path)) return path;
    }
    return {};
}

std::string raw_storage_problem(hid_t properties, const std::string& parent, std::int64_t bytes, Following& following) {
    const auto files = hdf5::check(H5Pget_external_count(properties), "reading the layout");
    if (files == 0) return {};
    if (following.external == External::refused) {
        return fmt::format("keeps its data in another file (external raw storage), which maniple does not follow{}",
                           permission);
    }
    auto missing = static_cast<hsize_t>(bytes);
    for (unsigned i = 0; i < static_cast<unsigned>(files) && missing > 0; ++i) {
        std::string name(4096, '\0');
        off_t offset = 0;
        hsize_t size = 0;
        hdf5::check(H5Pget_external(properties, i, name.size() - 1, name.data(), &offset, &size), "reading the layout");
        const std::string path = raw_file_path(parent, name.c_str());
        const std::int64_t there = bytes_of_file(path);
        const hsize_t part = std::min(size, missing);
        if (there < 0) return fmt::format("keeps its data in '{}', which is not there or no regular file", path);
        if (offset < 0 || offset > there || part > static_cast<hsize_t>(there - offset)) {
            return fmt::format("keeps {} bytes of its data in '{}', which is too short for them", part, path);
        }
        following.files.push_back({path, there});
        missing -= part;
    }
    if (missing > 0) return fmt::format("names files for all but {} bytes of its data", missing);
    return {};
}

std::string refuse_virtual(External external) {
    if (external == External::allowed) return {};
    return fmt::format("is a virtual data set, whose data lie in other files, which maniple does not follow{}",
                       permission);
}

std::vector<VirtualSource> virtual_sources(hid_t properties) {
    std::size_t count = 0;
    hdf5::check(H5Pget_virtual_count(properties, &count), "reading the sources");
    std::vector<VirtualSource> sources;
    for (std::size_t index = 0; index < count; ++index) sources.push_back(source_at(properties, index));
    return sources;
}

std::string file_name_of(hid_t object) {
    const auto length = hdf5::check(H5Fget_name(object, nullptr, 0), "reading a file's name");
    std::string name(static_cast<std::size_t>(length) + 1, '\0');
    hdf5::check(H5Fget_name(object, name.data(), name.size()), "reading a file's name");
    name.resize(static_cast<std::size_t>(length));
    return name;
}

std::int64_t bytes_of_file(const std::string& path) {
    struct stat status = {};
    return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) ? static_cast<std::int64_t>(status.st_size) : -1;
}

}  // namespace maniple
