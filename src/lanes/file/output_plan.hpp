// lanes/file/output_plan.hpp: which files a run writes, and whether it may.
#pragma once

#include <vector>

#include "lanes/file/files.hpp"
#include "lanes/file/output_content.hpp"

namespace maniple {

/// Checks what can be checked of one data set alone, and brings its name into the form "/a/b".
/// Errors: JobError, UnavailableError.
void normalize(OutputDataset& dataset);

/// The FILEs, in the order in which they are first named; every name of one file counts as the same.
/// Errors: CreateError; JobError where two data sets of one file have one name or one lies below the other.
std::vector<OutputFile> files_of(const std::vector<OutputDataset>& datasets);

/// Errors: JobError where the output is one of the inputs; CreateError where the existing file is not ours to replace.
void require_replaceable(const OutputFile& file, const Job& job, bool overwrite);

/// Another node may not see the folder in which rank 0 created the file. Errors: CreateError.
void require_visible(const OutputFile& file);

}  // namespace maniple
