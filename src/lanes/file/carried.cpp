#include "lanes/file/carried.hpp"

#include <fmt/format.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "lanes/file/convert.hpp"
#include "lanes/file/hdf5_types.hpp"
#include "lanes/file/input_dataset.hpp"
#include "lanes/file/output_content.hpp"
#include "lanes/file/shield.hpp"
#include "lanes/file/slice.hpp"

namespace maniple {
namespace {

/// The name of the scale of a netCDF dimension that has no variable: this and its length, in 10 columns.
constexpr const char* nameless_dimension = "This is a netCDF dimension but not a netCDF variable.";

std::string nameless_label(std::int64_t length) { return fmt::format("{}{:10}", nameless_dimension, length); }

bool belongs_to_library(const std::string& attribute) {
    static const std::set<std::string> own = {"CLASS",       "NAME",          "DIMENSION_LIST",  "REFERENCE_LIST",
                                              "_nc3_strict", "_NCProperties", "DIMENSION_LABELS"};
    return own.contains(attribute) || attribute.starts_with("_Netcdf4");
}

bool marks_missing(const std::string& attribute) { return attribute == "_FillValue" || attribute == "missing_value"; }

/// Whether `attribute` says what the numbers of a data set stand for (conventions of netCDF and CF): true of these
/// numbers, of no others.
bool speaks_of_numbers(const std::string& attribute) {
    static const std::set<std::string> known = {"scale_factor",  "add_offset",  "_Unsigned",   "valid_range",
                                                "valid_min",     "valid_max",   "flag_values", "flag_masks",
                                                "flag_meanings", "actual_range"};
    return marks_missing(attribute) || known.contains(attribute);
}

std::vector<std::string> attribute_names(hid_t object) {
    std::vector<std::string> names;
    const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* data) -> herr_t {
        static_cast<std::vector<std::string>*>(data)->emplace_back(name);
        return 0;
    };
    hsize_t position = 0;
    if (H5Aiterate2(object, H5_INDEX_CRT_ORDER, H5_ITER_INC, &position, collect, &names) >= 0) return names;
    names.clear();  // this object does not remember the order
    position = 0;
    hdf5::check(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &position, collect, &names), "listing attributes");
    return names;
}

/// Whether values of `type` are plain bytes: no pointers into the heap, no references to objects of their file.
bool is_plain(hid_t type) {
    const H5T_class_t kind = H5Tget_class(type);
    return kind == H5T_INTEGER || kind == H5T_FLOAT || kind == H5T_ENUM ||
           (kind == H5T_STRING && H5Tis_variable_str(type) == 0);
}

/// Copies one attribute as it is. False where it is of a kind that cannot be copied.
bool copy_attribute(hid_t from, const std::string& name, hid_t to) {
    const hdf5::Handle source(H5Aopen(from, name.c_str(), H5P_DEFAULT), H5Aclose, "opening an attribute");
    const hdf5::Handle type(H5Aget_type(source), H5Tclose, "reading an attribute");
    const hdf5::Handle space(H5Aget_space(source), H5Sclose, "reading an attribute");
    if (H5Sget_simple_extent_type(space) == H5S_NULL) return false;
    if (H5Tis_variable_str(type) > 0) {
        const auto strings = hdf5::read_strings(from, name).value_or(std::vector<std::string>{});
        if (H5Sget_simple_extent_type(space) == H5S_SCALAR && strings.size() == 1) {
            hdf5::write_attribute(to, name, AttributeValue(strings.front()));
        } else {
            hdf5::write_attribute(to, name, strings);
        }
        return true;
    }
    if (!is_plain(type)) return false;
    const auto points = hdf5::check(H5Sget_simple_extent_npoints(space), "reading an attribute");
    std::vector<std::byte> bytes(static_cast<std::size_t>(points) * H5Tget_size(type));
    hdf5::check(H5Aread(source, type, bytes.data()), "reading an attribute");
    const hdf5::Handle target(H5Acreate2(to, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                              "creating an attribute");
    hdf5::check(H5Awrite(target, type, bytes.data()), "writing an attribute");
    return true;
}

void write_missing_value(hid_t to, const std::string& name, DType dtype, hid_t space, const std::byte* value) {
    const hdf5::Handle type = hdf5::type_of(dtype);
    const hdf5::Handle target(H5Acreate2(to, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                              "creating an attribute");
    hdf5::check(H5Awrite(target, type, value), "writing an attribute");
}

/// `_FillValue` or `missing_value` as NaN, which is what such elements of a masked input were read as.
void write_nan(hid_t to, const std::string& name, DType dtype) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    std::byte value[8] = {};
    convert_elements(DType::f64, reinterpret_cast<const std::byte*>(&nan), dtype, value, 1);
    write_missing_value(to, name, dtype, hdf5::space_of(Shape{1}), value);
}

/// Copies `_FillValue` or `missing_value` in the type of the output, as netCDF wants it. False where that would be
/// another value: an integer for a float.
bool copy_missing_value(hid_t from, const std::string& name, hid_t to, DType dtype) {
    const hdf5::Handle source(H5Aopen(from, name.c_str(), H5P_DEFAULT), H5Aclose, "opening an attribute");
    const hdf5::Handle type(H5Aget_type(source), H5Tclose, "reading an attribute");
    const hdf5::Handle space(H5Aget_space(source), H5Sclose, "reading an attribute");
    const H5T_class_t wanted = is_floating(dtype) ? H5T_FLOAT : H5T_INTEGER;
    const bool readable = H5Tget_class(type) == wanted && H5Sget_simple_extent_npoints(space) == 1;
    if (dtype == DType::boolean || !readable) return false;
    std::byte value[8] = {};
    hdf5::check(H5Aread(source, hdf5::type_of(dtype), value), "reading an attribute");
    write_missing_value(to, name, dtype, space, value);
    return true;
}

/// A scale of an input as it goes into an output: the part that the slice selects.
struct ScalePart {
    hdf5::Handle scale;  ///< in the input
    hdf5::Handle type;
    std::string name;  ///< the last part of its path
    std::int64_t count = 0;
    std::vector<std::byte> bytes;
};

/// The first scale of axis `axis`, or an empty handle.
hdf5::Handle scale_of_axis(hid_t dataset, int axis) {
    hid_t found = -1;
    const auto keep_first = [](hid_t, unsigned, hid_t scale, void* data) -> herr_t {
        H5Iinc_ref(scale);
        *static_cast<hid_t*>(data) = scale;
        return 1;
    };
    hdf5::check(H5DSiterate_scales(dataset, static_cast<unsigned>(axis), nullptr, keep_first, &found),
                "reading a scale");
    return found < 0 ? hdf5::Handle() : hdf5::Handle(found, H5Dclose, "opening a scale");
}

std::string last_part_of_name(hid_t object) {
    const auto length = hdf5::check(H5Iget_name(object, nullptr, 0), "reading a scale's name");
    std::string name(static_cast<std::size_t>(length) + 1, '\0');
    hdf5::check(H5Iget_name(object, name.data(), name.size()), "reading a scale's name");
    name.resize(static_cast<std::size_t>(length));
    return name.substr(name.rfind('/') + 1);
}

/// Reads what `selection` takes of axis `axis` of the scale. Nothing where the scale is of a kind that cannot be
/// carried.
std::optional<ScalePart> read_scale(hdf5::Handle scale, const Selection& selection, int axis, std::int64_t extent) {
    ScalePart part;
    part.name = last_part_of_name(scale);
    part.type = hdf5::Handle(H5Dget_type(scale), H5Tclose, "reading a scale");
    part.count = selection.count[axis];
    const hdf5::Handle space(H5Dget_space(scale), H5Sclose, "reading a scale");
    const auto shape = hdf5::extents_of(space);
    if (part.name.empty() || !is_plain(part.type) || !storage_problem(scale).empty()) return std::nullopt;
    if (!shape || *shape != Shape{extent}) return std::nullopt;
    part.bytes.resize(static_cast<std::size_t>(part.count) * H5Tget_size(part.type));
    if (part.count > 0) {
        hdf5::select_strided(space, Extents{selection.start[axis]}, Extents{selection.step[axis]}, Extents{part.count});
        const hdf5::Handle memory = hdf5::space_of(Shape{part.count});
        hdf5::check(H5Dread(scale, part.type, memory, space, H5P_DEFAULT, part.bytes.data()), "reading a scale");
    }
    part.scale = std::move(scale);
    return part;
}

/// "/results/u" is in "/results", "/u" in "".
std::string group_of(const std::string& dataset) { return dataset.substr(0, dataset.rfind('/')); }

/// `wanted`, or with the first of _2, _3, … that is free in `file`.
std::string free_name(hid_t file, const std::string& wanted) {
    std::string name = wanted;
    for (int number = 2; hdf5::check(H5Lexists(file, name.c_str(), H5P_DEFAULT), "looking for a name") > 0; ++number) {
        name = fmt::format("{}_{}", wanted, number);
    }
    return name;
}

/// Creates the one-dimensional data set `name`, with `values` unless they are null: a scale called `label`.
hdf5::Handle create_scale(hid_t file, const std::string& name, const std::string& label, hid_t type, std::int64_t count,
                          const void* values) {
    const std::string what = "writing the scale '" + name + "'";
    const hdf5::Handle space = hdf5::space_of(Shape{count});
    const hdf5::Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what);
    hdf5::check(H5Pset_attr_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), what);
    hdf5::check(H5Pset_obj_track_times(properties, false), what);
    hdf5::Handle scale(H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose,
                       what);
    if (count > 0 && values != nullptr) hdf5::check(H5Dwrite(scale, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), what);
    hdf5::check(H5DSset_scale(scale, label.c_str()), what);
    return scale;
}

void attach(hid_t file, const std::string& dataset, hid_t scale, int axis) {
    hdf5::Handle opened(H5Dopen2(file, dataset.c_str(), H5P_DEFAULT), H5Dclose, "opening '" + dataset + "'");
    hdf5::check(H5DSattach_scale(opened, scale, static_cast<unsigned>(axis)), "attaching a scale to '" + dataset + "'");
    opened.close("attaching a scale to '" + dataset + "'");
}

}  // namespace

struct CarriedMetadata::State {
    struct Source {
        InputDataset data;
        Selection selection;
        std::string name;  ///< for notices
        bool masked = false;
    };
    struct Stored {  ///< a scale that the output file has
        std::string group, name, path;
        std::vector<std::byte> bytes;
    };

    std::vector<const InputSpec*> inputs;
    std::vector<std::string>& notices;
    std::map<std::string, hdf5::Handle> files;
    std::map<int, Source> sources;
    std::vector<Stored> stored;
    std::map<std::pair<std::string, std::int64_t>, std::string> nameless;  ///< paths by group and length

    /// For all that is done with what an input's file holds.
    CrashNotice notice_for(int input) const {
        const FileReference& from = *inputs.at(static_cast<std::size_t>(input))->from;
        return CrashNotice(from.path, from.place);
    }

    const Source& source(int input) {
        auto found = sources.find(input);
        if (found != sources.end()) return found->second;
        const InputSpec& spec = *inputs.at(static_cast<std::size_t>(input));
        const FileReference& from = *spec.from;
        const External external = spec.allow_external ? External::allowed : External::refused;
        auto file = files.find(from.path);
        if (file == files.end()) file = files.emplace(from.path, open_input_file(from.path, from.place)).first;
        Source opened{
            open_input_dataset(file->second, from.path, from.dataset, from.place, external), {}, {}, spec.mask_fill};
        opened.selection = select(opened.data.shape, from.slice, from.place);
        opened.name = fmt::format("'{}' of '{}'", from.dataset, from.file);
        return sources.emplace(input, std::move(opened)).first->second;
    }

    /// The scale of an axis, if it has one that fits `extent` elements of the output.
    std::optional<ScalePart> find_scale(const ScaleOrigin& origin, std::int64_t extent) {
        const Source& from = source(origin.input);
        const bool fits = origin.axis < from.data.shape.rank() && from.selection.count[origin.axis] == extent;
        if (!fits) return std::nullopt;
        hdf5::Handle scale = scale_of_axis(from.data.dataset, origin.axis);
        if (!scale.open()) return std::nullopt;
        auto part = read_scale(std::move(scale), from.selection, origin.axis, from.data.shape[origin.axis]);
        if (!part)
            notices.push_back(fmt::format("the scale of axis {} of {} cannot be carried over", origin.axis, from.name));
        return part;
    }

    /// Whether `output` has the numbers of `from`, also for readers that take them for those of the other sign.
    static bool has_numbers_of(const Source& from, const OutputDataset& output) {
        if (!output.copies_input || !hdf5::has_attribute(from.data.dataset, "_Unsigned")) return output.copies_input;
        const hdf5::Handle type(H5Dget_type(from.data.dataset), H5Tclose, "reading the type");
        return output.dtype == from.data.dtype && H5Tget_size(type) == size_of(output.dtype);
    }

    /// Whether what the attribute says of the input is true of `output`, too.
    static bool stays_true(const Source& from, const std::string& name, const OutputDataset& output) {
        if (!speaks_of_numbers(name)) return true;
        if (marks_missing(name) && from.masked) return is_floating(output.dtype);
        return has_numbers_of(from, output) && (!marks_missing(name) || output.dtype == from.data.dtype);
    }

    /// False where the attribute cannot be carried over.
    static bool carry_attribute(const Source& from, const std::string& name, hid_t to, DType dtype) {
        try {
            if (!marks_missing(name)) return copy_attribute(from.data.dataset, name, to);
            if (!from.masked) return copy_missing_value(from.data.dataset, name, to, dtype);
            write_nan(to, name, dtype);
            return true;
        } catch (const hdf5::Failure& failure) {
            if (failure.system_error() != 0) throw;
            return false;
        }
    }

    static void copy_attributes_of_scale(const ScalePart& part, hid_t scale) {
        for (const std::string& name : attribute_names(part.scale)) {
            if (!belongs_to_library(name)) copy_attribute(part.scale, name, scale);
        }
    }

    /// The path in `file` of a scale with this content that data sets of `group` see (in it, or in one above).
    std::string store(hid_t file, const std::string& group, const ScalePart& part) {
        for (const Stored& other : stored) {
            const bool visible = group == other.group || group.starts_with(other.group + "/");
            if (visible && other.name == part.name && other.bytes == part.bytes) return other.path;
        }
        const std::string path = free_name(file, group + "/" + part.name);
        std::string label = path.substr(path.rfind('/') + 1);
        if (hdf5::read_string(part.scale, "NAME").value_or("").starts_with(nameless_dimension)) {
            label = nameless_label(part.count);
        }
        hdf5::Handle scale = create_scale(file, path, label, part.type, part.count, part.bytes.data());
        copy_attributes_of_scale(part, scale);
        scale.close("writing the scale '" + path + "'");
        stored.push_back({group, part.name, path, part.bytes});
        return path;
    }

    /// False where the axis has no scale to be carried.
    bool carry_axis(const OutputDataset& output, int axis, hid_t file) {
        std::optional<ScalePart> part;
        const ScaleOrigin& origin = output.scales[static_cast<std::size_t>(axis)];
        const CrashNotice notice = notice_for(origin.input);
        try {
            part = find_scale(origin, output.shape[axis]);
        } catch (const std::exception& error) {
            notices.push_back(fmt::format("an input's scale is left out: {}", error.what()));
        }
        if (!part) return false;
        const std::string path = store(file, group_of(output.dataset), *part);
        const hdf5::Handle scale(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose,
                                 "opening the scale '" + path + "'");
        attach(file, output.dataset, scale, axis + (output.series ? 1 : 0));
        return true;
    }

    /// Attaches a scale that says only how long the axis is, one for each length in a group.
    void attach_nameless(const OutputDataset& output, int axis, hid_t file) {
        const std::int64_t extent = output.shape[axis];
        std::string& path = nameless[{group_of(output.dataset), extent}];
        hdf5::Handle scale;
        if (path.empty()) {
            path = free_name(file, fmt::format("{}/axis_{}", group_of(output.dataset), extent));
            scale = create_scale(file, path, nameless_label(extent), H5T_IEEE_F32LE, extent, nullptr);
        } else {
            scale =
                hdf5::Handle(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose, "opening the scale '" + path + "'");
        }
        attach(file, output.dataset, scale, axis + (output.series ? 1 : 0));
    }
};

CarriedMetadata::CarriedMetadata(const Job& job, const Catalogue& catalogue, std::vector<std::string>& notices)
    : state_(new State{file_inputs(job), notices, {}, {}, {}, {}}) {
    MANIPLE_CHECK(state_->inputs.size() == catalogue.inputs.size(), "the catalogue is not this job's");
}

CarriedMetadata::~CarriedMetadata() = default;

void CarriedMetadata::carry_attributes(const OutputDataset& output, hid_t dataset) {
    if (output.attributes_from < 0) return;
    const CrashNotice notice = state_->notice_for(output.attributes_from);
    const State::Source* from = nullptr;
    std::vector<std::string> names;
    try {
        from = &state_->source(output.attributes_from);
        names = attribute_names(from->data.dataset);
    } catch (const std::exception& error) {
        state_->notices.push_back(fmt::format("an input's attributes are left out: {}", error.what()));
        return;
    }
    const auto is_own = [&output](const std::string& name) {
        return std::any_of(output.attributes.begin(), output.attributes.end(),
                           [&name](const auto& attribute) { return attribute.first == name; });
    };
    for (const std::string& name : names) {
        if (belongs_to_library(name) || is_own(name) || !state_->stays_true(*from, name, output)) continue;
        if (state_->carry_attribute(*from, name, dataset, output.dtype)) continue;
        state_->notices.push_back(fmt::format("attribute '{}' of {} is left out", name, from->name));
    }
}

void CarriedMetadata::carry_scales(const OutputDataset& output, hid_t file) {
    std::vector<int> without;
    for (int axis = 0; axis < output.shape.rank(); ++axis) {
        const auto number = static_cast<std::size_t>(axis);
        const bool has_origin = number < output.scales.size() && output.scales[number].input >= 0;
        if (!has_origin || !state_->carry_axis(output, axis, file)) without.push_back(axis);
    }
    const bool steps_follow = output.series && output.every > 0;
    if (!steps_follow && std::ssize(without) == output.shape.rank()) return;
    // netCDF cannot read a data set of which some axes have a scale and some have none.
    for (int axis : without) state_->attach_nameless(output, axis, file);
}

void CarriedMetadata::end_of_file() {
    state_->stored.clear();
    state_->nameless.clear();
}

void write_step_scale(hid_t file, const OutputDataset& dataset, std::int64_t rows) {
    std::vector<std::int64_t> steps;
    for (std::int64_t row = 0; row < rows; ++row) steps.push_back(dataset.first + (row + 1) * dataset.every);
    const std::string path = free_name(file, dataset.dataset + "_step");
    hdf5::Handle scale = create_scale(file, path, path.substr(path.rfind('/') + 1), H5T_STD_I64LE, rows, steps.data());
    hdf5::write_attribute(scale, "long_name", AttributeValue(std::string("step after which the row was taken")));
    attach(file, dataset.dataset, scale, 0);
    scale.close("writing the scale '" + path + "'");
}

}  // namespace maniple
