// inspect_file: what an HDF5 file holds, as text.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "lanes/file/checksums.hpp"
#include "lanes/file/files.hpp"
#include "lanes/file/hdf5_types.hpp"
#include "lanes/file/input_dataset.hpp"
#include "lanes/file/output_content.hpp"
#include "lanes/file/shield.hpp"

namespace maniple {
namespace {

constexpr std::size_t most_datasets = 10'000;

struct Line {
    std::string name, type, shape, rest;
};

struct Inspection {
    std::vector<Line> lines;
    std::vector<std::string> wrong;  ///< boxes whose checksum does not hold, and data sets that cannot be read
};

std::vector<std::string> dataset_names(hid_t file) {
    std::vector<std::string> names;
    const auto collect = [](hid_t, const char* name, const H5O_info_t* info, void* data) -> herr_t {
        auto& found = *static_cast<std::vector<std::string>*>(data);
        if (info->type == H5O_TYPE_DATASET) found.push_back(std::string("/") + name);
        return found.size() < most_datasets ? 0 : 1;
    };
    hdf5::check(H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, collect, &names, H5O_INFO_BASIC), "listing the data sets");
    std::erase_if(names, [](const std::string& name) { return name.starts_with(std::string(own_group) + "/"); });
    return names;
}

std::string describe_storage(hid_t dataset, int rank) {
    const hdf5::Handle properties(H5Dget_create_plist(dataset), H5Pclose, "reading the layout");
    switch (H5Pget_layout(properties)) {
        case H5D_COMPACT: return "compact";
        case H5D_VIRTUAL: return "virtual";
        case H5D_CONTIGUOUS: return H5Pget_external_count(properties) > 0 ? "in another file" : "contiguous";
        default: break;
    }
    std::vector<hsize_t> chunk(static_cast<std::size_t>(rank));
    hdf5::check(H5Pget_chunk(properties, rank, chunk.data()), "reading the chunk shape");
    std::string text = fmt::format("chunks [{}]", fmt::join(chunk, ", "));
    const int filters = H5Pget_nfilters(properties);
    for (int i = 0; i < filters; ++i) {
        unsigned flags = 0, configuration = 0;
        std::size_t count = 1;
        unsigned value = 0;
        char name[64] = {};
        const H5Z_filter_t filter = H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &count, &value,
                                                   sizeof name, name, &configuration);
        text += filter == H5Z_FILTER_DEFLATE   ? fmt::format(", gzip {}", value)
                : filter == H5Z_FILTER_SHUFFLE ? ", shuffle"
                                               : fmt::format(", filter {} {}", static_cast<int>(filter), name);
    }
    return text;
}

std::string describe_checksums(hid_t file, const std::string& name, Inspection& found) {
    const Verification checked = verify_checksums(file, name);
    if (checked.boxes == 0) return "no checksums";
    for (const std::string& box : checked.wrong) found.wrong.push_back(fmt::format("checksum of {} {}", name, box));
    if (checked.wrong.empty())
        return fmt::format("checksums hold ({} {})", checked.boxes, checked.boxes == 1 ? "box" : "boxes");
    return fmt::format("CHECKSUMS DO NOT HOLD ({} of {} boxes)", checked.wrong.size(), checked.boxes);
}

std::string shape_text(hid_t space) {
    if (H5Sget_simple_extent_type(space) == H5S_NULL) return "null";
    std::vector<hsize_t> sizes(H5S_MAX_RANK);
    const auto rank = hdf5::check(H5Sget_simple_extent_dims(space, sizes.data(), nullptr), "reading extents");
    sizes.resize(static_cast<std::size_t>(rank));
    return fmt::format("[{}]", fmt::join(sizes, ", "));
}

/// "f32", "i16, read as i32", or what it is that maniple does not read.
std::string type_text(hid_t type) {
    const auto dtype = hdf5::dtype_of(type);
    if (!dtype) return hdf5::describe_type(type);
    const bool narrow = H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) < size_of(*dtype);
    if (!narrow) return std::string(name_of(*dtype));
    const char sign = H5Tget_sign(type) == H5T_SGN_NONE ? 'u' : 'i';
    return fmt::format("{}{}, read as {}", sign, 8 * H5Tget_size(type), name_of(*dtype));
}

void inspect_dataset(hid_t file, const std::string& name, bool ours, Inspection& found) {
    const hdf5::Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose, "opening '" + name + "'");
    const hdf5::Handle type(H5Dget_type(dataset), H5Tclose, "reading the type");
    const hdf5::Handle space(H5Dget_space(dataset), H5Sclose, "reading the extents");
    Line line{name, type_text(type), shape_text(space), {}};
    line.rest = describe_storage(dataset, H5Sget_simple_extent_ndims(space));
    if (const auto units = hdf5::read_string(dataset, "units")) line.rest += "; units " + *units;
    if (ours) line.rest += "; " + describe_checksums(file, name, found);
    found.lines.push_back(std::move(line));
}

/// "complete, written by maniple 0.1.0" and who wrote it, when, from what.
std::string describe_origin(hid_t file) {
    const bool complete = hdf5::read_integer(file, complete_attribute) == 1;
    if (!hdf5::has_attribute(file, format_attribute)) return "carries no mark of maniple\n";
    const auto format = hdf5::read_integer(file, format_attribute).value_or(0);
    std::string text = complete ? "complete" : "NOT COMPLETE (no completeness mark)";
    text += fmt::format(", format {}\n", format);
    if (H5Lexists(file, own_group, H5P_DEFAULT) <= 0) return text;
    const hdf5::Handle group(H5Gopen2(file, own_group, H5P_DEFAULT), H5Gclose, "opening the provenance");
    const auto add = [&](const char* label, const std::string& value) {
        text += fmt::format("  {:<9} {}\n", label, value);
    };
    const auto add_text = [&](const char* label, const char* attribute) {
        if (const auto value = hdf5::read_string(group, attribute)) add(label, *value);
    };
    add_text("job", "job_name");
    add_text("version", "version");
    add_text("plan", "plan");
    if (const auto ranks = hdf5::read_integer(group, "ranks")) add("ranks", std::to_string(*ranks));
    if (const auto hosts = hdf5::read_strings(group, "hosts")) add("hosts", join(*hosts, ", "));
    add_text("started", "started");
    add_text("finished", "finished");
    return text;
}

std::string table_of(const std::vector<Line>& lines) {
    std::size_t name = 0, type = 0, shape = 0;
    for (const Line& line : lines) {
        name = std::max(name, line.name.size());
        type = std::max(type, line.type.size());
        shape = std::max(shape, line.shape.size());
    }
    std::string text;
    for (const Line& line : lines) {
        text += fmt::format("  {:<{}}  {:<{}}  {:<{}}  {}\n", line.name, name, line.type, type, line.shape, shape,
                            line.rest);
    }
    return text;
}

std::string inspect_here(const std::string& path) {
    const hdf5::Handle file = open_input_file(path, {});
    Inspection found;
    std::string text = path + ": ";
    try {
        text += describe_origin(file);
        const bool ours = hdf5::has_attribute(file, format_attribute);
        for (const std::string& name : dataset_names(file)) {
            try {
                inspect_dataset(file, name, ours, found);
            } catch (const hdf5::Failure& failure) {
                found.wrong.push_back(fmt::format("{} cannot be read ({})", name, failure.what()));
            }
        }
    } catch (const hdf5::Failure& failure) {
        throw DataError(fmt::format("'{}' cannot be read: {}", path, failure.what()));
    }
    text += table_of(found.lines);
    if (found.wrong.empty()) return text;
    Diagnostic damage{{}, fmt::format("'{}' is damaged: {}", path, join(found.wrong, ", ")), {}, {}, false};
    for (const Line& line : found.lines)
        damage.notes.push_back({{}, fmt::format("{} {} {} {}", line.name, line.type, line.shape, line.rest)});
    throw DataError(std::vector<Diagnostic>{std::move(damage)});
}

}  // namespace

std::string inspect_file(const std::string& path) {
    hdf5::start();
    return shielded(path, {}, [&path] { return inspect_here(path); });
}

std::string hdf5_version() {
    hdf5::start();
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    return fmt::format("{}.{}.{} (parallel)", major, minor, release);
}

}  // namespace maniple
