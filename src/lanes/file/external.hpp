// lanes/file/external.hpp: data that lies in other files than the one that is named: external links, external raw
// storage, virtual data sets. HDF5 follows them silently and makes up what is missing; here they are refused, or
// followed where an input says `allow: [external]`, and then everything that they lead to must be there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lanes/file/hdf5_handle.hpp"
#include "tensor/box.hpp"

namespace maniple {

enum class External { refused, allowed };

/// A file that holds bytes of a data set, and its size when that was opened.
struct BackingFile {
    std::string path;
    std::int64_t bytes = 0;
};

/// What one opening of a data set has followed so far.
struct Following {
    External external = External::refused;
    std::vector<BackingFile> files;
    /// The sources of virtual data sets by file and name; nothing for those that are being opened.
    std::map<std::pair<std::string, std::string>, std::optional<Shape>> sources;
    int depth = 0;  ///< of virtual data sets in virtual data sets
};

/// External links while a name is looked up. Must outlive the property lists that it makes.
class ExternalLinks {
public:
    explicit ExternalLinks(External external) : external_(external) {}

    /// A property list of class `kind` (link or data set access) under which external links are followed or fail.
    hdf5::Handle access(hid_t kind);
    /// Why a link was not followed: "is behind an external link to b.h5:/x, which …", or "".
    const std::string& problem() const { return problem_; }

private:
    static herr_t visit(const char* parent_file, const char* parent_group, const char* file, const char* object,
                        unsigned* flags, hid_t file_access, void* self);

    External external_;
    std::string problem_;
};

/// The path as which HDF5 finds `name` beside `parent`, a file that names it: as it is, below the folders of the
/// environment `variable`, beside the parent, in the current folder; or "".
std::string find_beside(const std::string& parent, const std::string& name, const char* variable);

/// What is wrong with the external raw storage of a data set of `bytes` bytes in file `parent`, or "". Adds its files.
std::string raw_storage_problem(hid_t properties, const std::string& parent, std::int64_t bytes, Following& following);

/// Why a virtual data set is refused, or "".
std::string refuse_virtual(External external);

/// One source of a virtual data set.
struct VirtualSource {
    std::string file;     ///< as written; "." is the file of the virtual data set
    std::string dataset;  ///< as written
    Shape used;           ///< the extents that it needs at least
    std::int64_t points = 0;
    bool whole = false;  ///< all of it, `points` elements
};

/// The sources that the layout names. Errors: hdf5::Failure, with a message, for what cannot be checked beforehand.
std::vector<VirtualSource> virtual_sources(hid_t properties);

/// The name under which the file of `object` was opened.
std::string file_name_of(hid_t object);

/// Bytes of the regular file `path`, or -1.
std::int64_t bytes_of_file(const std::string& path);

}  // namespace maniple
