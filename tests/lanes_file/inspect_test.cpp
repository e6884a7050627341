#include <hdf5_hl.h>

#include "samples.hpp"

namespace maniple::test {
namespace {

using Inspect = SharedFolder;

TEST_F(Inspect, TellsWhatAResultHolds) {
    OutputDataset a = output(path("a.h5"), "/group/a", {6, 2});
    a.attributes = {{"units", std::string("kelvin")}};
    write_outputs({a});
    const std::string text = inspect_file(path("a.h5"));
    for (const char* part : {"a.h5: complete", "job       sample", "version   0.1.0", "hosts     a, b", "/group/a",
                             "[6, 2]", "f32", "units kelvin", "checksums hold"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
    }
}

TEST_F(Inspect, FindsAChangedByte) {
    write_outputs({output(path("a.h5"), "/a", {64, 64}, DType::u8)});
    on_rank_0([&] {
        std::string bytes = text_of(path("a.h5"));
        const HostBytes pattern = pattern_bytes(DType::u8, {64, 64}, Box::whole({64, 64}));
        const std::size_t at = bytes.find(std::string(reinterpret_cast<const char*>(pattern.data()), 200));
        ASSERT_NE(at, std::string::npos);
        bytes[at + 100] ^= 1;
        std::ofstream(path("a.h5"), std::ios::binary) << bytes;
    });
    expect_error(ExitCode::data, "is damaged", [&] { inspect_file(path("a.h5")); });
}

TEST_F(Inspect, WorksOnOtherFiles) {
    on_rank_0([&] {
        const hdf5::Handle file = make_file(path("other.h5"));
        make_dataset<float>(file, "/x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {2}, {1, 2});
        const hdf5::Handle strings = hdf5::string_type();
        make_dataset<std::int32_t>(file, "/short", H5T_STD_I16BE, H5T_NATIVE_INT32, {2}, {1, 2});
        make_dataset<std::int32_t>(file, "/unsigned", H5T_STD_U16LE, H5T_NATIVE_INT32, {2}, {1, 2});
        make_dataset<const char*>(file, "/text", strings, strings, {1}, {"hello"});
    });
    const std::string text = inspect_file(path("other.h5"));
    EXPECT_NE(text.find("carries no mark of maniple"), std::string::npos) << text;
    for (const char* type : {"strings", "i16, read as i32", "u16, read as i32"})
        EXPECT_NE(text.find(type), std::string::npos) << text;
    expect_error(ExitCode::data, "no file", [&] { inspect_file(path("none.h5")); });
    EXPECT_EQ(hdf5_version(), "1.10.8 (parallel)");
}

/// A file as netCDF-4 lays it out: two dimensions with coordinates, one data set over them.
void make_grid(const std::string& name) {
    const hdf5::Handle file = make_file(name);
    make_dataset<double>(file, "/lat", H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE, {4}, {-30, -10, 10, 30});
    make_dataset<float>(file, "/lon", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {6}, {0, 60, 120, 180, 240, 300});
    make_dataset<float>(file, "/height", H5T_IEEE_F32BE, H5T_NATIVE_FLOAT, {4, 6}, std::vector<float>(24, 2));
    const hdf5::Handle lat(H5Dopen2(file, "/lat", H5P_DEFAULT), H5Dclose, "lat");
    const hdf5::Handle lon(H5Dopen2(file, "/lon", H5P_DEFAULT), H5Dclose, "lon");
    const hdf5::Handle height(H5Dopen2(file, "/height", H5P_DEFAULT), H5Dclose, "height");
    H5DSset_scale(lat, "lat");
    H5DSset_scale(lon, "lon");
    hdf5::write_attribute(lat, "units", std::string("degrees_north"));
    hdf5::write_attribute(height, "units", std::string("m"));
    hdf5::write_attribute(height, "long_name", std::string("height"));
    hdf5::write_attribute(height, "_FillValue", -1e34);
    H5DSattach_scale(height, lat, 0);
    H5DSattach_scale(height, lon, 1);
}

std::string scale_name(hid_t dataset, unsigned axis) {
    std::string name;
    H5DSiterate_scales(
        dataset, axis, nullptr,
        [](hid_t, unsigned, hid_t scale, void* data) -> herr_t {
            char text[200] = {};
            H5Iget_name(scale, text, sizeof text);
            *static_cast<std::string*>(data) = text;
            return 1;
        },
        &name);
    return name;
}

TEST_F(Inspect, AttributesAndScalesAreCarriedOver) {
    on_rank_0([&] { make_grid(path("grid.nc")); });
    const Job job = job_reading({{path("grid.nc"), "/height"}}, {range(1, {}), range({}, {}, 2)});
    const Catalogue catalogue = read_catalogue(job);
    OutputDataset u = output(path("a.h5"), "/u", {3, 3}), v = u, deep = u, lat = u, series = u;
    for (OutputDataset* each : {&u, &v, &deep, &series}) each->attributes_from = 0, each->scales = {{0, 0}, {0, 1}};
    u.attributes = {{"units", std::string("km")}};
    v.dataset = "/v", v.dtype = DType::f64;
    deep.dataset = "/group/deep", deep.scales = {{0, 0}, {}};
    lat.dataset = "/lat";
    series.dataset = "/s", series.series = true, series.rows = 2, series.every = 5;
    write_outputs({u, v, deep, lat, series}, job, catalogue);

    const hdf5::Handle file(H5Fopen(path("a.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "open");
    const auto open = [&](const char* name) { return hdf5::Handle(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose, name); };
    const hdf5::Handle u_set = open("/u"), v_set = open("/v"), deep_set = open("/group/deep"), s_set = open("/s");
    EXPECT_EQ(hdf5::read_string(u_set, "units"), "km");
    EXPECT_EQ(hdf5::read_string(v_set, "units"), "m");
    EXPECT_EQ(hdf5::read_string(u_set, "long_name"), "height");
    EXPECT_EQ(scale_name(u_set, 0), "/lat_2");  // the job's own /lat comes first
    EXPECT_EQ(scale_name(v_set, 0), "/lat_2");
    EXPECT_EQ(scale_name(v_set, 1), "/lon");
    EXPECT_EQ(scale_name(deep_set, 0), "/lat_2");
    EXPECT_EQ(scale_name(deep_set, 1), "/group/axis_3");
    EXPECT_EQ(scale_name(s_set, 0), "/s_step");
    EXPECT_EQ(scale_name(s_set, 2), "/lon");
    double values[3] = {};
    H5Dread(open("/lat_2"), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    EXPECT_EQ(values[0], -10);
    EXPECT_EQ(values[2], 30);
    H5Dread(open("/lon"), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    EXPECT_EQ(values[1], 120);
    std::int64_t steps[2] = {};
    H5Dread(open("/s_step"), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, steps);
    EXPECT_EQ(steps[0], 5);
    EXPECT_EQ(steps[1], 10);
    EXPECT_EQ(hdf5::read_string(open("/lat_2"), "units"), "degrees_north");
}

}  // namespace
}  // namespace maniple::test
