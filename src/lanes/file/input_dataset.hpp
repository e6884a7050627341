// lanes/file/input_dataset.hpp: files and data sets opened for reading, with everything refused that HDF5 would
// follow or make up silently: external links, virtual data sets and external storage that were not asked for or are not
// whole, extents that the file cannot hold.
#pragma once

#include <string>
#include <vector>

#include "job/job.hpp"
#include "lanes/file/external.hpp"
#include "lanes/file/hdf5_handle.hpp"
#include "tensor/box.hpp"
#include "tensor/dtype.hpp"

namespace maniple {

/// The inputs of `job` that come from files, in the order of the catalogue: inputs, then parameters.
std::vector<const InputSpec*> file_inputs(const Job& job);

/// "data set '/u' of 'a.h5'".
std::string subject_of(const FileReference& from);

/// Opens the HDF5 file `path` for reading. Errors: DataError at `place`, with the nearest file name.
hdf5::Handle open_input_file(const std::string& path, const Place& place);

struct InputDataset {
    hdf5::Handle dataset;
    Shape shape;  ///< of the file's data set
    Shape chunk;  ///< rank 0 unless chunked
    DType dtype = DType::f32;
    std::vector<BackingFile> files;  ///< all that hold bytes of it; empty unless external data were allowed
};

/// Opens data set `name` of `file`, which open_input_file opened as `path`, and all that it is made of.
/// Errors: DataError at `place`.
InputDataset open_input_dataset(hid_t file, const std::string& path, const std::string& name, const Place& place,
                                External external);

/// Opens the object `name`. Errors: hdf5::Failure, whose message names the target of an external link that was not
/// followed.
hdf5::Handle open_object(hid_t file, const std::string& name, External external);

/// What is wrong with how the open data set is stored ("is a virtual data set, …"), or "".
std::string storage_problem(hid_t dataset);

/// Bytes of the open file now, by its descriptor.
std::int64_t size_of_open_file(hid_t file);

}  // namespace maniple
