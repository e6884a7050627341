#include "lanes/file/scratch_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <vector>

#include "base/error.hpp"
#include "lanes/file/hdf5_handle.hpp"
#include "lanes/file/hdf5_types.hpp"

namespace maniple {

struct ScratchFile::State {
    hdf5::Handle file;
    std::map<BufferId, hdf5::Handle> datasets;
};

namespace {

/// Elements are kept as they are, whatever they mean.
hid_t type_of_size(std::int64_t bytes) {
    switch (bytes) {
        case 1: return H5T_NATIVE_UINT8;
        case 2: return H5T_NATIVE_UINT16;
        case 4: return H5T_NATIVE_UINT32;
        default: return H5T_NATIVE_UINT64;
    }
}

/// The coordinates of `box` in a data set, or a block, of `all`.
hdf5::Handle selection(const Box& box, const Box& all) {
    hdf5::Handle space = hdf5::space_of(all.shape());
    if (box.rank() == 0) return space;
    std::vector<hsize_t> start, count;
    for (int axis = 0; axis < box.rank(); ++axis) {
        start.push_back(static_cast<hsize_t>(box.lo[axis] - all.lo[axis]));
        count.push_back(static_cast<hsize_t>(box.extent(axis)));
    }
    hdf5::check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
                "selecting a box");
    return space;
}

/// Takes the name away from a file, also from one that could not be made whole.
class Nameless {
public:
    explicit Nameless(std::filesystem::path path) : path_(std::move(path)) {}
    ~Nameless() {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    Nameless(const Nameless&) = delete;
    Nameless& operator=(const Nameless&) = delete;

private:
    std::filesystem::path path_;
};

/// Without a name from the moment on that it is there.
hdf5::Handle create(const std::string& folder) {
    static std::atomic<int> number{0};
    char host[256] = "";
    gethostname(host, sizeof host - 1);  // ranks of several nodes may share the folder
    const std::filesystem::path path =
        std::filesystem::path(folder.empty() ? "." : folder) /
        fmt::format(".maniple-scratch-{}-{}-{}", host, getpid(), number.fetch_add(1, std::memory_order_relaxed));
    const hdf5::Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "making a property list");
    // Nothing is written later than it was asked for: a full disk is found where it happens.
    hdf5::check(H5Pset_sieve_buf_size(access, 0), "asking for no buffer");
    const Nameless nameless(path);
    return hdf5::Handle(H5Fcreate(path.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, access), H5Fclose,
                        "creating '" + path.string() + "'");
}

hdf5::Handle create_dataset(hid_t file, BufferId id, const BufferSpec& spec) {
    const std::string what = "making room for '" + spec.name + "'";
    const hdf5::Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what);
    hdf5::check(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER), what);
    hdf5::check(H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY), what);
    const hdf5::Handle space = hdf5::space_of(spec.box.shape());
    const std::string name = std::to_string(id.value);
    return hdf5::Handle(
        H5Dcreate2(file, name.c_str(), type_of_size(spec.element_bytes), space, H5P_DEFAULT, properties, H5P_DEFAULT),
        H5Dclose, what);
}

}  // namespace

ScratchFile::ScratchFile(std::string folder) : folder_(std::move(folder)) {}

ScratchFile::~ScratchFile() = default;

ScratchFile::State& ScratchFile::open(const Use& use, const BufferSpec& spec) {
    hdf5::start();
    if (state_ == nullptr) {
        auto state = std::make_unique<State>();
        state->file = create(folder_);
        state_ = std::move(state);
    }
    if (!state_->datasets.contains(use.buffer))
        state_->datasets.emplace(use.buffer, create_dataset(state_->file, use.buffer, spec));
    return *state_;
}

void ScratchFile::write(const Use& use, const BufferSpec& spec, const ConstBlock& from, const Box& source) {
    if (use.box.empty()) return;
    try {
        const State& state = open(use, spec);
        const hdf5::Handle memory = selection(source, from.box), there = selection(use.box, spec.box);
        hdf5::check(H5Dwrite(state.datasets.at(use.buffer), type_of_size(spec.element_bytes), memory, there,
                             H5P_DEFAULT, from.data),
                    "writing");
    } catch (const hdf5::Failure& failure) {
        throw FileError(
            fmt::format("cannot keep '{}' in a scratch file in '{}': {}", spec.name, folder_, failure.what()));
    }
    bytes_written_ += use.box.volume() * spec.element_bytes;
}

void ScratchFile::read(const Use& use, const BufferSpec& spec, const Block& to, const Box& target) {
    if (use.box.empty()) return;
    try {
        const State& state = open(use, spec);
        const hdf5::Handle memory = selection(target, to.box), there = selection(use.box, spec.box);
        hdf5::check(H5Dread(state.datasets.at(use.buffer), type_of_size(spec.element_bytes), memory, there, H5P_DEFAULT,
                            to.data),
                    "reading");
    } catch (const hdf5::Failure& failure) {
        throw FileError(
            fmt::format("cannot read '{}' from a scratch file in '{}': {}", spec.name, folder_, failure.what()));
    }
}

}  // namespace maniple
