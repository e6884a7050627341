#include "lanes/file/output_plan.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/text.hpp"
#include "lanes/file/input_dataset.hpp"

namespace maniple {
namespace {

/// Errors: JobError where two data sets of one file have one name or one lies below the other.
void require_distinct(const OutputFile& file, const std::vector<OutputDataset>& all) {
    for (std::size_t later : file.datasets) {
        for (std::size_t earlier : file.datasets) {
            const std::string &a = all[earlier].dataset, &b = all[later].dataset;
            if (earlier < later && a == b) {
                throw JobError(all[later].place, fmt::format("two outputs are written to '{}' of '{}'", b, file.name));
            }
            if (a.starts_with(b + "/")) {
                throw JobError(all[later].place, fmt::format("'{}' cannot be a data set: '{}' lies below it", b, a));
            }
        }
    }
}

}  // namespace

void normalize(OutputDataset& dataset) {
    const std::vector<std::string> parts = path_parts(dataset.dataset);
    if (parts.empty()) throw JobError(dataset.place, fmt::format("'{}' names no data set", dataset.dataset));
    dataset.dataset = "/" + join(parts, "/");
    if (parts.front() == own_group + 1) {
        throw JobError(dataset.place, fmt::format("'{}': the group '{}' is maniple's own", dataset.dataset, own_group));
    }
    if (dataset.series && dataset.shape.rank() == max_rank) {
        throw UnavailableError(dataset.place,
                               fmt::format("a series of a tensor with {} axes is not built in yet", max_rank));
    }
    const Shape whole = shape_in_file(dataset, dataset.rows);
    if (dataset.rows < 0 || checked_bytes(whole, static_cast<std::int64_t>(size_of(dataset.dtype))) < 0) {
        throw JobError(dataset.place,
                       fmt::format("'{}' of shape {} has more bytes than 2^63 - 1", dataset.dataset, to_string(whole)));
    }
}

std::vector<OutputFile> files_of(const std::vector<OutputDataset>& datasets) {
    std::vector<OutputFile> files;
    for (std::size_t number = 0; number < datasets.size(); ++number) {
        const OutputDataset& dataset = datasets[number];
        const OutputPath path = resolve_output(dataset.file, dataset.place);
        auto file = std::find_if(files.begin(), files.end(),
                                 [&path](const OutputFile& other) { return other.path.final_name == path.final_name; });
        if (file == files.end()) file = files.insert(file, OutputFile{path, dataset.file, {}, dataset.place});
        file->datasets.push_back(number);
    }
    for (const OutputFile& file : files) require_distinct(file, datasets);
    return files;
}

void require_replaceable(const OutputFile& file, const Job& job, bool overwrite) {
    for (const InputSpec* input : file_inputs(job)) {
        if (is_same_file(file.path.final_name, input->from->path)) {
            throw JobError(file.place, fmt::format("the output '{}' is the same file as the input '{}'", file.name,
                                                   input->from->file));
        }
    }
    std::error_code ignored;
    if (overwrite || !std::filesystem::exists(file.path.final_name, ignored) || is_complete(file.path.final_name))
        return;
    throw CreateError(file.place,
                      fmt::format("'{}' exists and does not carry maniple's completeness mark: remove it, or "
                                  "say --overwrite",
                                  file.name));
}

void check_outputs(const Job& job, std::vector<OutputDataset> datasets, bool overwrite) {
    for (OutputDataset& dataset : datasets) normalize(dataset);
    for (const OutputFile& file : files_of(datasets)) {
        require_replaceable(file, job, overwrite);
        if (access(file.path.temporary.parent_path().c_str(), W_OK) != 0) {
            throw CreateError(file.place, fmt::format("cannot create '{}': its folder is not writable", file.name));
        }
    }
}

void require_visible(const OutputFile& file) {
    const int descriptor = hdf5::fault_strikes() ? -1 : open(file.path.temporary.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) {
        throw CreateError(file.place,
                          fmt::format("this rank cannot open '{}', which rank 0 created: {}. Outputs of several "
                                      "ranks need a file system that all of them share",
                                      file.path.temporary.string(), std::strerror(errno)));
    }
    close(descriptor);
}

}  // namespace maniple
