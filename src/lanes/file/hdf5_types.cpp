#include "lanes/file/hdf5_types.hpp"

#include <algorithm>
#include <limits>

#include "base/text.hpp"

namespace maniple::hdf5 {
namespace {

Handle copy_of(hid_t type) { return Handle(H5Tcopy(type), H5Tclose, "copying a type"); }

Handle half_type() {
    Handle type = copy_of(H5T_IEEE_F32LE);
    check(H5Tset_fields(type, 15, 10, 5, 0, 10), "making the half type");
    check(H5Tset_size(type, 2), "making the half type");
    check(H5Tset_ebias(type, 15), "making the half type");
    return type;
}

Handle boolean_type() {
    Handle type(H5Tenum_create(H5T_STD_I8LE), H5Tclose, "making the bool type");
    const std::int8_t no = 0, yes = 1;
    check(H5Tenum_insert(type, "FALSE", &no), "making the bool type");
    check(H5Tenum_insert(type, "TRUE", &yes), "making the bool type");
    return type;
}

/// Whether `type`, an enumeration, is the one with which h5py writes bool.
bool is_boolean(hid_t type) {
    if (H5Tget_nmembers(type) != 2 || H5Tget_size(type) != 1) return false;
    std::int8_t no = 0, yes = 1;
    if (H5Tenum_valueof(type, "FALSE", &no) < 0 || H5Tenum_valueof(type, "TRUE", &yes) < 0) return false;
    return no == 0 && yes == 1;
}

std::optional<DType> integer_dtype(hid_t type) {
    const bool is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
    switch (H5Tget_size(type)) {
        case 1: return is_signed ? DType::i32 : DType::u8;
        case 2: return DType::i32;
        case 4: return is_signed ? DType::i32 : DType::u32;
        case 8: return is_signed ? std::optional(DType::i64) : std::nullopt;
        default: return std::nullopt;
    }
}

std::optional<DType> floating_dtype(hid_t type) {
    std::size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
    if (H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0) return std::nullopt;
    if (exponent_bits <= 5 && mantissa_bits <= 10) return DType::f16;
    if (exponent_bits <= 8 && mantissa_bits <= 23) return DType::f32;
    if (exponent_bits <= 11 && mantissa_bits <= 52) return DType::f64;
    return std::nullopt;
}

std::vector<hsize_t> sizes_of(const Extents& extents) { return {extents.begin(), extents.end()}; }

struct AttributeWriter {
    hid_t object;
    const std::string& name;

    void write(hid_t type, hid_t space, const void* values) const {
        const std::string what = "writing attribute '" + name + "'";
        if (has_attribute(object, name)) check(H5Adelete(object, name.c_str()), what);
        Handle attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose, what);
        check(H5Awrite(attribute, type, values), what);
        attribute.close(what);
    }
    template <class T>
    void write_list(hid_t type, const std::vector<T>& values) const {
        write(type, space_of(Shape{static_cast<std::int64_t>(values.size())}), values.data());
    }
    void operator()(const std::string& value) const {
        const char* characters = value.c_str();
        write(string_type(), space_of(Shape{}), &characters);
    }
    void operator()(std::int64_t value) const { write(H5T_STD_I64LE, space_of(Shape{}), &value); }
    void operator()(double value) const { write(H5T_IEEE_F64LE, space_of(Shape{}), &value); }
    void operator()(bool value) const {
        const std::int8_t byte = value ? 1 : 0;
        write(boolean_type(), space_of(Shape{}), &byte);
    }
    void operator()(const std::vector<std::int64_t>& values) const { write_list(H5T_STD_I64LE, values); }
    void operator()(const std::vector<double>& values) const { write_list(H5T_IEEE_F64LE, values); }
};

std::vector<std::string> read_variable_strings(hid_t attribute, hid_t space, std::size_t count) {
    std::vector<char*> pointers(count, nullptr);
    Handle type = string_type();
    Handle file_type(H5Aget_type(attribute), H5Tclose, "reading an attribute");
    check(H5Tset_cset(type, H5Tget_cset(file_type)), "reading an attribute");
    check(H5Aread(attribute, type, pointers.data()), "reading an attribute");
    std::vector<std::string> result;
    for (const char* pointer : pointers) result.emplace_back(pointer != nullptr ? pointer : "");
    check(H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data()), "reading an attribute");
    return result;
}

std::vector<std::string> read_fixed_strings(hid_t attribute, hid_t type, std::size_t count) {
    const std::size_t size = H5Tget_size(type);
    std::string bytes(size * count, '\0');
    check(H5Aread(attribute, type, bytes.data()), "reading an attribute");
    std::vector<std::string> result;
    for (std::size_t item = 0; item < count; ++item) {
        std::string text = bytes.substr(item * size, size);
        text.resize(std::min(text.size(), text.find('\0')));
        result.push_back(std::move(text));
    }
    return result;
}

}  // namespace

Handle type_of(DType dtype) {
    switch (dtype) {
        case DType::f32: return copy_of(H5T_IEEE_F32LE);
        case DType::f64: return copy_of(H5T_IEEE_F64LE);
        case DType::f16: return half_type();
        case DType::i32: return copy_of(H5T_STD_I32LE);
        case DType::i64: return copy_of(H5T_STD_I64LE);
        case DType::u8: return copy_of(H5T_STD_U8LE);
        case DType::u32: return copy_of(H5T_STD_U32LE);
        case DType::boolean: return boolean_type();
    }
    MANIPLE_CHECK(false, "unknown dtype " + std::to_string(static_cast<int>(dtype)));
}

std::optional<DType> dtype_of(hid_t type) {
    switch (H5Tget_class(type)) {
        case H5T_INTEGER: return integer_dtype(type);
        case H5T_FLOAT: return floating_dtype(type);
        case H5T_ENUM: return is_boolean(type) ? std::optional(DType::boolean) : std::nullopt;
        default: return std::nullopt;
    }
}

std::string describe_type(hid_t type) {
    const std::string bits = std::to_string(8 * H5Tget_size(type));
    switch (H5Tget_class(type)) {
        case H5T_INTEGER: return (H5Tget_sign(type) == H5T_SGN_NONE ? "unsigned " : "") + bits + "-bit integers";
        case H5T_FLOAT: return bits + "-bit floating-point numbers";
        case H5T_STRING: return "strings";
        case H5T_COMPOUND: return "compounds";
        case H5T_ENUM: return "an enumeration";
        case H5T_ARRAY: return "arrays";
        case H5T_VLEN: return "sequences of variable length";
        case H5T_REFERENCE: return "references";
        case H5T_OPAQUE: return "opaque bytes";
        case H5T_BITFIELD: return "bit fields";
        case H5T_TIME: return "times";
        default: return "an unknown type";
    }
}

Handle string_type() {
    Handle type = copy_of(H5T_C_S1);
    check(H5Tset_size(type, H5T_VARIABLE), "making a string type");
    check(H5Tset_cset(type, H5T_CSET_UTF8), "making a string type");
    return type;
}

Handle space_of(const Shape& shape) { return space_of(shape, {}); }

Handle space_of(const Shape& shape, const std::vector<hsize_t>& limits) {
    if (shape.rank() == 0) return Handle(H5Screate(H5S_SCALAR), H5Sclose, "making a dataspace");
    const std::vector<hsize_t> sizes = sizes_of(shape);
    return Handle(H5Screate_simple(shape.rank(), sizes.data(), limits.empty() ? nullptr : limits.data()), H5Sclose,
                  "making a dataspace");
}

void select_box(hid_t space, const Box& box) { select_strided(space, box.lo, Extents(box.rank(), 1), box.shape()); }

void select_strided(hid_t space, const Extents& start, const Extents& step, const Extents& count) {
    if (start.rank() == 0) return;
    const std::vector<hsize_t> first = sizes_of(start), stride = sizes_of(step), number = sizes_of(count);
    check(H5Sselect_hyperslab(space, H5S_SELECT_SET, first.data(), stride.data(), number.data(), nullptr),
          "selecting a box");
}

std::optional<Shape> extents_of(hid_t space) {
    const auto rank = check(H5Sget_simple_extent_ndims(space), "reading extents");
    if (rank > max_rank) return std::nullopt;
    std::vector<hsize_t> sizes(static_cast<std::size_t>(rank));
    check(H5Sget_simple_extent_dims(space, sizes.data(), nullptr), "reading extents");
    Shape shape;
    for (hsize_t size : sizes) {
        if (size > static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
        shape.push_back(static_cast<std::int64_t>(size));
    }
    return shape;
}

bool has_attribute(hid_t object, const std::string& name) {
    return check(H5Aexists(object, name.c_str()), "looking for attribute '" + name + "'") > 0;
}

void write_attribute(hid_t object, const std::string& name, const AttributeValue& value) {
    std::visit(AttributeWriter{object, name}, value);
}

void write_attribute(hid_t object, const std::string& name, const std::vector<std::string>& values) {
    std::vector<const char*> pointers;
    for (const std::string& value : values) pointers.push_back(value.c_str());
    AttributeWriter{object, name}.write_list(string_type(), pointers);
}

std::optional<std::vector<std::string>> read_strings(hid_t object, const std::string& name) {
    if (!has_attribute(object, name)) return std::nullopt;
    Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, "opening an attribute");
    Handle type(H5Aget_type(attribute), H5Tclose, "reading an attribute");
    Handle space(H5Aget_space(attribute), H5Sclose, "reading an attribute");
    if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_type(space) == H5S_NULL) return std::nullopt;
    const auto count = static_cast<std::size_t>(check(H5Sget_simple_extent_npoints(space), "reading an attribute"));
    return H5Tis_variable_str(type) > 0 ? read_variable_strings(attribute, space, count)
                                        : read_fixed_strings(attribute, type, count);
}

std::optional<std::string> read_string(hid_t object, const std::string& name) {
    const auto strings = read_strings(object, name);
    if (!strings || strings->size() != 1) return std::nullopt;
    return strings->front();
}

std::optional<std::int64_t> read_integer(hid_t object, const std::string& name) {
    if (!has_attribute(object, name)) return std::nullopt;
    Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, "opening an attribute");
    Handle type(H5Aget_type(attribute), H5Tclose, "reading an attribute");
    Handle space(H5Aget_space(attribute), H5Sclose, "reading an attribute");
    if (H5Tget_class(type) != H5T_INTEGER || H5Sget_simple_extent_npoints(space) != 1) return std::nullopt;
    std::int64_t value = 0;
    check(H5Aread(attribute, H5T_NATIVE_INT64, &value), "reading an attribute");
    return value;
}

}  // namespace maniple::hdf5
