// lanes/file/files.hpp: HDF5 inputs and outputs by boxes. The only home of HDF5.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "job/catalogue.hpp"
#include "job/job.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// Reads the facts of every file input of `job`. Opens each file once; refuses external links, virtual data sets
/// and external raw storage that the input does not allow or that are not whole; checks declared extents against
/// overflow and against the file's size.
/// Call on one rank. Threads: no other HDF5 call at the same time (the parallel library is not thread-safe).
/// Errors: DataError at the input's place, all of them at once; JobError for a slice that does not fit the rank.
Catalogue read_catalogue(const Job& job);

/// The input data sets of one rank, opened when they are first read and kept open.
/// Threads: one at a time.
class InputFiles {
public:
    InputFiles(const Job& job, const Catalogue& catalogue);
    ~InputFiles();
    InputFiles(const InputFiles&) = delete;
    InputFiles& operator=(const InputFiles&) = delete;

    /// Reads the coordinates `box` (of the sliced input, number `input` of the catalogue) into `to` at `target`,
    /// converting to `dtype`. Independent: no other rank needs to call. Blocks.
    /// Requires: box and target have equal extents; target lies in to.box.
    /// Errors: DataError where the file changed or is damaged; FileError for a short read.
    void read(std::size_t input, const Box& box, const Block& to, const Box& target, DType dtype);

    std::int64_t bytes_read() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Where one axis of an output got its scale from: axis `axis` of input number `input` of the catalogue.
struct ScaleOrigin {
    int input = -1;  ///< -1: the axis has no scale
    int axis = 0;    ///< of the file's data set (before an integer in the slice dropped axes)
};

/// One data set to be written.
struct OutputDataset {
    std::string file;     ///< resolved path
    std::string dataset;  ///< "/results/u"
    Shape shape;          ///< without the leading axis of a series
    DType dtype = DType::f32;
    bool series = false;     ///< a leading axis of `rows` rows: one for each step written
    std::int64_t rows = 0;   ///< an upper bound; finish() says how many were written
    std::int64_t every = 0;  ///< row k is the value after step first + (k + 1)·every; 0: steps are not recorded
    std::int64_t first = 0;
    int gzip_level = -1;              ///< -1: contiguous, uncompressed
    int attributes_from = -1;         ///< input whose data set's attributes are carried over, or -1
    bool copies_input = false;        ///< its elements are those of that input: what says how to read them stays true
    std::vector<ScaleOrigin> scales;  ///< one for each axis of `shape`
    std::vector<std::pair<std::string, AttributeValue>> attributes;  ///< the job's own, which win
    Place place;
};

/// What the provenance group of every output file says.
struct Provenance {
    std::string job_name, job_text, version, plan, started_utc;
    std::vector<std::string> hosts;
    int ranks = 1;
};

/// Holds the outputs of a run to everything that can be checked without creating a file.
/// Errors: as OutputFiles has them.
void check_outputs(const Job& job, std::vector<OutputDataset> datasets, bool overwrite);

/// All output files of a run. Collective over the communicator where it says so; every rank gets the same result
/// or the same error. The steps: prepare (rank 0 locks and creates temporary files, then all open them),
/// write (independent), finish (checksums, provenance, completeness mark, fsync, rename, fsync of the folder).
/// A file appears under its name only in finish(); before that abandon(), the destructor or a crash leave the
/// previous file untouched and at most a temporary file, which the next run on the same output removes.
/// Threads: one at a time.
class OutputFiles {
public:
    /// Collective. Duplicates nothing: `communicator` must outlive this and be used by nobody else. MPI_COMM_NULL: this
    /// process alone, which need not have initialised MPI.
    /// Errors (the same on all ranks): CreateError (73): the folder does not exist or is not writable, another run is
    /// writing the same file, an existing file does not carry maniple's completeness mark (unless `overwrite`).
    OutputFiles(MPI_Comm communicator, const Job& job, const Catalogue& catalogue, std::vector<OutputDataset> datasets,
                const Provenance& provenance, bool overwrite);
    ~OutputFiles();  ///< abandon(), if not finished. Not collective: does only what one rank can do alone.
    OutputFiles(const OutputFiles&) = delete;
    OutputFiles& operator=(const OutputFiles&) = delete;

    /// Writes `source` of `from` to coordinates `box` of data set `dataset`, in row `row` of a series.
    /// Independent. Blocks. Errors: FileError (74); the file is then poisoned: finish() refuses. The other ranks do
    /// not know of it before finish(), which this rank must call too unless the run tells them otherwise.
    void write(std::size_t dataset, std::int64_t row, const Box& box, const ConstBlock& from, const Box& source);

    /// Collective. `rows`: for each data set the rows of a series that were written.
    /// Errors (the same on all ranks): FileError (74); previous files are then untouched.
    void finish(const std::vector<std::int64_t>& rows);

    /// Local: closes what can be closed and removes this run's temporary files (rank 0). Never throws.
    void abandon() noexcept;

    std::int64_t bytes_written() const;

    /// What the user should know though it is no error (the file system has no locks, a scale was left out): one
    /// line each. Filled by the constructor, on rank 0 only.
    const std::vector<std::string>& notices() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// `maniple inspect FILE`: what a result holds and where it came from; verifies the checksums.
/// Errors: DataError (66) if the file cannot be read or is no HDF5 file, or a checksum does not hold.
std::string inspect_file(const std::string& path);

/// "1.10.8 (parallel)".
std::string hdf5_version();

}  // namespace maniple
