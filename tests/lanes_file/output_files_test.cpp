#include <unistd.h>

#include <chrono>

#include "samples.hpp"

namespace maniple::test {
namespace {

using Outputs = SharedFolder;

constexpr DType every_dtype[] = {DType::f32, DType::f64, DType::f16, DType::i32,
                                 DType::i64, DType::u8,  DType::u32, DType::boolean};

TEST_F(Outputs, EveryTypeGoesRound) {
    std::vector<OutputDataset> datasets;
    for (DType dtype : every_dtype)
        datasets.push_back(output(path("a.h5"), "/all/" + std::string(name_of(dtype)), {7, 5, 3}, dtype));
    write_outputs(datasets);
    for (const OutputDataset& dataset : datasets)
        expect_pattern(dataset.file, dataset.dataset, dataset.shape, dataset.dtype);
    EXPECT_EQ(names(), std::vector<std::string>{"a.h5"});
}

TEST_F(Outputs, ScalarsAndEmptyAxes) {
    write_outputs({output(path("a.h5"), "/scalar", {}, DType::f64), output(path("a.h5"), "/empty", {0, 4}),
                   output(path("a.h5"), "/one", {1, 1}), output(path("a.h5"), "/tail", {4, 0})});
    expect_pattern(path("a.h5"), "/scalar", {}, DType::f64);
    expect_pattern(path("a.h5"), "/empty", {0, 4}, DType::f32);
    expect_pattern(path("a.h5"), "/one", {1, 1}, DType::f32);
    expect_pattern(path("a.h5"), "/tail", {4, 0}, DType::f32);
}

OutputDataset series(const std::string& file, const std::string& name, const Shape& shape, std::int64_t rows,
                     DType dtype = DType::f32) {
    OutputDataset result = output(file, name, shape, dtype);
    result.series = true;
    result.rows = rows;
    result.every = 10;
    return result;
}

TEST_F(Outputs, SeriesAreCutToTheRowsWritten) {
    const std::vector<OutputDataset> datasets = {
        series(path("a.h5"), "/u", {5, 3}, 7), series(path("a.h5"), "/total", {}, 100, DType::f64),
        series(path("a.h5"), "/none", {4}, 3), series(path("a.h5"), "/wide", {300'000}, 3)};
    const std::vector<std::int64_t> rows = {4, 20, 0, 2};
    {
        OutputFiles files(MPI_COMM_WORLD, job_reading({}), {}, datasets, provenance(), false);
        for (std::size_t i = 0; i < datasets.size(); ++i) {
            for (std::int64_t row = 0; row < rows[i]; ++row) write_share(files, i, row, datasets[i]);
        }
        files.finish(rows);
    }
    for (std::size_t i = 0; i < datasets.size(); ++i) {
        for (std::int64_t row = 0; row < rows[i]; ++row) {
            expect_pattern(path("a.h5"), datasets[i].dataset, datasets[i].shape, datasets[i].dtype, row, {item(row)});
        }
    }
    const Catalogue steps = read_catalogue(job_reading({{path("a.h5"), "/total_step"}}));
    EXPECT_EQ(steps.inputs[0].shape, Shape{20});
    EXPECT_EQ(read_catalogue(job_reading({{path("a.h5"), "/none"}})).inputs[0].shape, (Shape{0, 4}));
    EXPECT_NE(inspect_file(path("a.h5")).find("checksums hold"), std::string::npos);
}

TEST_F(Outputs, LargeSeriesBoundsCostLittle) {
    OutputDataset loss = series(path("a.h5"), "/loss", {}, 50'000'000);
    const auto begin = std::chrono::steady_clock::now();
    OutputFiles files(MPI_COMM_WORLD, job_reading({}), {}, {loss}, provenance(), false);
    write_share(files, 0, 0, loss);
    files.finish({1});
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    EXPECT_LT(fs::file_size(path("a.h5")), std::uintmax_t{1} << 21);
}

TEST_F(Outputs, CompressedOnAnyRanks) {
    OutputDataset labels = output(path("a.h5"), "/labels", {1000, 300}, DType::i64);
    labels.gzip_level = 4;
    OutputDataset scalar = output(path("a.h5"), "/scalar", {}, DType::i64);
    scalar.gzip_level = 4;
    OutputDataset plain = output(path("a.h5"), "/plain", {40, 30}, DType::i64);
    write_outputs({labels, plain, scalar});
    EXPECT_EQ(names(), std::vector<std::string>{"a.h5"});
    expect_pattern(path("a.h5"), "/plain", {40, 30}, DType::i64);
    expect_pattern(path("a.h5"), "/labels", {1000, 300}, DType::i64);
    expect_pattern(path("a.h5"), "/scalar", {}, DType::i64);
    EXPECT_LT(fs::file_size(path("a.h5")), 1'000'000u);
    EXPECT_NE(inspect_file(path("a.h5")).find("gzip 4"), std::string::npos);
}

TEST_F(Outputs, AppearOnlyWhenFinished) {
    const OutputDataset a = output(path("a.h5"), "/a", {6}), b = output(path("b.h5"), "/b", {6});
    {
        OutputFiles files(MPI_COMM_WORLD, job_reading({}), {}, {a, b}, provenance(), false);
        write_share(files, 0, 0, a);
        write_share(files, 1, 0, b);
        barrier();
        EXPECT_EQ(names(), (std::vector<std::string>{".a.h5.maniple-lock", ".a.h5.maniple-tmp", ".b.h5.maniple-lock",
                                                     ".b.h5.maniple-tmp"}));
        barrier();
        files.finish({0, 0});
        EXPECT_EQ(files.bytes_written(), 8 * share_of(a.shape).volume());
    }
    barrier();
    EXPECT_EQ(names(), (std::vector<std::string>{"a.h5", "b.h5"}));
}

TEST_F(Outputs, AbandonLeavesNothing) {
    {
        const OutputDataset a = output(path("a.h5"), "/a", {6});
        OutputFiles files(MPI_COMM_WORLD, job_reading({}), {}, {a}, provenance(), false);
        write_share(files, 0, 0, a);
    }
    barrier();
    EXPECT_TRUE(names().empty());
}

TEST_F(Outputs, OnlyCompleteFilesOfOursAreReplaced) {
    const OutputDataset a = output(path("a.h5"), "/a", {6});
    on_rank_0([&] {
        const hdf5::Handle file = make_file(path("a.h5"));
        make_dataset<float>(file, "/other", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {2}, {1, 2});
    });
    const std::string before = text_of(path("a.h5"));
    expect_error_on_all(ExitCode::create, "does not carry maniple's completeness mark", [&] { write_outputs({a}); });
    EXPECT_EQ(text_of(path("a.h5")), before);
    EXPECT_EQ(names(), std::vector<std::string>{"a.h5"});
    barrier();
    write_outputs({a}, job_reading({}), {}, true);
    expect_pattern(path("a.h5"), "/a", {6}, DType::f32);
    barrier();
    write_outputs({output(path("a.h5"), "/b", {3})});
    expect_pattern(path("a.h5"), "/b", {3}, DType::f32);
}

TEST_F(Outputs, TextFilesAndFoldersAreNotReplaced) {
    on_rank_0([&] {
        std::ofstream(path("notes.txt")) << "keep me";
        fs::create_directory(path("folder"));
    });
    expect_error_on_all(ExitCode::create, "completeness mark",
                        [&] { write_outputs({output(path("notes.txt"), "/a", {6})}); });
    expect_error_on_all(ExitCode::create, "is a folder", [&] { write_outputs({output(path("folder"), "/a", {6})}); });
    expect_error_on_all(ExitCode::create, "is not a regular file",
                        [&] { write_outputs({output("/dev/null", "/a", {6})}, {}, {}, true); });
    expect_error_on_all(ExitCode::create, "does not exist",
                        [&] { write_outputs({output(path("none/a.h5"), "/a", {6})}); });
    expect_error_on_all(ExitCode::create, "cannot create", [&] { write_outputs({output("/proc/a.h5", "/a", {6})}); });
    expect_error_on_all(ExitCode::create, "cannot create",
                        [&] { write_outputs({output(path(std::string(250, 'x')), "/a", {6})}); });
    EXPECT_EQ(text_of(path("notes.txt")), "keep me");
}

TEST_F(Outputs, UnwritableFolder) {
    on_rank_0([&] {
        fs::create_directory(path("folder"));
        fs::permissions(path("folder"), fs::perms(0555));
        fs::permissions(path(""), fs::perms(0755));
    });
    const uid_t user = geteuid();
    const bool root = user == 0;  // may write everywhere
    if (root) { ASSERT_EQ(seteuid(65534), 0); }
    expect_error_on_all(ExitCode::create, "cannot create",
                        [&] { write_outputs({output(path("folder/a.h5"), "/a", {6})}); });
    if (root) { ASSERT_EQ(seteuid(user), 0); }
}

TEST_F(Outputs, LinksAreFollowedAndNamesOfOneFileAreOneFile) {
    on_rank_0([&] {
        fs::create_directory(path("scratch"));
        fs::create_directory_symlink(path("scratch"), path("link"));
    });
    write_outputs({output(path("scratch/a.h5"), "/a", {6}), output(path("link/a.h5"), "/b", {6})});
    expect_pattern(path("scratch/a.h5"), "/a", {6}, DType::f32);
    expect_pattern(path("scratch/a.h5"), "/b", {6}, DType::f32);
    on_rank_0([&] { fs::create_symlink(path("scratch/a.h5"), path("b.h5")); });
    write_outputs({output(path("b.h5"), "/c", {6})});
    EXPECT_TRUE(fs::is_symlink(path("b.h5")));
    expect_pattern(path("scratch/a.h5"), "/c", {6}, DType::f32);
}

TEST_F(Outputs, NamesThatCannotStandTogether) {
    const auto writing = [&](const std::string& a, const std::string& b) {
        return [this, a, b] { write_outputs({output(path("a.h5"), a, {6}), output(path("a.h5"), b, {6})}); };
    };
    expect_error_on_all(ExitCode::job, "two outputs", writing("/a", "//a"));
    expect_error_on_all(ExitCode::job, "cannot be a data set", writing("/a", "/a/b"));
    expect_error_on_all(ExitCode::job, "cannot be a data set", writing("/a/b/c", "/a"));
    expect_error_on_all(ExitCode::job, "maniple's own", writing("/maniple/x", "/a"));
    expect_error_on_all(ExitCode::job, "names no data set", writing("/", "/a"));
    expect_error_on_all(ExitCode::job, "2^63", [&] {
        write_outputs({output(path("a.h5"), "/a", {1LL << 40, 1LL << 40})});
    });
}

TEST_F(Outputs, AnInputIsNotOverwritten) {
    write_outputs({output(path("a.h5"), "/a", {6})});
    on_rank_0([&] { fs::create_hard_link(path("a.h5"), path("same.h5")); });
    const Job job = job_reading({{path("a.h5"), "/a"}});
    const Catalogue catalogue = read_catalogue(job);
    expect_error_on_all(ExitCode::job, "is the same file as the input",
                        [&] { write_outputs({output(path("same.h5"), "/a", {6})}, job, catalogue, true); });
}

TEST_F(Outputs, TwoRunsDoNotWriteOneOutput) {
    const OutputDataset a = output(path("a.h5"), "/a", {6});
    OutputFiles first(MPI_COMM_WORLD, job_reading({}), {}, {a}, provenance(), false);
    expect_error_on_all(ExitCode::create, "another run is writing", [&] { write_outputs({a}); });
    write_share(first, 0, 0, a);
    first.finish({0});
    expect_pattern(path("a.h5"), "/a", {6}, DType::f32);
    barrier();
    write_outputs({a});
}

TEST_F(Outputs, LeftOversOfAKilledRunAreRemoved) {
    on_rank_0([&] {
        std::ofstream(path(".a.h5.maniple-tmp")) << "half a file";
        std::ofstream(path(".a.h5.maniple-lock")) << "";
        std::ofstream(path(".a.h5.maniple-raw")) << "what several ranks had written";
    });
    write_outputs({output(path("a.h5"), "/a", {6})});
    EXPECT_EQ(names(), std::vector<std::string>{"a.h5"});
    expect_pattern(path("a.h5"), "/a", {6}, DType::f32);
}

TEST_F(Outputs, AnIncompleteFileIsRefused) {
    const OutputDataset a = output(path("a.h5"), "/a", {6});
    write_outputs({a});
    const std::string before = text_of(path("a.h5"));
    barrier();
    OutputFiles files(MPI_COMM_WORLD, job_reading({}), {}, {a}, provenance(), false);
    if (rank() > 0) write_share(files, 0, 0, a);
    expect_error_on_all(ExitCode::file, "were written", [&] { files.finish({0}); });
    EXPECT_EQ(text_of(path("a.h5")), before);
    EXPECT_EQ(names(), std::vector<std::string>{"a.h5"});
}

TEST_F(Outputs, AFailedWriteOnOneRankPoisonsTheFileOnAll) {
    const OutputDataset a = output(path("a.h5"), "/a", {12});
    write_outputs({a});
    const std::string before = text_of(path("a.h5"));
    barrier();
    OutputFiles files(MPI_COMM_WORLD, job_reading({}), {}, {a}, provenance(), false);
    if (rank() == ranks() - 1) {
        hdf5::arm_fault(1);
        expect_error(ExitCode::file, "injected fault", [&] { write_share(files, 0, 0, a); });
    }
    write_share(files, 0, 0, a);  // a later success does not heal it
    const std::string place = ranks() > 1 ? "(on rank " + std::to_string(ranks() - 1) + ")" : "cannot write";
    expect_error_on_all(ExitCode::file, place, [&] { files.finish({0}); });
    EXPECT_EQ(text_of(path("a.h5")), before);
    EXPECT_EQ(names(), std::vector<std::string>{"a.h5"});
}

TEST_F(Outputs, TheCallerSeesProvenanceAndAttributes) {
    OutputDataset a = output(path("a.h5"), "/a", {6});
    a.attributes = {{"units", std::string("kelvin")},
                    {"count", std::int64_t{3}},
                    {"scale", 0.5},
                    {"flag", true},
                    {"levels", std::vector<std::int64_t>{1, 2}},
                    {"range", std::vector<double>{0.5, 1.5}}};
    Provenance big = provenance();
    big.job_text = std::string(1 << 20, 'x');
    {
        OutputFiles files(MPI_COMM_WORLD, job_reading({}), {}, {a}, big, false);
        write_share(files, 0, 0, a);
        files.finish({0});
    }
    const hdf5::Handle file(H5Fopen(path("a.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "open");
    const hdf5::Handle group(H5Gopen2(file, "/maniple", H5P_DEFAULT), H5Gclose, "open");
    EXPECT_EQ(hdf5::read_string(group, "job").value().size(), big.job_text.size());
    EXPECT_EQ(hdf5::read_integer(group, "ranks"), ranks());
    EXPECT_EQ(hdf5::read_strings(group, "hosts"), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(hdf5::read_string(group, "finished").value().size(), 20u);
    const hdf5::Handle dataset(H5Dopen2(file, "/a", H5P_DEFAULT), H5Dclose, "open");
    EXPECT_EQ(hdf5::read_string(dataset, "units"), "kelvin");
    EXPECT_EQ(hdf5::read_integer(dataset, "count"), 3);
}

}  // namespace
}  // namespace maniple::test
