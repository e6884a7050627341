#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/text.hpp"
#include "lanes/file/agreement.hpp"
#include "lanes/file/carried.hpp"
#include "lanes/file/checksums.hpp"
#include "lanes/file/files.hpp"
#include "lanes/file/hdf5_types.hpp"
#include "lanes/file/output_content.hpp"
#include "lanes/file/output_path.hpp"
#include "lanes/file/output_plan.hpp"
#include "lanes/file/slabs.hpp"
#include "lanes/file/staging.hpp"

namespace maniple {
namespace {

// One call writes at most this much: the MPI driver counts the bytes of a call in an int.
constexpr std::int64_t write_bytes = std::int64_t{256} << 20;
constexpr std::size_t chunk_cache_bytes = std::size_t{16} << 20;

hdf5::Handle open_output_dataset(hid_t file, const OutputDataset& dataset) {
    const hdf5::Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose, "making a property list");
    hdf5::check(H5Pset_chunk_cache(access, 12'421, chunk_cache_bytes, 1.0), "setting the chunk cache");
    return hdf5::Handle(H5Dopen2(file, dataset.dataset.c_str(), access), H5Dclose, "opening '" + dataset.dataset + "'");
}

/// Writes `source` of `from` to `box` of row `row`.
void write_box(hid_t dataset, const OutputDataset& about, std::int64_t row, const Box& box, const ConstBlock& from,
               const Box& source) {
    Box in_file;
    if (about.series) {
        in_file.lo.push_back(row);
        in_file.hi.push_back(row + 1);
    }
    for (int axis = 0; axis < box.rank(); ++axis) {
        in_file.lo.push_back(box.lo[axis]);
        in_file.hi.push_back(box.hi[axis]);
    }
    Extents back(from.box.rank());
    for (int axis = 0; axis < back.rank(); ++axis) back[axis] = -from.box.lo[axis];
    const hdf5::Handle file_space(H5Dget_space(dataset), H5Sclose, "writing");
    hdf5::select_box(file_space, in_file);
    const hdf5::Handle memory_space = hdf5::space_of(from.box.shape());
    hdf5::select_box(memory_space, shifted(source, back));
    const hdf5::Handle type = hdf5::type_of(about.dtype);
    hdf5::check(H5Dwrite(dataset, type, memory_space, file_space, H5P_DEFAULT, from.data), "writing");
}

/// Errors: FileError where fewer elements were written than the data set has.
void require_all_written(const OutputDataset& dataset, std::int64_t rows, const Checksums& checksums) {
    std::int64_t written = 0;
    for (const auto& entry : checksums) written += entry.first.box.volume();
    const std::int64_t wanted = element_count(shape_in_file(dataset, rows));
    if (written >= wanted) return;
    throw FileError(dataset.place,
                    fmt::format("only {} of the {} elements of '{}' were written", written, wanted, dataset.dataset));
}

}  // namespace

struct OutputFiles::State {
    MPI_Comm communicator;
    int rank = 0, ranks = 1;
    std::vector<OutputDataset> datasets;
    std::vector<OutputFile> files;
    std::vector<OutputLock> locks;            ///< rank 0
    std::size_t created = 0;                  ///< temporary files of ours that are there: the first ones; rank 0
    std::vector<hdf5::Handle> open_files;     ///< the first ones of `files`
    std::vector<hdf5::Handle> open_datasets;  ///< one for each of `datasets`, or none
    std::vector<Staging> staging;             ///< one for each of `files`, where there are several ranks
    std::vector<Checksums> checksums;
    std::string poison;  ///< the first failure of a write
    Place poison_place;
    bool writable = false;
    std::int64_t bytes_written = 0;
    std::vector<std::string> notices;

    State(MPI_Comm given, std::vector<OutputDataset> outputs)
        : communicator(given), rank(rank_in(given)), ranks(size_of(given)), datasets(std::move(outputs)),
          checksums(datasets.size()) {}

    bool parallel() const { return ranks > 1; }

    void plan() {
        for (OutputDataset& dataset : datasets) normalize(dataset);
        files = files_of(datasets);
    }

    /// Rank 0: takes the locks, then creates the files.
    void create(const Job& job, const Catalogue& catalogue, const Provenance& provenance, bool overwrite) {
        if (rank != 0) return;
        for (const OutputFile& file : files) require_replaceable(file, job, overwrite);
        for (const OutputFile& file : files) {
            locks.emplace_back(file.path, file.place);
            if (locks.back().effective()) continue;
            notices.push_back(
                fmt::format("the file system of '{}' has no locks: maniple cannot notice another run that "
                            "writes the same file",
                            file.name));
        }
        CarriedMetadata carried(job, catalogue, notices);
        for (const OutputFile& file : files) {
            require_replaceable(file, job, overwrite);  // again: now nobody else of ours replaces it
            remove_stale(file.path.temporary, file.place);
            remove_stale(file.path.raw, file.place);
            created += 1;
            create_output_file(file, datasets, parallel(), provenance, carried);
            if (!parallel()) continue;
            staging.emplace_back();
            staging.back().open(file, datasets, true);
        }
    }

    /// One step that all ranks take: HDF5's failure becomes the output's, and any failure every rank's.
    template <class Step>
    void create_together(const OutputFile& file, Step&& step) const {
        together(communicator, [&] {
            try {
                step();
            } catch (const hdf5::Failure& failure) {
                throw CreateError(file.place, fmt::format("cannot create '{}': {}", file.name, failure.what()));
            }
        });
    }

    /// Collective: every rank opens every file. The ranks agree after each collective call and after what may fail
    /// locally before it, so that a failure leaves no rank waiting.
    void open_together() {
        for (const OutputFile& file : files) {
            hdf5::Handle access, opened;
            create_together(file, [&] {
                if (parallel()) require_visible(file);
                if (parallel() && rank != 0) {
                    staging.emplace_back();
                    staging.back().open(file, datasets, false);
                }
                access = plain_access();
            });
            create_together(file, [&] {
                if (!parallel()) return;
                hdf5::check(H5Pset_fapl_mpio(access, communicator, MPI_INFO_NULL), "choosing the MPI driver");
            });
            try {
                create_together(file, [&] {
                    opened = hdf5::Handle(H5Fopen(file.path.temporary.c_str(), H5F_ACC_RDWR, access), H5Fclose);
                    hdf5::check(opened, "opening to write");
                });
            } catch (...) {
                if (parallel()) opened.forget();  // closing is collective, and some rank has nothing to close
                throw;
            }
            open_files.push_back(std::move(opened));
        }
        if (!files.empty()) create_together(files.front(), [this] { open_all_datasets(); });
        writable = true;
    }

    void open_all_datasets() {
        open_datasets.resize(datasets.size());
        for (std::size_t f = 0; f < files.size(); ++f) {
            for (std::size_t d : files[f].datasets) {
                if (!is_staged(datasets[d], parallel()))
                    open_datasets[d] = open_output_dataset(open_files[f], datasets[d]);
            }
        }
    }

    /// Where the elements of a data set go instead; null: into the output file.
    const Staging* staging_of(std::size_t dataset) const {
        const auto found =
            std::find_if(staging.begin(), staging.end(), [&](const Staging& other) { return other.holds(dataset); });
        return found == staging.end() ? nullptr : &*found;
    }

    const OutputFile& file_of(std::size_t dataset) const {
        const auto holds = [dataset](const OutputFile& file) {
            return std::find(file.datasets.begin(), file.datasets.end(), dataset) != file.datasets.end();
        };
        return *std::find_if(files.begin(), files.end(), holds);
    }

    void poison_with(const std::string& message, const Place& place) {
        if (!poison.empty()) return;
        poison = message;
        poison_place = place;
    }

    /// Collective: closes everything; every rank goes through all of it whatever fails. Returns this rank's first
    /// failure as a message, or "".
    std::string close_everything() {
        std::string first;
        const auto closing = [&first](hdf5::Handle& handle, const std::string& name) {
            try {
                handle.close("closing '" + name + "'");
            } catch (const hdf5::Failure& failure) {
                if (first.empty()) first = failure.what();
            }
        };
        writable = false;
        for (std::size_t d = 0; d < open_datasets.size(); ++d) closing(open_datasets[d], datasets[d].dataset);
        for (std::size_t f = 0; f < open_files.size(); ++f) closing(open_files[f], files[f].name);
        open_datasets.clear();
        open_files.clear();
        return first;
    }

    void close_together() {
        const std::string failed = close_everything();
        together(communicator, [&] {
            if (!failed.empty()) throw FileError(files.front().place, failed);
            for (const OutputFile& file : files) synchronize(file.path.temporary);
        });
    }

    /// Collective: all checksums on rank 0.
    void gather_checksums() {
        if (!parallel()) return;
        const std::vector<std::int64_t> numbers = to_numbers(checksums);
        const std::vector<std::int64_t> all = gather_numbers(communicator, numbers);
        checksums.assign(datasets.size(), {});
        together(communicator, [&] { add_checksums(checksums, all); });
    }

    /// Rank 0.
    void complete(const std::vector<std::int64_t>& rows) {
        if (rank != 0) return;
        for (std::size_t d = 0; d < datasets.size(); ++d) {
            std::erase_if(checksums[d],
                          [&](const auto& entry) { return datasets[d].series && entry.first.row >= rows[d]; });
            require_all_written(datasets[d], rows[d], checksums[d]);
        }
        for (std::size_t f = 0; f < staging.size(); ++f) staging[f].compress_into(files[f], datasets, rows);
        staging.clear();
        for (const OutputFile& file : files) complete_output_file(file, datasets, rows, checksums);
    }

    /// Rank 0: only when every file is complete does the first one get its name. Gives the locks up.
    void publish_all() {
        if (rank != 0) return;
        std::set<std::filesystem::path> folders;
        std::vector<std::string> published;
        for (const OutputFile& file : files) {
            try {
                publish(file.path);
            } catch (const FileError& error) {
                if (published.empty()) throw;
                throw FileError(fmt::format("{}; already replaced: {}", error.what(), join(published, ", ")));
            }
            published.push_back(file.name);
            folders.insert(file.path.final_name.parent_path());
        }
        for (const auto& folder : folders) synchronize(folder);
        created = 0;
        locks.clear();
    }

    /// Rank 0: removes what is left of ours and gives the locks up.
    void clean_up() noexcept {
        for (std::size_t f = 0; f < created; ++f) unlink(files[f].path.temporary.c_str());
        created = 0;
        staging.clear();
        locks.clear();
    }

    /// Local: the others may have gone, so nothing collective. HDF5 keeps the files that stay open until MPI_Finalize.
    void abandon() noexcept {
        writable = false;
        if (parallel()) {
            for (hdf5::Handle& dataset : open_datasets) dataset.forget();
            for (hdf5::Handle& file : open_files) file.forget();
        }
        open_datasets.clear();
        open_files.clear();
        clean_up();
    }
};

OutputFiles::OutputFiles(MPI_Comm communicator, const Job& job, const Catalogue& catalogue,
                         std::vector<OutputDataset> datasets, const Provenance& provenance, bool overwrite) {
    hdf5::start();
    state_ = std::make_unique<State>(communicator, std::move(datasets));
    State& state = *state_;
    try {
        together(communicator, [&] {
            state.plan();
            state.create(job, catalogue, provenance, overwrite);
        });
        state.open_together();
    } catch (...) {  // on every rank
        state.close_everything();
        state.clean_up();
        throw;
    }
}

OutputFiles::~OutputFiles() { abandon(); }

void OutputFiles::write(std::size_t dataset, std::int64_t row, const Box& box, const ConstBlock& from,
                        const Box& source) {
    State& state = *state_;
    MANIPLE_CHECK(state.writable && dataset < state.datasets.size(), fmt::format("writing to output {}", dataset));
    const OutputDataset& about = state.datasets[dataset];
    MANIPLE_CHECK(box.shape() == source.shape() && from.box.contains(source) && Box::whole(about.shape).contains(box) &&
                      from.element_bytes == size_of(about.dtype) && row >= 0 && row < (about.series ? about.rows : 1),
                  fmt::format("writing {} of a block of {} to {} row {} of '{}' {}", to_string(source),
                              to_string(from.box), to_string(box), row, about.dataset, to_string(about.shape)));
    if (box.empty()) return;
    Extents to_source(box.rank());
    for (int axis = 0; axis < box.rank(); ++axis) to_source[axis] = source.lo[axis] - box.lo[axis];
    try {
        if (const Staging* staging = state.staging_of(dataset)) {
            staging->write(dataset, about, row, box, from, source);
        } else {
            for_each_slab(box, write_bytes / static_cast<std::int64_t>(from.element_bytes), [&](const Box& piece) {
                write_box(state.open_datasets[dataset], about, row, piece, from, shifted(piece, to_source));
            });
        }
    } catch (const FileError& error) {
        state.poison_with(error.what(), about.place);
        throw;
    } catch (const hdf5::Failure& failure) {
        const std::string message =
            fmt::format("cannot write '{}' of '{}': {}", about.dataset, state.file_of(dataset).name, failure.what());
        state.poison_with(message, about.place);
        throw FileError(about.place, message);
    }
    state.checksums[dataset][{row, box}] = checksum_of(from, source);
    state.bytes_written += box.volume() * static_cast<std::int64_t>(from.element_bytes);
}

void OutputFiles::finish(const std::vector<std::int64_t>& rows) {
    State& state = *state_;
    MANIPLE_CHECK(state.writable && rows.size() == state.datasets.size(),
                  "finishing outputs that are not being written");
    for (std::size_t d = 0; d < rows.size(); ++d) {
        MANIPLE_CHECK(!state.datasets[d].series || (rows[d] >= 0 && rows[d] <= state.datasets[d].rows),
                      fmt::format("{} rows of '{}'", rows[d], state.datasets[d].dataset));
    }
    try {
        together(state.communicator, [&] {
            if (!state.poison.empty()) throw FileError(state.poison_place, state.poison);
        });
        state.close_together();
        state.gather_checksums();
        together(state.communicator, [&] { state.complete(rows); });
        together(state.communicator, [&] { state.publish_all(); });
    } catch (...) {  // on every rank
        state.close_everything();
        state.clean_up();
        throw;
    }
}

void OutputFiles::abandon() noexcept { state_->abandon(); }

std::int64_t OutputFiles::bytes_written() const { return state_->bytes_written; }

const std::vector<std::string>& OutputFiles::notices() const { return state_->notices; }

}  // namespace maniple
