// lanes/file/storage.hpp: what is wrong with how a data set is stored.
#pragma once

#include <string>

#include "lanes/file/input_dataset.hpp"

namespace maniple {

/// What is wrong with the filters, or "": one that this HDF5 library does not have.
std::string filter_problem(hid_t properties);

/// What is wrong with the extents of `data`, whose elements have `element_bytes` in the file, or "". Data that the file
/// claims to hold as they are must fit into its `file_bytes`; chunks that it does not have are believed up to a limit, and
/// those that it has must be as long as their filters make them. `held_elsewhere`: bytes in other files.
std::string extents_problem(hid_t dataset, hid_t properties, const InputDataset& data, std::size_t element_bytes,
                            std::int64_t file_bytes, hsize_t held_elsewhere);

}  // namespace maniple
