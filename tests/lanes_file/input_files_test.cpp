#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>

#include "lanes/file/shield.hpp"
#include "samples.hpp"

namespace maniple::test {
namespace {

using Inputs = SharedFolder;
class InputsOnOneRank : public Inputs {};  // several ranks have no shield

std::vector<double> read_doubles(const Job& job) {
    const Catalogue catalogue = read_catalogue(job);
    const HostBytes bytes = read_whole(job, catalogue, DType::f64);
    std::vector<double> values(static_cast<std::size_t>(element_count(catalogue.inputs[0].shape)));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
    return values;
}

DType catalogued(const std::string& file, const std::string& dataset) {
    return read_catalogue(job_reading({{file, dataset}})).inputs[0].dtype;
}

TEST_F(Inputs, TypesOfAnyWidthAndOrder) {
    const std::vector<double> values = {0, 1, 100};
    struct Case {
        const char* name;
        hid_t type;
        DType read_as;
    };
    hdf5::start();
    const std::vector<Case> cases = {{"/i8", H5T_STD_I8LE, DType::i32},   {"/i16", H5T_STD_I16BE, DType::i32},
                                     {"/u16", H5T_STD_U16BE, DType::i32}, {"/i32", H5T_STD_I32BE, DType::i32},
                                     {"/i64", H5T_STD_I64BE, DType::i64}, {"/u8", H5T_STD_U8LE, DType::u8},
                                     {"/u32", H5T_STD_U32BE, DType::u32}, {"/f32", H5T_IEEE_F32BE, DType::f32},
                                     {"/f64", H5T_IEEE_F64BE, DType::f64}};
    on_rank_0([&] {
        const hdf5::Handle file = make_file(path("in.h5"));
        for (const Case& one : cases) make_dataset(file, one.name, one.type, H5T_NATIVE_DOUBLE, {3}, values);
        make_dataset(file, "/f16", hdf5::type_of(DType::f16), H5T_NATIVE_DOUBLE, {3}, values);
    });
    for (const Case& one : cases) {
        EXPECT_EQ(catalogued(path("in.h5"), one.name), one.read_as) << one.name;
        EXPECT_EQ(read_doubles(job_reading({{path("in.h5"), one.name}})), values) << one.name;
    }
    EXPECT_EQ(catalogued(path("in.h5"), "/f16"), DType::f16);
    EXPECT_EQ(read_doubles(job_reading({{path("in.h5"), "/f16"}})), values);
}

TEST_F(Inputs, SlicesAndBoxesAndTargets) {
    std::vector<std::int32_t> values(4 * 6 * 5);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int32_t>(i);
    on_rank_0([&] {
        const hdf5::Handle file = make_file(path("in.h5"));
        make_dataset(file, "/x", H5T_STD_I32LE, H5T_NATIVE_INT32, {4, 6, 5}, values);
    });
    const Job job = job_reading({{path("in.h5"), "/x"}}, {range(1, {}), item(-2), range({}, {}, 2)});
    const Catalogue catalogue = read_catalogue(job);
    ASSERT_EQ(catalogue.inputs[0].shape, (Shape{3, 3}));
    EXPECT_EQ(catalogue.inputs[0].file_shape, (Shape{4, 6, 5}));
    InputFiles files(job, catalogue);
    for (DType dtype : {DType::i32, DType::f32}) {
        const Box block_box({-1, -2}, {9, 7}), box({1, 0}, {3, 2}), target({5, 3}, {7, 5});
        HostBytes bytes(90 * 4);
        const Block block{bytes.data(), 4, block_box};
        files.read(0, box, block, target, dtype);
        for (std::int64_t y = -1; y < 9; ++y) {
            for (std::int64_t x = -2; x < 7; ++x) {
                const bool inside = target.contains(Box({y, x}, {y + 1, x + 1}));
                const std::int64_t wanted = inside ? (1 + 1 + (y - 5)) * 30 + 4 * 5 + (x - 3) * 2 : 0;
                std::int64_t found = 0;
                ASSERT_EQ(
                    convert_elements(dtype, block.at({y, x}), DType::i64, reinterpret_cast<std::byte*>(&found), 1), -1);
                ASSERT_EQ(found, wanted) << y << " " << x;
            }
        }
    }
    EXPECT_EQ(files.bytes_read(), 2 * 4 * 4);
}

TEST_F(Inputs, BooleansAsH5pyWritesThem) {
    on_rank_0([&] {
        const hdf5::Handle file = make_file(path("in.h5"));
        const hdf5::Handle type = hdf5::type_of(DType::boolean);
        make_dataset<std::int8_t>(file, "/good", type, type, {3}, {1, 0, 1});
        make_dataset<std::int8_t>(file, "/bad", type, type, {3}, {1, 0, 7});
    });
    EXPECT_EQ(catalogued(path("in.h5"), "/good"), DType::boolean);
    EXPECT_EQ(read_doubles(job_reading({{path("in.h5"), "/good"}})), (std::vector<double>{1, 0, 1}));
    expect_error(ExitCode::data, "holds 7 at [2]", [&] { read_doubles(job_reading({{path("in.h5"), "/bad"}})); });
}

TEST_F(Inputs, ConversionsThatDoNotFit) {
    on_rank_0([&] {
        const hdf5::Handle file = make_file(path("in.h5"));
        make_dataset<double>(file, "/x", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {2, 2}, {1.5, 2, 1e30, std::nan("")});
    });
    const Job job = job_reading({{path("in.h5"), "/x"}});
    const Catalogue catalogue = read_catalogue(job);
    expect_error(ExitCode::data, "i32 cannot hold the element at [1, 0]",
                 [&] { read_whole(job, catalogue, DType::i32); });
    EXPECT_NO_THROW(read_whole(job, catalogue, DType::f32));
}

TEST_F(Inputs, TypesThatManipleDoesNotHave) {
    on_rank_0([&] {
        const hdf5::Handle file = make_file(path("in.h5"));
        make_dataset<std::uint64_t>(file, "/u64", H5T_STD_U64LE, H5T_NATIVE_UINT64, {1}, {1});
        const hdf5::Handle strings = hdf5::string_type();
        make_dataset<const char*>(file, "/text", strings, strings, {1}, {"hello"});
        const hdf5::Handle pair(H5Tcreate(H5T_COMPOUND, 8), H5Tclose, "compound");
        H5Tinsert(pair, "a", 0, H5T_NATIVE_FLOAT);
        make_dataset<float>(file, "/pair", pair, pair, {1}, {1, 2});
        const hdf5::Handle nothing(H5Screate(H5S_NULL), H5Sclose, "null");
        hdf5::Handle(H5Dcreate2(file, "/null", H5T_NATIVE_FLOAT, nothing, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                     H5Dclose, "null");
        make_dataset<float>(file, "/deep", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {1, 1, 1, 1, 1, 1, 1, 1}, {1});
    });
    const auto reading = [&](const std::string& name) {
        return [this, name] { read_catalogue(job_reading({{path("in.h5"), name}})); };
    };
    expect_error(ExitCode::data, "unsigned 64-bit integers", reading("/u64"));
    expect_error(ExitCode::data, "strings", reading("/text"));
    expect_error(ExitCode::data, "compounds", reading("/pair"));
    expect_error(ExitCode::data, "null dataspace", reading("/null"));
    EXPECT_NO_THROW(reading("/deep")());
}

TEST_F(Inputs, MissingThingsComeWithSuggestions) {
    write_outputs({output(path("terrain.h5"), "/maps/elevation", {4, 4})});
    const auto diagnostic = [&](const std::string& file, const std::string& dataset) {
        try {
            read_catalogue(job_reading({{file, dataset}}));
        } catch (const DataError& error) {
            EXPECT_EQ(error.diagnostics().at(0).place.line, 2);
            return error.diagnostics().at(0);
        }
        ADD_FAILURE() << "no error";
        return Diagnostic{};
    };
    EXPECT_EQ(diagnostic(path("terain.h5"), "/x").suggestion, path("terrain.h5"));
    EXPECT_EQ(diagnostic(path("terrain.h5"), "/maps/elevaton").suggestion, "/maps/elevation");
    EXPECT_NE(diagnostic(path("terrain.h5"), "/maps").message.find("is a group"), std::string::npos);
    EXPECT_NE(diagnostic(path("terrain.h5"), "/").message.find("is a group"), std::string::npos);
    EXPECT_NE(diagnostic(path("."), "/x").message.find("is a folder"), std::string::npos);
    EXPECT_NE(diagnostic("/dev/null", "/x").message.find("not a regular file"), std::string::npos);
    EXPECT_NE(diagnostic(path("terrain.h5"), "/quite/other").message.find("it holds"), std::string::npos);
}

TEST_F(Inputs, AllErrorsAtOnce) {
    write_outputs({output(path("a.h5"), "/a", {4})});
    try {
        read_catalogue(job_reading({{path("a.h5"), "/b"}, {path("a.h5"), "/a"}, {path("none.h5"), "/x"}}));
        ADD_FAILURE();
    } catch (const DataError& error) {
        ASSERT_EQ(error.diagnostics().size(), 2u);
        EXPECT_EQ(error.diagnostics()[1].place.line, 4);
    }
}

TEST_F(Inputs, ShapeAndDigestAreChecked) {
    on_rank_0([&] {
        const hdf5::Handle file = make_file(path("in.h5"));
        make_dataset<float>(file, "/x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {2, 2}, {1, 2, 3, 4});
    });
    Job job = job_reading({{path("in.h5"), "/x"}});
    job.inputs[0].shape = std::vector<std::int64_t>{2, 2};
    EXPECT_NO_THROW(read_catalogue(job));
    job.inputs[0].shape = std::vector<std::int64_t>{4};
    expect_error(ExitCode::data, "has the shape [2, 2], not [4]", [&] { read_catalogue(job); });
    job.inputs[0].shape.reset();
    job.inputs[0].sha256 = std::string(64, '0');
    expect_error(ExitCode::data, "SHA-256", [&] { read_catalogue(job); });
}

TEST_F(Inputs, WhatHdf5WouldFollowSilentlyIsRefused) {
    on_rank_0([&] {
        { make_dataset<float>(make_file(path("other.h5")), "/x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {2}, {1, 2}); }
        const hdf5::Handle file = make_file(path("in.h5"));
        H5Lcreate_external("other.h5", "/x", file, "/external", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_external("other.h5", "/", file, "/folder", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/external", file, "/soft", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/cycle", file, "/cycle", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/nowhere", file, "/dangling", H5P_DEFAULT, H5P_DEFAULT);
        make_dataset<float>(file, "/plain", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {2}, {3, 4});
        H5Lcreate_soft("/plain", file, "/good", H5P_DEFAULT, H5P_DEFAULT);
        const hdf5::Handle raw(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "raw");
        H5Pset_external(raw, "/etc/passwd", 0, 8);
        make_dataset<float>(file, "/raw", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {2}, {}, raw);
        const hdf5::Handle sources(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "virtual");
        const hdf5::Handle space = hdf5::space_of({2});
        H5Pset_virtual(sources, space, "other.h5", "/x", space);
        make_dataset<float>(file, "/virtual", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {2}, {}, sources);
    });
    const auto reading = [&](const std::string& name) {
        return [this, name] { read_catalogue(job_reading({{path("in.h5"), name}})); };
    };
    expect_error(ExitCode::data, "external link to other.h5:/x", reading("/external"));
    expect_error(ExitCode::data, "external link to other.h5", reading("/folder/x"));
    expect_error(ExitCode::data, "external link to other.h5:/x", reading("/soft"));
    expect_error(ExitCode::data, "external raw storage", reading("/raw"));
    expect_error(ExitCode::data, "virtual data set", reading("/virtual"));
    expect_error(ExitCode::data, "/cycle", reading("/cycle"));
    expect_error(ExitCode::data, "/dangling", reading("/dangling"));
    EXPECT_NO_THROW(reading("/good")());
}

TEST_F(Inputs, ExtentsThatTheFileCannotHold) {
    on_rank_0([&] {
        const hdf5::Handle file = make_file(path("in.h5"));
        const hdf5::Handle chunked(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "chunked");
        const hsize_t chunk[] = {1024, 1024};
        H5Pset_chunk(chunked, 2, chunk);
        make_dataset<float>(file, "/huge", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {1LL << 32, 1LL << 32}, {}, chunked);
        make_dataset<float>(file, "/plain", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {16, 16}, std::vector<float>(256, 1));
        make_dataset<float>(file, "/unwritten", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {1000, 100}, {});
    });
    expect_error(ExitCode::data, "2^63", [&] { read_catalogue(job_reading({{path("in.h5"), "/huge"}})); });
    EXPECT_EQ(read_doubles(job_reading({{path("in.h5"), "/unwritten"}})), std::vector<double>(100'000, 0));
    // The extents of /plain, [16, 16] in 8 bytes each, become [16, 4096] in every place where they stand.
    on_rank_0([&] {
        std::string bytes = text_of(path("in.h5"));
        const std::string extents("\x10\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0", 16);
        const std::string larger("\x10\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0", 16);
        int found = 0;
        for (std::size_t at = bytes.find(extents); at != std::string::npos;
             at = bytes.find(extents, at + 16), ++found) {
            bytes.replace(at, 16, larger);
        }
        ASSERT_GE(found, 1);
        std::ofstream(path("patched.h5"), std::ios::binary) << bytes;
    });
    EXPECT_THROW(read_catalogue(job_reading({{path("patched.h5"), "/plain"}})), DataError);
}

TEST_F(Inputs, DamagedFiles) {
    write_outputs({output(path("a.h5"), "/a", {100, 100})});
    on_rank_0([&] {
        const std::string bytes = text_of(path("a.h5"));
        std::ofstream(path("half.h5"), std::ios::binary) << bytes.substr(0, bytes.size() / 2);
        std::ofstream(path("text.h5")) << "this is no HDF5 file";
        std::ofstream(path("empty.h5"));
        std::ofstream(path("classic.nc"), std::ios::binary) << std::string("CDF\1", 4) << std::string(100, '\0');
    });
    const auto reading = [&](const std::string& file) {
        return [this, file] { read_catalogue(job_reading({{path(file), "/a"}})); };
    };
    expect_error(ExitCode::data, "half.h5", reading("half.h5"));
    expect_error(ExitCode::data, "is not an HDF5 file", reading("text.h5"));
    expect_error(ExitCode::data, "is not an HDF5 file", reading("empty.h5"));
    expect_error(ExitCode::data, "nccopy", reading("classic.nc"));
}

TEST_F(InputsOnOneRank, ManyRandomDamagesAreErrorsAndNotCrashes) {
    write_outputs({output(path("a.h5"), "/a", {10, 10})});
    const std::string bytes = text_of(path("a.h5"));
    const std::string damaged = path("damaged.h5");
    std::uint32_t state = 12345;
    const auto random = [&state] { return state = state * 1664525u + 1013904223u, state >> 8; };
    int readable = 0, refused = 0;
    for (int round = 0; round < 200; ++round) {
        std::string copy = bytes;
        for (int i = 0; i < 3; ++i) copy[random() % copy.size()] = static_cast<char>(random());
        std::ofstream(damaged, std::ios::binary) << copy;
        for (const auto& read : {+[](const std::string& file) {
                                     read_catalogue(job_reading({{file, "/a"}}));
                                 },
                                 +[](const std::string& file) { inspect_file(file); }}) {
            try {
                read(damaged);
                ++readable;
            } catch (const Error& error) {
                ++refused;
                ASSERT_EQ(static_cast<int>(error.code()), 66) << error.what();
            }
        }
    }
    EXPECT_GT(readable, 50);
    EXPECT_GT(refused, 50);
}

TEST_F(InputsOnOneRank, ACrashOfTheLibraryIsAnError) {
    expect_error(ExitCode::data, "'x.h5' is damaged: the HDF5 library failed on it",
                 [] { shielded("x.h5", {}, []() -> std::string { std::abort(); }); });
    expect_error(ExitCode::file, "lost",
                 [] { shielded("x.h5", {}, []() -> std::string { throw FileError("lost"); }); });
    const std::string large(1 << 20, 'x');
    EXPECT_EQ(shielded("x.h5", {}, [&] { return large; }), large);
}

TEST_F(Inputs, AFileThatSomeoneIsWriting) {
    on_rank_0([&] {
        make_dataset<float>(make_file(path("in.h5")), "/x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {2}, {1, 2});
    });
    if (rank() != 0) return;
    // A writer in another process holds an exclusive lock.
    const int descriptor = open(path("in.h5").c_str(), O_RDWR);
    ASSERT_EQ(flock(descriptor, LOCK_EX | LOCK_NB), 0);
    expect_error(ExitCode::data, "another program has it open", [&] {
        read_catalogue(job_reading({{path("in.h5"), "/x"}}));
    });
    close(descriptor);
    EXPECT_NO_THROW(read_catalogue(job_reading({{path("in.h5"), "/x"}})));
}

TEST_F(Inputs, AFileThatChangesMeanwhile) {
    write_outputs({output(path("a.h5"), "/a", {1000, 100})});
    const Job job = job_reading({{path("a.h5"), "/a"}});
    const Catalogue catalogue = read_catalogue(job);
    InputFiles files(job, catalogue);
    HostBytes bytes(400'000);
    const Box whole = Box::whole({1000, 100});
    files.read(0, Box({0, 0}, {1, 100}), Block{bytes.data(), 4, whole}, Box({0, 0}, {1, 100}), DType::f32);
    on_rank_0([&] { fs::resize_file(path("a.h5"), 3000); });
    expect_error(ExitCode::file, "became shorter", [&] {
        files.read(0, whole, Block{bytes.data(), 4, whole}, whole, DType::f32);
    });
    barrier();
    write_outputs({output(path("b.h5"), "/a", {5})});
    on_rank_0([&] { fs::rename(path("b.h5"), path("a.h5")); });
    InputFiles again(job, catalogue);
    expect_error(ExitCode::data, "has changed", [&] {
        again.read(0, whole, Block{bytes.data(), 4, whole}, whole, DType::f32);
    });
}

}  // namespace
}  // namespace maniple::test
