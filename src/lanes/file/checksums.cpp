#include "lanes/file/checksums.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "lanes/file/hdf5_types.hpp"
#include "lanes/file/output_content.hpp"
#include "lanes/file/shield.hpp"
#include "lanes/file/slabs.hpp"

namespace maniple {
namespace {

constexpr std::int64_t slab_bytes = std::int64_t{8} << 20;  // read at once when verifying

/// XXH3-64 of bytes that come piece by piece.
class Hash {
public:
    Hash() : state_(XXH3_createState(), &XXH3_freeState) { XXH3_64bits_reset(state_.get()); }
    void add(const std::byte* bytes, std::size_t count) { XXH3_64bits_update(state_.get(), bytes, count); }
    std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

private:
    std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

/// How many trailing axes of `box` lie in one piece in a block of `whole`.
int contiguous_axes(const Box& box, const Box& whole) {
    int axes = 0;
    while (axes < box.rank()) {
        const int axis = box.rank() - 1 - axes;
        ++axes;
        if (box.extent(axis) != whole.extent(axis)) break;
    }
    return axes;
}

std::string checksums_name(const std::string& dataset) { return std::string(own_group) + "/checksums" + dataset; }

struct Table {
    std::vector<std::uint64_t> numbers;
    std::size_t columns = 0;
};

Table read_table(hid_t file, const std::string& name) {
    const hdf5::Handle table(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose, "opening the checksums");
    const hdf5::Handle space(H5Dget_space(table), H5Sclose, "opening the checksums");
    const auto shape = hdf5::extents_of(space);
    if (!shape || shape->rank() != 2 || checked_bytes(*shape, 8) < 0)
        throw hdf5::Failure("the checksums are no table", 0);
    Table result{std::vector<std::uint64_t>(static_cast<std::size_t>(element_count(*shape))),
                 static_cast<std::size_t>((*shape)[1])};
    hdf5::check(H5Dread(table, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, result.numbers.data()),
                "reading the checksums");
    return result;
}

/// The checksum of `box` of an open data set as its bytes are now.
std::uint64_t checksum_in_file(hid_t dataset, hid_t type, const Box& box) {
    Hash hash;
    const auto element_bytes = static_cast<std::int64_t>(H5Tget_size(type));
    for_each_slab(box, slab_bytes / element_bytes, [&](const Box& piece) {
        HostBytes bytes(static_cast<std::size_t>(piece.volume() * element_bytes));
        const hdf5::Handle space(H5Dget_space(dataset), H5Sclose, "reading");
        hdf5::select_box(space, piece);
        const hdf5::Handle memory = hdf5::space_of(piece.shape());
        hdf5::check(H5Dread(dataset, type, memory, space, H5P_DEFAULT, bytes.data()), "reading");
        hash.add(bytes.data(), bytes.size());
        still_working();
    });
    return hash.value();
}

}  // namespace

bool WrittenBox::operator<(const WrittenBox& other) const {
    if (row != other.row) return row < other.row;
    const auto less = [](const Extents& a, const Extents& b) {
        return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    };
    if (box.lo != other.box.lo) return less(box.lo, other.box.lo);
    return less(box.hi, other.box.hi);
}

std::uint64_t checksum_of(const ConstBlock& block, const Box& box) {
    Hash hash;
    if (box.empty()) return hash.value();
    const int inner = contiguous_axes(box, block.box);
    Box outer = box;  // the starts of the contiguous pieces
    std::int64_t piece_elements = 1;
    for (int axis = box.rank() - inner; axis < box.rank(); ++axis) {
        piece_elements *= box.extent(axis);
        outer.hi[axis] = outer.lo[axis] + 1;
    }
    for_each_slab(outer, 1, [&](const Box& start) {
        hash.add(block.at(start.lo), static_cast<std::size_t>(piece_elements) * block.element_bytes);
    });
    return hash.value();
}

std::vector<std::int64_t> to_numbers(const std::vector<Checksums>& all) {
    std::vector<std::int64_t> numbers;
    for (std::size_t dataset = 0; dataset < all.size(); ++dataset) {
        for (const auto& [written, hash] : all[dataset]) {
            numbers.insert(numbers.end(), {static_cast<std::int64_t>(dataset), written.row, written.box.rank()});
            numbers.insert(numbers.end(), written.box.lo.begin(), written.box.lo.end());
            numbers.insert(numbers.end(), written.box.hi.begin(), written.box.hi.end());
            numbers.push_back(static_cast<std::int64_t>(hash));
        }
    }
    return numbers;
}

void add_checksums(std::vector<Checksums>& all, const std::vector<std::int64_t>& numbers) {
    for (auto at = numbers.begin(); at != numbers.end();) {
        Checksums& checksums = all[static_cast<std::size_t>(*at++)];
        const std::int64_t row = *at++;
        const auto rank = static_cast<std::size_t>(*at++);
        const Extents lo(std::span(at, rank)), hi(std::span(at + static_cast<std::ptrdiff_t>(rank), rank));
        at += static_cast<std::ptrdiff_t>(2 * rank);
        const auto hash = static_cast<std::uint64_t>(*at++);
        const auto [entry, is_new] = checksums.emplace(WrittenBox{row, Box(lo, hi)}, hash);
        if (!is_new && entry->second != hash) {
            throw FileError(
                fmt::format("two ranks wrote {} of one output with different contents", to_string(Box(lo, hi))));
        }
    }
}

void write_checksums(hid_t file, const std::string& name, const Checksums& checksums, int rank) {
    std::vector<std::uint64_t> numbers;
    for (const auto& [written, hash] : checksums) {
        numbers.push_back(static_cast<std::uint64_t>(written.row));
        numbers.insert(numbers.end(), written.box.lo.begin(), written.box.lo.end());
        numbers.insert(numbers.end(), written.box.hi.begin(), written.box.hi.end());
        numbers.push_back(hash);
    }
    const std::string what = "writing the checksums";
    const std::string table_name = checksums_name(name);
    create_groups(file, table_name);
    const hdf5::Handle space = hdf5::space_of(Shape{std::ssize(checksums), 2 + 2 * rank});
    hdf5::Handle table(
        H5Dcreate2(file, table_name.c_str(), H5T_STD_U64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
        what);
    if (!numbers.empty()) {
        hdf5::check(H5Dwrite(table, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data()), what);
    }
    hdf5::write_attribute(table, "columns", std::string("row, lo of each axis, hi of each axis, XXH3-64"));
    table.close(what);
}

Verification verify_checksums(hid_t file, const std::string& name) {
    const std::string table_name = checksums_name(name);
    Verification result;
    if (H5Lexists(file, table_name.c_str(), H5P_DEFAULT) <= 0) return result;
    const Table table = read_table(file, table_name);
    const hdf5::Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose, "opening '" + name + "'");
    const hdf5::Handle type(H5Dget_type(dataset), H5Tclose, "reading the type");
    const hdf5::Handle space(H5Dget_space(dataset), H5Sclose, "reading the extents");
    const Shape shape = hdf5::extents_of(space).value_or(Shape{});
    if (table.columns < 2 || table.columns % 2 != 0) throw hdf5::Failure("the checksums are no table", 0);
    const std::size_t rank = table.columns / 2 - 1;
    const bool series = rank + 1 == static_cast<std::size_t>(shape.rank());
    for (std::size_t at = 0; at + table.columns <= table.numbers.size(); at += table.columns) {
        Box box;
        if (series) {
            box.lo.push_back(static_cast<std::int64_t>(table.numbers[at]));
            box.hi.push_back(box.lo[0] + 1);
        }
        for (std::size_t axis = 0; axis < rank && box.rank() < max_rank; ++axis) {
            box.lo.push_back(static_cast<std::int64_t>(table.numbers[at + 1 + axis]));
            box.hi.push_back(static_cast<std::int64_t>(table.numbers[at + 1 + rank + axis]));
        }
        ++result.boxes;
        const bool inside = box.rank() == shape.rank() && Box::whole(shape).contains(box);
        if (!inside || checksum_in_file(dataset, type, box) != table.numbers[at + table.columns - 1]) {
            result.wrong.push_back(to_string(box));
        }
    }
    return result;
}

}  // namespace maniple
