#include <fmt/format.h>

#include <map>
#include <optional>

#include "base/text.hpp"
#include "lanes/file/convert.hpp"
#include "lanes/file/files.hpp"
#include "lanes/file/fill_values.hpp"
#include "lanes/file/hdf5_types.hpp"
#include "lanes/file/input_dataset.hpp"
#include "lanes/file/shield.hpp"
#include "lanes/file/slabs.hpp"
#include "lanes/file/slice.hpp"

namespace maniple {
namespace {

constexpr std::int64_t scratch_elements = std::int64_t{1} << 20;  // of a conversion

struct OpenFile {
    hdf5::Handle handle;
    std::int64_t bytes = 0;  ///< when it was opened
};

struct Input {
    FileReference from;
    InputFacts facts;
    bool masked = false;  ///< elements equal to one of `fills` are read as NaN
    Place mask_place;
    External external = External::refused;
    const OpenFile* file = nullptr;  ///< nullptr until it is first read
    InputDataset data;
    Selection selection;
    std::vector<std::byte> fills;  ///< of the data set's type
};

/// The coordinates of element `index`, in row-major order, of `box`.
Extents coordinate_in(const Box& box, std::int64_t index) {
    Extents result = box.lo;
    for (int axis = box.rank() - 1; axis >= 0; --axis) {
        result[axis] += index % box.extent(axis);
        index /= box.extent(axis);
    }
    return result;
}

/// Reads `box` of `input` to `target` of `to`, whose elements have the type that the file's are read as.
void read_as_stored(const Input& input, const Box& box, const Block& to, const Box& target) {
    const hdf5::Handle file_space(H5Dget_space(input.data.dataset), H5Sclose, "reading");
    const Selection part = input.selection.part(box);
    hdf5::select_strided(file_space, part.start, part.step, part.count);
    const hdf5::Handle memory_space = hdf5::space_of(to.box.shape());
    Extents back(to.box.rank());
    for (int axis = 0; axis < back.rank(); ++axis) back[axis] = -to.box.lo[axis];
    hdf5::select_box(memory_space, shifted(target, back));
    const hdf5::Handle type = hdf5::type_of(input.data.dtype);
    hdf5::check(H5Dread(input.data.dataset, type, memory_space, file_space, H5P_DEFAULT, to.data), "reading");
}

void require_booleans(const Input& input, const Box& box, const HostBytes& bytes) {
    for (std::int64_t i = 0; i < box.volume(); ++i) {
        const int value = std::to_integer<int>(bytes.data()[i]);
        if (value > 1) {
            throw DataError(input.from.place,
                            fmt::format("'{}' of '{}' holds {} at {}, which is no bool", input.from.dataset,
                                        input.from.path, value, to_string(coordinate_in(box, i))));
        }
    }
}

/// Reads `box` by way of scratch memory, piece by piece: checks bools, converts to `dtype` and masks.
void read_converted(const Input& input, const Box& box, const Block& to, const Box& target, DType dtype) {
    const DType stored = input.data.dtype;
    Extents to_target(box.rank());
    for (int axis = 0; axis < box.rank(); ++axis) to_target[axis] = target.lo[axis] - box.lo[axis];
    for_each_slab(box, scratch_elements, [&](const Box& piece) {
        HostBytes read(static_cast<std::size_t>(piece.volume()) * size_of(stored));
        HostBytes converted(static_cast<std::size_t>(piece.volume()) * size_of(dtype));
        read_as_stored(input, piece, Block{read.data(), size_of(stored), piece}, piece);
        if (stored == DType::boolean) require_booleans(input, piece, read);
        const std::int64_t bad = convert_elements(stored, read.data(), dtype, converted.data(), piece.volume());
        if (bad >= 0) {
            throw DataError(
                input.from.place,
                fmt::format("{} cannot hold the element at {} of '{}' of '{}': it is NaN or out of range",
                            name_of(dtype), to_string(coordinate_in(piece, bad)), input.from.dataset, input.from.path));
        }
        if (input.masked) {
            mask_elements(stored, read.data(), input.fills.data(), input.fills.size() / size_of(stored), dtype,
                          converted.data(), piece.volume());
        }
        copy_box(ConstBlock{converted.data(), size_of(dtype), piece}, piece, to, shifted(piece, to_target));
    });
}

/// HDF5 hands out zeros for what lies behind the end of a file that was cut meanwhile, and fill values for the sources of
/// a virtual data set that are gone.
void require_whole(const Input& input) {
    if (size_of_open_file(input.file->handle) < input.file->bytes) {
        throw FileError(input.from.place, fmt::format("'{}' became shorter while it was read", input.from.path));
    }
    for (const BackingFile& file : input.data.files) {
        if (bytes_of_file(file.path) >= file.bytes) continue;
        throw FileError(
            input.from.place,
            fmt::format("'{}', which holds data of '{}' of '{}', was removed or became shorter while it was read",
                        file.path, input.from.dataset, input.from.path));
    }
}

}  // namespace

struct InputFiles::State {
    std::map<std::string, OpenFile> files;
    std::vector<Input> inputs;
    std::int64_t bytes_read = 0;

    const OpenFile& open_file(const FileReference& from) {
        auto found = files.find(from.path);
        if (found == files.end()) {
            OpenFile opened{open_input_file(from.path, from.place), 0};
            opened.bytes = size_of_open_file(opened.handle);
            found = files.emplace(from.path, std::move(opened)).first;
        }
        return found->second;
    }

    void open(Input& input) {
        if (input.file != nullptr) return;
        const OpenFile& file = open_file(input.from);
        input.data =
            open_input_dataset(file.handle, input.from.path, input.from.dataset, input.from.place, input.external);
        input.selection = select(input.data.shape, input.from.slice, input.from.place);
        if (input.data.shape != input.facts.file_shape || input.data.dtype != input.facts.dtype) {
            throw DataError(input.from.place, fmt::format("'{}' of '{}' has changed since the run began",
                                                          input.from.dataset, input.from.path));
        }
        if (input.masked)
            input.fills =
                fill_values_of(input.data.dataset, input.data.dtype, subject_of(input.from), input.mask_place);
        input.file = &file;
    }
};

InputFiles::InputFiles(const Job& job, const Catalogue& catalogue) : state_(std::make_unique<State>()) {
    const std::vector<const InputSpec*> specs = file_inputs(job);
    MANIPLE_CHECK(specs.size() == catalogue.inputs.size(), "the catalogue is not this job's");
    for (std::size_t i = 0; i < specs.size(); ++i) {
        Input input;
        input.from = *specs[i]->from;
        input.facts = catalogue.inputs[i];
        input.masked = specs[i]->mask_fill;
        input.mask_place = specs[i]->mask_place;
        if (specs[i]->allow_external) input.external = External::allowed;
        state_->inputs.push_back(std::move(input));
    }
}

InputFiles::~InputFiles() = default;

void InputFiles::read(std::size_t input, const Box& box, const Block& to, const Box& target, DType dtype) {
    MANIPLE_CHECK(input < state_->inputs.size(), fmt::format("no input {} in the catalogue", input));
    Input& source = state_->inputs[input];
    MANIPLE_CHECK(box.shape() == target.shape() && to.box.contains(target) &&
                      Box::whole(source.facts.shape).contains(box) && to.element_bytes == size_of(dtype),
                  fmt::format("reading {} of '{}' {} into {} of a block of {}", to_string(box), source.facts.name,
                              to_string(source.facts.shape), to_string(target), to_string(to.box)));
    if (box.empty()) return;
    const CrashNotice notice(source.from.path, source.from.place);
    try {
        state_->open(source);
        if (dtype == source.data.dtype && dtype != DType::boolean && !source.masked) {
            read_as_stored(source, box, to, target);
        } else {
            read_converted(source, box, to, target, dtype);
        }
        require_whole(source);
    } catch (const hdf5::Failure& failure) {
        const std::string message =
            fmt::format("cannot read '{}' of '{}': {}", source.from.dataset, source.from.path, failure.what());
        if (failure.system_error() != 0) throw FileError(source.from.place, message);
        throw DataError(source.from.place, message);
    }
    state_->bytes_read += box.volume() * static_cast<std::int64_t>(size_of(dtype));
}

std::int64_t InputFiles::bytes_read() const { return state_->bytes_read; }

}  // namespace maniple
