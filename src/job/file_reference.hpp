// job/file_reference.hpp: FILE:/DATASET[slice].
#pragma once

#include <string>

#include "job/reading.hpp"

namespace maniple {

/// The reference that the scalar `node` holds. FILE and DATASET split at the last `:/`.
/// Errors: JobError at the part that is wrong.
FileReference read_file_reference(const YamlNode& node, const Reading& reading);

/// The file of a checkpoint: a path without data set.
FileReference read_whole_file(const YamlNode& node, const Reading& reading);

/// `path` without `.`, `..` and doubled `/`, to compare two of them. (Links are the file lane's business.)
std::string comparable_path(const std::string& path);

}  // namespace maniple
