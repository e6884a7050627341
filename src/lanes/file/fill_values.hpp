// lanes/file/fill_values.hpp: which elements of a data set stand for "no value" (netCDF's conventions).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "lanes/file/hdf5_handle.hpp"
#include "tensor/dtype.hpp"

namespace maniple {

/// The values of the attributes `_FillValue` and `missing_value` of `dataset` that elements of type `stored` can have,
/// one behind the other in that type. Numbers of other types are rounded to a floating `stored`, as netCDF's readers do;
/// those that an integer `stored` cannot hold stand for no element.
/// Errors: DataError about `subject` ("data set '/u' of 'a.h5'") at `place` where the data set has neither, or one holds no numbers; hdf5::Failure.
std::vector<std::byte> fill_values_of(hid_t dataset, DType stored, const std::string& subject, const Place& place);

}  // namespace maniple
