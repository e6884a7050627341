// What a rank keeps in its scratch file comes back, nobody else sees the file, and every call that fails is an error.
#include "lanes/file/scratch_file.hpp"

#include <cstring>

#include "samples.hpp"

namespace maniple::test {
namespace {

class Scratch : public SharedFolder {};

/// Elements of `box` in order, in a block that has a halo around them.
struct Elements {
    Elements(const Box& box, std::size_t element_bytes, unsigned first) {
        Box with_halo = box;
        for (int axis = 0; axis < box.rank(); ++axis) {
            --with_halo.lo[axis];
            ++with_halo.hi[axis];
        }
        bytes.resize(static_cast<std::size_t>(with_halo.volume()) * element_bytes);
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + first);
        block = {bytes.data(), element_bytes, with_halo};
    }

    std::vector<std::byte> bytes;
    Block block;
};

BufferSpec kept(const Box& box, std::int64_t element_bytes) {
    BufferSpec spec;
    spec.name = "kept";
    spec.box = box;
    spec.element_bytes = element_bytes;
    spec.memory = {Memory::Kind::file, -1};
    return spec;
}

bool equal(const Block& a, const Block& b, const Box& box) {
    const auto packed = [&](const Block& from) {
        std::vector<std::byte> bytes(static_cast<std::size_t>(box.volume()) * from.element_bytes);
        copy_box(read_only(from), box, {bytes.data(), from.element_bytes, box}, box);
        return bytes;
    };
    return packed(a) == packed(b);
}

TEST_F(Scratch, GivesBackWhatItWasGiven) {
    ScratchFile file(path(""));
    const Box box(Extents{3, -2}, Extents{9, 5});
    for (const std::size_t size : {1, 2, 4, 8}) {
        const BufferSpec spec = kept(box, static_cast<std::int64_t>(size));
        const BufferId id(size);
        Elements first(box, size, 3), second(box, size, 90);
        for (const Box& part : {Box(Extents{3, -2}, Extents{5, 5}), Box(Extents{5, -2}, Extents{9, 5})})
            file.write({id, part}, spec, read_only(first.block), part);
        file.read({id, box}, spec, second.block, box);
        EXPECT_TRUE(equal(first.block, second.block, box)) << size;
        // Again, as in the next step of a loop.
        Elements third(box, size, 17);
        file.write({id, box}, spec, read_only(third.block), box);
        file.read({id, box}, spec, second.block, box);
        EXPECT_TRUE(equal(third.block, second.block, box)) << size;
    }
    EXPECT_EQ(file.bytes_written(), 2 * 42 * (1 + 2 + 4 + 8));
    barrier();
    EXPECT_TRUE(names().empty()) << "it has no name";
    barrier();
}

TEST_F(Scratch, KeepsNumbersWithoutAxes) {
    ScratchFile file(path(""));
    const BufferSpec spec = kept(Box(), 8);
    Elements number(Box(), 8, 5), other(Box(), 8, 77);
    file.write({BufferId(std::size_t{0}), Box()}, spec, read_only(number.block), Box());
    file.read({BufferId(std::size_t{0}), Box()}, spec, other.block, Box());
    EXPECT_EQ(number.bytes, other.bytes);
    barrier();
}

TEST_F(Scratch, AFolderThatIsNotThereIsAnError) {
    ScratchFile file(path("nowhere"));
    const Box box(Extents{0}, Extents{4});
    Elements some(box, 4, 1);
    EXPECT_THROW(file.write({BufferId(std::size_t{0}), box}, kept(box, 4), read_only(some.block), box), FileError);
    barrier();
}

TEST_F(Scratch, EveryCallThatFailsIsAnError) {
    const Box box(Extents{0, 0}, Extents{40, 30});
    int faults = 0;
    for (std::int64_t nth = 1;; ++nth) {
        ScratchFile file(path(""));
        Elements some(box, 4, 1), back(box, 4, 9);
        hdf5::arm_fault(nth);
        bool failed = false;
        try {
            file.write({BufferId(std::size_t{0}), box}, kept(box, 4), read_only(some.block), box);
            file.read({BufferId(std::size_t{0}), box}, kept(box, 4), back.block, box);
        } catch (const FileError&) { failed = true; }
        const bool struck = hdf5::checks_left() == 0;
        hdf5::arm_fault(0);
        if (!struck) break;
        ++faults;
        EXPECT_TRUE(failed) << nth;
    }
    EXPECT_GT(faults, 8);
    barrier();
    EXPECT_TRUE(names().empty());
    barrier();
}

}  // namespace
}  // namespace maniple::test
