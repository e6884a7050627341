// lanes/file/hdf5_types.hpp: element types, dataspaces and attributes between maniple and HDF5.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "job/job.hpp"
#include "lanes/file/hdf5_handle.hpp"
#include "tensor/box.hpp"
#include "tensor/dtype.hpp"

namespace maniple::hdf5 {

/// The type of one element, in memory and in files that maniple writes: f16 is IEEE half, bool the enumeration
/// FALSE/TRUE over int8 that h5py writes. All are little-endian, as every machine that maniple runs on.
Handle type_of(DType dtype);

/// The maniple type as which a file's elements of type `type` are read, or nothing: i8, i16 and u16 become i32.
std::optional<DType> dtype_of(hid_t type);

/// What a type that dtype_of refuses is, for a message: "strings", "unsigned 64-bit integers".
std::string describe_type(hid_t type);

/// Variable-length UTF-8 strings, as h5py writes them.
Handle string_type();

/// A simple dataspace; scalar for rank 0.
Handle space_of(const Shape& shape);
/// The same with other limits than its extents (H5S_UNLIMITED is allowed).
Handle space_of(const Shape& shape, const std::vector<hsize_t>& limits);

/// Selects `box` in `space`; nothing to do for rank 0, where everything is selected. `steps`: element distance on
/// each axis, 1 if absent.
void select_box(hid_t space, const Box& box);
void select_strided(hid_t space, const Extents& start, const Extents& step, const Extents& count);

/// The extents of a dataspace; nothing where it has more axes than max_rank or an extent does not fit.
std::optional<Shape> extents_of(hid_t space);

/// Creates attribute `name` of `object`; one that is there is replaced.
void write_attribute(hid_t object, const std::string& name, const AttributeValue& value);
void write_attribute(hid_t object, const std::string& name, const std::vector<std::string>& values);

/// The attribute's strings (fixed or variable length), or nothing if it is absent or holds something else.
std::optional<std::vector<std::string>> read_strings(hid_t object, const std::string& name);
std::optional<std::string> read_string(hid_t object, const std::string& name);
/// The attribute as one integer, or nothing if it is absent or something else.
std::optional<std::int64_t> read_integer(hid_t object, const std::string& name);

bool has_attribute(hid_t object, const std::string& name);

}  // namespace maniple::hdf5
