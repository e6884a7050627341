#include "lanes/file/staging.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lanes/file/hdf5_types.hpp"
#include "lanes/file/slabs.hpp"

namespace maniple {

namespace {

/// What rank 0 compresses at once, in elements' bytes.
constexpr std::int64_t slab_bytes = std::int64_t{8} << 20;

[[noreturn]] void fail(const std::string& what, const Place& place) {
    throw FileError(place, fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

/// All of `bytes` at `offset`, by `transfer` (pread or pwrite), whatever each call manages.
template <class Byte, class Transfer>
void transfer_all(Transfer transfer, int descriptor, Byte* bytes, std::int64_t count, std::int64_t offset,
                  const std::string& what, const Place& place) {
    while (count > 0) {
        const ssize_t done = hdf5::fault_strikes()
                                 ? (errno = EIO, -1)
                                 : transfer(descriptor, bytes, static_cast<std::size_t>(count), offset);
        if (done < 0 && errno == EINTR) continue;
        if (done == 0) errno = EIO;
        if (done <= 0) fail(what, place);
        bytes += done;
        count -= done;
        offset += done;
    }
}

}  // namespace

bool is_staged(const OutputDataset& dataset, bool parallel) {
    return parallel && dataset.gzip_level >= 0 && (dataset.series || dataset.shape.rank() > 0);
}

Staging::~Staging() { close(); }

Staging::Staging(Staging&& other) noexcept
    : parts_(std::move(other.parts_)), name_(std::exchange(other.name_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

Staging& Staging::operator=(Staging&& other) noexcept {
    close();
    parts_ = std::move(other.parts_);
    name_ = std::exchange(other.name_, {});
    descriptor_ = std::exchange(other.descriptor_, -1);
    return *this;
}

void Staging::close() noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
    if (!name_.empty()) unlink(name_.c_str());
    name_.clear();
}

void Staging::open(const OutputFile& file, const std::vector<OutputDataset>& all, bool creates) {
    std::int64_t bytes = 0;
    for (const std::size_t number : file.datasets) {
        if (!is_staged(all[number], true)) continue;
        parts_.push_back({number, bytes});
        bytes += element_count(shape_in_file(all[number], all[number].rows)) *
                 static_cast<std::int64_t>(size_of(all[number].dtype));
    }
    if (parts_.empty()) return;
    const std::filesystem::path& name = file.path.raw;
    const int flags = creates ? O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC : O_RDWR | O_CLOEXEC;
    descriptor_ = ::open(name.c_str(), flags, 0666);
    if (descriptor_ < 0)
        throw CreateError(file.place, fmt::format("cannot create '{}': {}", name.string(), std::strerror(errno)));
    if (!creates) return;
    name_ = name;
    if (ftruncate(descriptor_, bytes) != 0) fail("create '" + name.string() + "'", file.place);
}

bool Staging::holds(std::size_t dataset) const {
    return std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) { return part.dataset == dataset; });
}

void Staging::write(std::size_t dataset, const OutputDataset& about, std::int64_t row, const Box& box,
                    const ConstBlock& from, const Box& source) const {
    const auto part =
        std::find_if(parts_.begin(), parts_.end(), [&](const Part& other) { return other.dataset == dataset; });
    const auto element_bytes = static_cast<std::int64_t>(from.element_bytes);
    const std::int64_t first = part->offset + row * element_count(about.shape) * element_bytes;
    const ConstBlock file{nullptr, from.element_bytes, Box::whole(about.shape)};
    // One row at a time: contiguous here and there.
    const std::int64_t length = box.rank() == 0 ? 1 : box.extent(box.rank() - 1);
    for_each_slab(box, length, [&](const Box& piece) {
        Extents at = piece.lo;
        for (int axis = 0; axis < at.rank(); ++axis) at[axis] += source.lo[axis] - box.lo[axis];
        transfer_all(pwrite, descriptor_, from.at(at), piece.volume() * element_bytes,
                     first + file.offset(piece.lo) * element_bytes, "write '" + about.dataset + "'", about.place);
    });
}

void Staging::compress_into(const OutputFile& file, const std::vector<OutputDataset>& all,
                            const std::vector<std::int64_t>& rows) const {
    if (parts_.empty()) return;
    try {
        hdf5::Handle opened(H5Fopen(file.path.temporary.c_str(), H5F_ACC_RDWR, plain_access()), H5Fclose,
                            "opening to compress");
        for (const Part& part : parts_) compress(opened, part, all[part.dataset], rows[part.dataset]);
        opened.close("compressing");
    } catch (const hdf5::Failure& failure) {
        throw FileError(file.place, fmt::format("cannot write '{}': {}", file.name, failure.what()));
    }
}

void Staging::compress(hid_t file, const Part& part, const OutputDataset& about, std::int64_t rows) const {
    const auto element_bytes = static_cast<std::int64_t>(size_of(about.dtype));
    hdf5::Handle dataset(H5Dopen2(file, about.dataset.c_str(), H5P_DEFAULT), H5Dclose, "compressing");
    const hdf5::Handle type = hdf5::type_of(about.dtype);
    const Box whole = Box::whole(shape_in_file(about, rows));
    std::int64_t done = 0;
    std::vector<std::byte> bytes;
    for_each_slab(whole, slab_bytes / element_bytes, [&](const Box& piece) {
        bytes.resize(static_cast<std::size_t>(piece.volume() * element_bytes));
        transfer_all(pread, descriptor_, bytes.data(), static_cast<std::int64_t>(bytes.size()), part.offset + done,
                     "compress '" + about.dataset + "'", about.place);
        done += static_cast<std::int64_t>(bytes.size());
        const hdf5::Handle space(H5Dget_space(dataset), H5Sclose, "compressing");
        hdf5::select_box(space, piece);
        const hdf5::Handle memory = hdf5::space_of(piece.shape());
        hdf5::check(H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, bytes.data()), "compressing");
    });
    dataset.close("compressing '" + about.dataset + "'");
}

}  // namespace maniple
