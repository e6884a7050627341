// lanes/file/carried.hpp: what outputs inherit from inputs: attributes (units, long_name) and dimension scales.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lanes/file/files.hpp"
#include "lanes/file/hdf5_handle.hpp"

namespace maniple {

/// The inputs' attributes and scales, read when an output asks for them. Rank 0 only. Borrows the job.
/// What cannot be carried (a damaged scale, an attribute of a strange type) is left out, with a notice: results
/// matter more than their labels. Only failures of the output file are errors (hdf5::Failure).
class CarriedMetadata {
public:
    CarriedMetadata(const Job& job, const Catalogue& catalogue, std::vector<std::string>& notices);
    ~CarriedMetadata();

    /// Copies the attributes of input `output.attributes_from` to the open data set `dataset`, except those that
    /// are HDF5's or netCDF's own, and those that `output` sets itself. What speaks of the stored numbers, not of the
    /// quantity (`scale_factor`, `_FillValue`, `valid_range`, …), only where `output.copies_input`; else it is no
    /// longer true. `_FillValue` and `missing_value` of a masked input become NaN in all results of a floating type.
    void carry_attributes(const OutputDataset& output, hid_t dataset);

    /// Copies the scales of the axes that have an origin into `file`, beside the data set, and attaches them. A scale
    /// that is already there with the same content is shared; one with other content takes another name.
    void carry_scales(const OutputDataset& output, hid_t file);

    /// Forgets which scales the file has: the next calls are for another one.
    void end_of_file();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Writes the steps of a series of `rows` rows (first + every, first + 2·every, …) as the scale DATASET_step and
/// attaches it to axis 0. Errors: hdf5::Failure.
void write_step_scale(hid_t file, const OutputDataset& dataset, std::int64_t rows);

}  // namespace maniple
