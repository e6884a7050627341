// tests/lanes_file/sample.cpp: a program under mpirun that writes files for outputs_test.py to look at.
//   sample every FILE               one data set of each type, scalars, empty ones, series
//   sample grid FILE INPUT DATASET  a copy and a series of a data set, with its attributes and scales
//   sample large FILE BYTES         one data set of so many bytes
#include <cstdio>
#include <cstdlib>

#include "samples.hpp"

namespace maniple::test {
namespace {

OutputDataset series(const std::string& file, const std::string& name, const Shape& shape, std::int64_t rows) {
    OutputDataset result = output(file, name, shape, DType::f64);
    result.series = true;
    result.rows = rows;
    result.every = 10;
    return result;
}

void write_every_type(const std::string& file) {
    std::vector<OutputDataset> datasets;
    for (DType dtype :
         {DType::f32, DType::f64, DType::f16, DType::i32, DType::i64, DType::u8, DType::u32, DType::boolean}) {
        datasets.push_back(output(file, "/types/" + std::string(name_of(dtype)), {5, 4}, dtype));
    }
    datasets.push_back(output(file, "/scalar", {}, DType::f64));
    datasets.push_back(output(file, "/empty", {0, 3}));
    datasets.push_back(series(file, "/history/u", {4}, 3));
    datasets.push_back(series(file, "/history/total", {}, 3));
    datasets.push_back(series(file, "/history/none", {}, 0));
    datasets[0].attributes = {
        {"units", std::string("kelvin")}, {"flag", true}, {"levels", std::vector<std::int64_t>{1, 2}}};
    write_outputs(datasets);
}

void write_grid(const std::string& file, const std::string& input, const std::string& name) {
    const Job job = job_reading({{input, name}});
    std::string bytes;
    if (rank() == 0) bytes = serialize(read_catalogue(job));
    auto length = static_cast<int>(bytes.size());
    MPI_Bcast(&length, 1, MPI_INT, 0, MPI_COMM_WORLD);
    bytes.resize(static_cast<std::size_t>(length));
    MPI_Bcast(bytes.data(), length, MPI_BYTE, 0, MPI_COMM_WORLD);
    const Catalogue catalogue = deserialize_catalogue(bytes);
    const InputFacts& facts = catalogue.inputs[0];

    OutputDataset copy = output(file, "/copy", facts.shape, facts.dtype);
    copy.attributes_from = 0;
    copy.copies_input = true;
    for (int axis = 0; axis < facts.shape.rank(); ++axis) copy.scales.push_back({0, axis});
    OutputDataset history = copy;
    history.dataset = "/history";
    history.series = true, history.rows = 2, history.every = 5;
    OutputDataset partly = copy;
    partly.dataset = "/partly";
    partly.scales[0] = {};
    OutputFiles files(MPI_COMM_WORLD, job, catalogue, {copy, history, partly}, provenance(), false);
    InputFiles inputs(job, catalogue);
    const Box share = share_of(facts.shape);
    HostBytes data(static_cast<std::size_t>(std::max<std::int64_t>(1, share.volume())) * size_of(facts.dtype));
    const Block block{data.data(), size_of(facts.dtype), share};
    inputs.read(0, share, block, share, facts.dtype);
    for (std::size_t number : {0u, 2u}) files.write(number, 0, share, read_only(block), share);
    for (std::int64_t row : {0, 1}) files.write(1, row, share, read_only(block), share);
    files.finish({0, 2, 0});
    for (const std::string& notice : files.notices()) std::fprintf(stderr, "note: %s\n", notice.c_str());
}

void write_large(const std::string& file, std::int64_t bytes) { write_outputs({output(file, "/large", {bytes / 4})}); }

int run(const std::vector<std::string>& arguments) {
    try {
        if (arguments.at(1) == "every") write_every_type(arguments.at(2));
        if (arguments.at(1) == "grid") write_grid(arguments.at(2), arguments.at(3), arguments.at(4));
        if (arguments.at(1) == "large") write_large(arguments.at(2), std::atoll(arguments.at(3).c_str()));
        return 0;
    } catch (const Error& error) {
        if (rank() == 0) std::fprintf(stderr, "%s", render(error.diagnostics().front()).c_str());
        return static_cast<int>(error.code());
    }
}

}  // namespace
}  // namespace maniple::test

int main(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    const int code = maniple::test::run({argv, argv + argc});
    MPI_Finalize();
    return code;
}
