// tests/lanes_file/samples.hpp: jobs, files and patterns for the tests of the file lane.
#pragma once

#include <gtest/gtest.h>
#include <mpi.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "lanes/file/agreement.hpp"
#include "lanes/file/convert.hpp"
#include "lanes/file/files.hpp"
#include "lanes/file/hdf5_handle.hpp"
#include "lanes/file/hdf5_types.hpp"

namespace maniple::test {

namespace fs = std::filesystem;

inline int rank() { return rank_in(MPI_COMM_WORLD); }
inline int ranks() { return size_of(MPI_COMM_WORLD); }
inline void barrier() { MPI_Barrier(MPI_COMM_WORLD); }

/// A folder that all ranks share, removed at the end of each case.
class SharedFolder : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/maniple-file-XXXXXX";
        if (rank() == 0 && mkdtemp(name) == nullptr) MPI_Abort(MPI_COMM_WORLD, 1);
        MPI_Bcast(name, sizeof name, MPI_CHAR, 0, MPI_COMM_WORLD);
        folder_ = name;
    }
    void TearDown() override {
        hdf5::arm_fault(0);
        barrier();
        if (rank() == 0) fs::remove_all(folder_);
    }
    std::string path(const std::string& name) const { return (folder_ / name).string(); }
    /// Runs `make` on rank 0 when all ranks are here, and before any goes on.
    static void on_rank_0(const std::function<void()>& make) {
        hdf5::start();
        barrier();
        if (rank() == 0) make();
        barrier();
    }
    std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const auto& entry : fs::directory_iterator(folder_)) result.push_back(entry.path().filename().string());
        std::sort(result.begin(), result.end());
        return result;
    }

    fs::path folder_;
};

inline Place place_of_line(int line) { return Place{"job.yaml", line, 3, 1, "  some line"}; }

inline SliceItem item(std::int64_t index) { return {SliceItem::Kind::index, index, {}, {}, {}}; }
inline SliceItem range(std::optional<std::int64_t> start, std::optional<std::int64_t> stop,
                       std::optional<std::int64_t> step = {}) {
    return {SliceItem::Kind::range, 0, start, stop, step};
}
inline SliceItem ellipsis() { return {SliceItem::Kind::ellipsis, 0, {}, {}, {}}; }

/// A job with one input for each file and data set.
inline Job job_reading(const std::vector<std::pair<std::string, std::string>>& sources,
                       const std::vector<SliceItem>& slice = {}) {
    Job job;
    job.name = "sample";
    job.text = "maniple: 1\n";
    for (const auto& [file, dataset] : sources) {
        InputSpec input;
        input.name = "input" + std::to_string(job.inputs.size());
        input.place = place_of_line(static_cast<int>(job.inputs.size()) + 2);
        input.from = FileReference{file, file, dataset, slice, input.place};
        job.inputs.push_back(input);
    }
    return job;
}

inline Provenance provenance() {
    return {"sample", "maniple: 1\n", "0.1.0", "data", "2024-01-01T00:00:00Z", {"a", "b"}, ranks()};
}

inline OutputDataset output(const std::string& file, const std::string& dataset, const Shape& shape,
                            DType dtype = DType::f32) {
    OutputDataset result;
    result.file = file;
    result.dataset = dataset;
    result.shape = shape;
    result.dtype = dtype;
    result.place = place_of_line(9);
    return result;
}

/// Element `index` of the pattern that the tests write: small integers, 0 and 1 for bool.
inline std::int64_t pattern(DType dtype, std::int64_t index) {
    return dtype == DType::boolean ? index % 2 : index % 97;
}

/// The pattern's elements of `box`, whose coordinates belong to a tensor of `shape`.
inline HostBytes pattern_bytes(DType dtype, const Shape& shape, const Box& box, std::int64_t offset = 0) {
    HostBytes bytes(static_cast<std::size_t>(std::max<std::int64_t>(1, box.volume())) * size_of(dtype));
    const ConstBlock whole{nullptr, 1, Box::whole(shape)};
    const Block block{bytes.data(), size_of(dtype), box};
    for (std::int64_t i = 0; i < box.volume(); ++i) {
        Extents at = box.lo;
        std::int64_t rest = i;
        for (int axis = box.rank() - 1; axis >= 0; --axis) {
            at[axis] += rest % box.extent(axis);
            rest /= box.extent(axis);
        }
        const std::int64_t value = pattern(dtype, whole.offset(at) + offset);
        convert_elements(DType::i64, reinterpret_cast<const std::byte*>(&value), dtype, block.at(at), 1);
    }
    return bytes;
}

/// This rank's share of the coordinates of `shape`: a slab of the first axis; rank 0 has all of a 0-d tensor.
inline Box share_of(const Shape& shape) {
    Box box = Box::whole(shape);
    if (shape.rank() == 0) return box;
    box.lo[0] = shape[0] * rank() / ranks();
    box.hi[0] = shape[0] * (rank() + 1) / ranks();
    return box;
}

/// Writes this rank's share of the pattern from a block that is larger than the share.
inline void write_share(OutputFiles& files, std::size_t number, std::int64_t row, const OutputDataset& about) {
    const Box share = share_of(about.shape);
    if (about.shape.rank() == 0 && rank() != 0) return;
    Box padded = share;
    for (int axis = 0; axis < share.rank(); ++axis) {
        padded.lo[axis] -= 1;
        padded.hi[axis] += 2;
    }
    HostBytes padded_bytes(static_cast<std::size_t>(padded.volume()) * size_of(about.dtype));
    const HostBytes bytes = pattern_bytes(about.dtype, about.shape, share, row);
    const ConstBlock exact{bytes.data(), size_of(about.dtype), share};
    const Block block{padded_bytes.data(), size_of(about.dtype), padded};
    if (!share.empty()) copy_box(exact, share, block, share);
    files.write(number, row, share, read_only(block), share);
}

/// Writes every data set whole and finishes.
inline void write_outputs(const std::vector<OutputDataset>& datasets, const Job& job = job_reading({}),
                          const Catalogue& catalogue = {}, bool overwrite = false) {
    OutputFiles files(MPI_COMM_WORLD, job, catalogue, datasets, provenance(), overwrite);
    std::vector<std::int64_t> rows;
    for (std::size_t i = 0; i < datasets.size(); ++i) {
        rows.push_back(datasets[i].rows);
        const std::int64_t count = datasets[i].series ? datasets[i].rows : 1;
        try {
            for (std::int64_t row = 0; row < count; ++row) write_share(files, i, row, datasets[i]);
        } catch (const FileError&) {
            // finish() tells all ranks.
        }
    }
    files.finish(rows);
}

/// Reads input 0 of a job over one data set, whole, as `dtype`.
inline HostBytes read_whole(const Job& job, const Catalogue& catalogue, DType dtype) {
    const Box whole = Box::whole(catalogue.inputs.at(0).shape);
    HostBytes bytes(static_cast<std::size_t>(std::max<std::int64_t>(1, whole.volume())) * size_of(dtype));
    InputFiles files(job, catalogue);
    files.read(0, whole, Block{bytes.data(), size_of(dtype), whole}, whole, dtype);
    return bytes;
}

/// Checks that a data set holds the pattern.
inline void expect_pattern(const std::string& file, const std::string& dataset, const Shape& shape, DType dtype,
                           std::int64_t offset = 0, const std::vector<SliceItem>& slice = {}) {
    const Job job = job_reading({{file, dataset}}, slice);
    const Catalogue catalogue = read_catalogue(job);
    ASSERT_EQ(catalogue.inputs.at(0).shape, shape) << to_string(catalogue.inputs[0].shape);
    ASSERT_EQ(catalogue.inputs.at(0).dtype, dtype);
    const HostBytes found = read_whole(job, catalogue, dtype);
    const HostBytes wanted = pattern_bytes(dtype, shape, Box::whole(shape), offset);
    EXPECT_EQ(std::memcmp(found.data(), wanted.data(), static_cast<std::size_t>(element_count(shape)) * size_of(dtype)),
              0)
        << dataset;
}

/// Runs `work`, which must throw an Error of `code` whose message holds `part`.
inline void expect_error(ExitCode code, const std::string& part, const std::function<void()>& work) {
    try {
        work();
        ADD_FAILURE() << "no error, wanted one with '" << part << "'";
    } catch (const Error& error) {
        EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
}

/// The same for what is collective: afterwards rank 0 has cleaned up.
inline void expect_error_on_all(ExitCode code, const std::string& part, const std::function<void()>& work) {
    expect_error(code, part, work);
    barrier();
}

/// Creates a data set of `type` from `values` in `file` (opened or created).
template <class T>
void make_dataset(hid_t file, const std::string& name, hid_t file_type, hid_t memory_type, const Shape& shape,
                  const std::vector<T>& values, hid_t properties = H5P_DEFAULT) {
    const hdf5::Handle space = hdf5::space_of(shape);
    const hdf5::Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "links");
    H5Pset_create_intermediate_group(links, 1);
    const hdf5::Handle dataset(H5Dcreate2(file, name.c_str(), file_type, space, links, properties, H5P_DEFAULT),
                               H5Dclose, "make_dataset");
    if (!values.empty()) {
        hdf5::check(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "make_dataset");
    }
}

inline hdf5::Handle make_file(const std::string& path) {
    return hdf5::Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, "make_file");
}

inline std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace maniple::test
