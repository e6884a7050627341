#include "lanes/file/fill_values.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "lanes/file/convert.hpp"
#include "lanes/file/hdf5_types.hpp"

namespace maniple {
namespace {

constexpr std::int64_t most_values = 100;  // of one attribute

/// The attribute's numbers as f64 or i64, or a DType of neither where it holds something else.
struct Numbers {
    DType type = DType::boolean;
    std::vector<std::byte> bytes;
};

Numbers read_numbers(hid_t object, const char* name) {
    const hdf5::Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose, "opening an attribute");
    const hdf5::Handle type(H5Aget_type(attribute), H5Tclose, "reading an attribute");
    const hdf5::Handle space(H5Aget_space(attribute), H5Sclose, "reading an attribute");
    const H5T_class_t kind = H5Tget_class(type);
    const std::int64_t count = hdf5::check(H5Sget_simple_extent_npoints(space), "reading an attribute");
    Numbers numbers;
    if ((kind != H5T_FLOAT && kind != H5T_INTEGER) || count < 1 || count > most_values) return numbers;
    numbers.type = kind == H5T_FLOAT ? DType::f64 : DType::i64;
    numbers.bytes.resize(static_cast<std::size_t>(count) * 8);
    hdf5::check(H5Aread(attribute, hdf5::type_of(numbers.type), numbers.bytes.data()), "reading an attribute");
    return numbers;
}

/// Whether `value`, which was made from `number`, is another number: an integer that was cut, an infinity from none.
bool differs(DType from, const std::byte* number, DType stored, const std::byte* value) {
    double before = 0, after = 0;
    convert_elements(from, number, DType::f64, reinterpret_cast<std::byte*>(&before), 1);
    convert_elements(stored, value, DType::f64, reinterpret_cast<std::byte*>(&after), 1);
    if (is_floating(stored)) return std::isinf(after) && !std::isinf(before);
    return after != before;
}

}  // namespace

std::vector<std::byte> fill_values_of(hid_t dataset, DType stored, const std::string& subject, const Place& place) {
    std::vector<std::byte> values;
    bool found = false;
    for (const char* name : {"_FillValue", "missing_value"}) {
        if (!hdf5::has_attribute(dataset, name)) continue;
        found = true;
        const Numbers numbers = read_numbers(dataset, name);
        if (numbers.bytes.empty()) {
            throw DataError(place, fmt::format("{} has no numbers in '{}', which 'mask: fill' needs", subject, name));
        }
        for (std::size_t at = 0; at < numbers.bytes.size(); at += 8) {
            std::byte value[8] = {};
            const std::byte* number = numbers.bytes.data() + at;
            if (convert_elements(numbers.type, number, stored, value, 1) >= 0) continue;
            if (differs(numbers.type, number, stored, value)) continue;
            values.insert(values.end(), value, value + size_of(stored));
        }
    }
    if (!found) {
        throw DataError(
            place, fmt::format("{} has neither '_FillValue' nor 'missing_value', which 'mask: fill' needs", subject));
    }
    return values;
}

}  // namespace maniple
