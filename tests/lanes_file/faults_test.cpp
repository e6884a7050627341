// Every call to HDF5 and the operating system fails once, on one rank: all ranks must get the same error, the file
// that was there must be untouched, and nothing may be left behind.
#include "samples.hpp"

namespace maniple::test {
namespace {

class Faults : public SharedFolder {
protected:
    void every_call_fails_once(int victim);
};

class FaultsOnSeveralRanks : public Faults {};

std::vector<OutputDataset> two_files(const std::string& a, const std::string& b) {
    OutputDataset series = output(b, "/group/series", {4}, DType::f64);
    series.series = true;
    series.rows = 3;
    series.every = 1;
    return {output(a, "/a", {6, 2}), series};
}

/// The exit code of writing with the fault armed for check `nth` on rank `victim`; -1 once it did not strike there.
int code_with_fault(const std::vector<OutputDataset>& datasets, std::int64_t nth, int victim, bool& struck) {
    int code = 0;
    if (rank() == victim) hdf5::arm_fault(nth);
    try {
        OutputFiles files(MPI_COMM_WORLD, job_reading({}), {}, datasets, provenance(), false);
        try {
            write_share(files, 0, 0, datasets[0]);
            for (std::int64_t row = 0; row < 2; ++row) write_share(files, 1, row, datasets[1]);
        } catch (const FileError&) {
            // As in a run: finish() tells the others.
        }
        files.finish({0, 2});
    } catch (const Error& error) { code = static_cast<int>(error.code()); }
    int left = rank() == victim ? static_cast<int>(hdf5::checks_left()) : 0;
    hdf5::arm_fault(0);
    MPI_Bcast(&left, 1, MPI_INT, victim, MPI_COMM_WORLD);
    struck = left == 0;
    barrier();  // rank 0 has cleaned up
    return code;
}

void Faults::every_call_fails_once(int victim) {
    auto datasets = two_files(path("a.h5"), path("b.h5"));
    datasets[0].gzip_level = 2;  // on several ranks staged beside the file
    write_outputs(datasets);
    bool struck = true;
    for (std::int64_t nth = 1; struck; ++nth) {
        const std::string before_a = text_of(path("a.h5")), before_b = text_of(path("b.h5"));
        barrier();
        const int code = code_with_fault(datasets, nth, victim, struck);
        int lowest = code, highest = code;
        MPI_Allreduce(&code, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
        MPI_Allreduce(&code, &highest, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        ASSERT_EQ(lowest, highest) << "fault " << nth;
        ASSERT_TRUE(code == 0 || code == 73 || code == 74) << "fault " << nth << " gave " << code;
        ASSERT_EQ(names(), (std::vector<std::string>{"a.h5", "b.h5"})) << "fault " << nth;
        const bool both_old = text_of(path("a.h5")) == before_a && text_of(path("b.h5")) == before_b;
        barrier();
        if (code != 0 && !both_old) {  // only the very last steps may fail behind the first rename
            expect_pattern(path("a.h5"), "/a", {6, 2}, DType::f32);
            EXPECT_GT(nth, 50);
        }
        ASSERT_LT(nth, 2000);
        EXPECT_TRUE(struck || code == 0);
        barrier();
    }
    EXPECT_NE(inspect_file(path("a.h5")).find("checksums hold"), std::string::npos);
}

TEST_F(Faults, EveryCallOfTheFirstRank) { every_call_fails_once(0); }
TEST_F(FaultsOnSeveralRanks, EveryCallOfTheLastRank) { every_call_fails_once(ranks() - 1); }

TEST_F(Faults, ReadingFailsWithDataOrFileErrors) {
    write_outputs({output(path("a.h5"), "/a", {6, 2})});
    const Job job = job_reading({{path("a.h5"), "/a"}});
    for (std::int64_t nth = 1; nth < 1000; ++nth) {
        hdf5::arm_fault(nth);
        try {
            const Catalogue catalogue = read_catalogue(job);
            read_whole(job, catalogue, DType::i64);
        } catch (const Error& error) {
            ASSERT_TRUE(error.code() == ExitCode::data || error.code() == ExitCode::file) << error.what();
        }
        if (hdf5::checks_left() > 0) return;
    }
    FAIL() << "the fault struck every time";
}

}  // namespace
}  // namespace maniple::test
