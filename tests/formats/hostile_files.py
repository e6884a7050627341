"""HDF5 files that are damaged, lead elsewhere, claim what they do not hold, or hold what maniple does not have.

hostile_files(folder) writes them and yields for each its name, the data set to ask for, and whether reading it must fail
(else it may as well succeed: what is damaged is not needed for the values).
"""
import os
import random
import struct

import h5py
import numpy

VALUES = numpy.arange(4096, dtype="<f4").reshape(64, 64)
VERSIONS = {"old": "earliest", "new": "latest"}


def make_good(path, version):
    """A plain data set, a compressed one of 16 chunks, a checksummed one, one in the header, and a text attribute."""
    with h5py.File(path, "w", libver=VERSIONS[version]) as file:
        file["plain"] = VALUES
        file.create_dataset("chunks", data=VALUES, chunks=(16, 16), compression="gzip", shuffle=True)
        file.create_dataset("checked", data=VALUES, chunks=(64, 64), fletcher32=True)
        file.create_dataset("unfiltered", data=VALUES, chunks=(16, 16))
        file["chunks"].attrs["units"] = "a text of variable length"
        for number in range(20):
            file["group/set_%d" % number] = numpy.arange(3)


def place(data, signature, number=0):
    """Where the `number`-th `signature` begins."""
    at = -1
    for _ in range(number + 1):
        at = data.index(signature, at + 1)
    return at


def patch(data, at, new):
    return data[:at] + new + data[at + len(new):]


def chunk_trees(data):
    """Places of the chunk indices (B-trees of node type 1) of an old file."""
    at = data.find(b"TREE\x01")
    while at >= 0:
        yield at
        at = data.find(b"TREE\x01", at + 1)


def address_of(folder, name):
    """Address of the header of a data set of good_old.h5."""
    with h5py.File(os.path.join(folder, "good_old.h5")) as file:
        return h5py.h5o.get_info(file[name].id).addr


def entry_of_first_chunk(data, folder):
    """Place of the first chunk's key (bytes, mask, offsets, address) in the index of /chunks."""
    with h5py.File(os.path.join(folder, "good_old.h5")) as file:
        info = file["chunks"].id.get_chunk_info(0)
    return place(data, struct.pack("<IIQQQQ", info.size, 0, 0, 0, 0, info.byte_offset))


def damaged_old(folder):
    """Name, bytes, data set, must fail: files of the oldest version with damage at one place."""
    with open(os.path.join(folder, "good_old.h5"), "rb") as file:
        good = file.read()
    everything = b"\xff" * 8
    yield "half", good[:len(good) // 2], "plain", True
    yield "all_but_a_byte", good[:-1], "plain", True
    yield "first_kilobyte", good[:1024], "plain", True
    yield "signature_alone", good[:8], "plain", True
    yield "empty", b"", "plain", True
    yield "zeros", bytes(65536), "plain", True
    yield "text", b"this is a text\n" * 100, "plain", True
    yield "classic_netcdf", b"CDF\x01" + bytes(1000), "plain", True
    yield "superblock_version", patch(good, 8, b"\x63"), "plain", True
    yield "superblock_offset_size", patch(good, 13, b"\x03"), "plain", True
    yield "superblock_leaf_size", patch(good, 16, b"\x00\x00\x00\x00"), "plain", True
    yield "end_of_file_beyond", patch(good, 40, struct.pack("<Q", 1 << 50)), "plain", True
    yield "root_beyond_end", patch(good, 64, struct.pack("<Q", 1 << 40)), "plain", True
    yield "root_in_the_superblock", patch(good, 64, struct.pack("<Q", 8)), "plain", True
    yield "group_tree_signature", patch(good, place(good, b"TREE\x00"), b"EERT"), "plain", True
    yield "group_node_signature", patch(good, place(good, b"SNOD"), b"DONS"), "plain", True
    yield "group_heap_signature", patch(good, place(good, b"HEAP"), b"PAEH"), "plain", True
    yield "group_heap_size", patch(good, place(good, b"HEAP") + 8, struct.pack("<Q", 1 << 60)), "plain", True
    yield "group_heap_address", patch(good, place(good, b"HEAP") + 24, everything), "plain", True
    tree = place(good, b"TREE\x00")
    yield "group_tree_is_its_own_child", patch(patch(good, tree + 5, b"\x01"), tree + 32, struct.pack("<Q", tree)), "none", True
    yield "group_node_of_65535", patch(good, place(good, b"SNOD") + 6, b"\xff\xff"), "plain", True
    for name in ("plain", "chunks"):
        header = address_of(folder, name)
        yield name + "_header_version", patch(good, header, b"\x77"), name, True
        yield name + "_header_of_65535_messages", patch(good, header + 2, b"\xff\xff"), name, False
        yield name + "_header_size", patch(good, header + 8, b"\xff\xff\xff\x7f"), name, True
        yield name + "_header_cleared", patch(good, header + 16, bytes(200)), name, True
    trees = list(chunk_trees(good))
    entry = entry_of_first_chunk(good, folder)
    tree = max(at for at in trees if at < entry)
    yield "chunk_tree_signature", patch(good, tree, b"EERT"), "chunks", True
    yield "chunk_tree_of_65535", patch(good, tree + 6, b"\xff\xff"), "chunks", True
    yield "chunk_tree_is_its_own_child", patch(patch(good, tree + 5, b"\x01"), entry + 32, struct.pack("<Q", tree)), "chunks", True
    yield "chunk_bytes", patch(good, entry, b"\xff\xff\xff\xff"), "chunks", True
    yield "chunk_of_no_bytes", patch(good, entry, bytes(4)), "chunks", True
    yield "chunk_bytes_too_few", patch(good, entry, b"\x10\0\0\0"), "chunks", True
    yield "chunk_mask", patch(good, entry + 4, b"\xff\xff\xff\xff"), "chunks", True
    yield "chunk_mask_of_gzip", patch(good, entry + 4, b"\x02\0\0\0"), "chunks", True
    yield "chunk_beyond_end", patch(good, entry + 32, struct.pack("<Q", 1 << 40)), "chunks", True
    yield "chunk_compressed_badly", patch(good, struct.unpack_from("<Q", good, entry + 32)[0] + 5, b"\xa5" * 40), "chunks", True
    with h5py.File(os.path.join(folder, "good_old.h5")) as file:
        at = file["checked"].id.get_chunk_info(0).byte_offset
        first = file["unfiltered"].id.get_chunk_info(0)
    yield "checksum", patch(good, at + 77, b"\xff"), "checked", True
    raw_entry = place(good, struct.pack("<IIQQQQ", first.size, 0, 0, 0, 0, first.byte_offset))
    yield "unfiltered_chunk_too_short", patch(good, raw_entry, b"\x10\0\0\0"), "unfiltered", True
    extents = struct.pack("<QQ", 64, 64)
    header = address_of(folder, "plain")
    at = good.index(extents, header)
    yield "extents_overflow", patch(good, at, struct.pack("<QQ", 1 << 33, 1 << 33)), "plain", True
    yield "extents_overflow_to_zero", patch(good, at, struct.pack("<QQ", 1 << 32, 1 << 32)), "plain", True
    yield "extents_beyond_end", patch(good, at, struct.pack("<QQ", 64, 640000)), "plain", True
    yield "extents_all_bits", patch(good, at, everything * 2), "plain", True
    yield "data_beyond_end", good[:header] + good[header:header + 400].replace(
        struct.pack("<QQ", *offset_and_size(folder)), struct.pack("<QQ", 1 << 45, 16384)) + good[header + 400:], "plain", True
    yield "text_heap", patch(good, place(good, b"GCOL"), b"LOCG"), "chunks", False
    yield "text_heap_size", patch(good, place(good, b"GCOL") + 8, everything), "chunks", False
    yield "chunk_shape_of_zeros", good.replace(struct.pack("<III", 16, 16, 4), struct.pack("<III", 0, 0, 4)), "chunks", True
    yield "chunk_shape_huge", good.replace(struct.pack("<III", 16, 16, 4), b"\xff" * 8 + b"\x04\0\0\0"), "chunks", True


def offset_and_size(folder):
    with h5py.File(os.path.join(folder, "good_old.h5")) as file:
        return file["plain"].id.get_offset(), VALUES.nbytes


def damaged_new(folder):
    """The same for a file of the newest version, whose parts carry checksums."""
    with open(os.path.join(folder, "good_new.h5"), "rb") as file:
        good = file.read()
    yield "new_half", good[:len(good) // 2], "plain", True
    yield "new_superblock_checksum", patch(good, 44, b"\xde\xad\xbe\xef"), "plain", True
    yield "new_marked_as_open", patch(good, 11, b"\x01"), "plain", True
    yield "new_header_checksum", patch(good, place(good, b"OHDR") + 20, b"\xff"), "plain", True
    yield "new_all_headers", good.replace(b"OHDR", b"RDHO"), "plain", True
    for index in (b"FADB", b"FAHD"):
        yield "new_index_" + index.decode(), patch(good, place(good, index) + 10, b"\xff\xff\xff\xff"), "chunks", True
    noise = random.Random(3)
    for number in range(6):
        data = bytearray(good)
        for _ in range(400):
            data[noise.randrange(48, 2500)] = noise.randrange(256)
        yield "new_noise_%d" % number, bytes(data), "chunks", True


def of_other_types(file):
    """Data sets and other objects that are no tensors."""
    file["compound"] = numpy.zeros(3, [("a", "f4"), ("b", "i4")])
    file.create_dataset("opaque", data=numpy.zeros(3, "V8"))
    file.create_dataset("sequences", (3,), h5py.vlen_dtype("f4"))
    file.create_dataset("references", (3,), h5py.ref_dtype)
    file.create_dataset("regions", (3,), h5py.regionref_dtype)
    file.create_dataset("enumeration", (3,), h5py.enum_dtype({"RED": 0, "GREEN": 1}, "i1"))
    file.create_dataset("fixed_text", data=numpy.array([b"one"] * 3))
    file.create_dataset("text", data=["one"] * 3)
    file.create_dataset("arrays", (3,), numpy.dtype(("f4", (2, 2))))
    file.create_dataset("u64", (3,), "u8")
    file.create_dataset("long_double", (3,), numpy.longdouble)
    file.create_dataset("complex", (3,), "c8")
    space = h5py.h5s.create_simple((3,))
    h5py.h5d.create(file.id, b"bits", h5py.h5t.STD_B32LE, space)
    h5py.h5d.create(file.id, b"times", h5py.h5t.UNIX_D32LE, space)
    file["named_type"] = numpy.dtype("f4")
    file.create_group("group")
    file["nothing"] = h5py.Empty("f4")
    file.create_dataset("many_axes", (1,) * 20, "f4")
    return list(file)


def leading_elsewhere(file, folder):
    """Links and layouts that lead out of the file, in circles, or nowhere."""
    file["here"] = VALUES
    file["cycle"] = h5py.SoftLink("/cycle")
    file["cycle_a/b"] = h5py.SoftLink("/cycle_b/a")
    file["cycle_b/a"] = h5py.SoftLink("/cycle_a/b")
    file["dangling"] = h5py.SoftLink("/none/at/all")
    for number in range(100):
        file["chain_%d" % number] = h5py.SoftLink("/chain_%d" % (number + 1))
    file["chain_100"] = h5py.SoftLink("/here")
    file["external"] = h5py.ExternalLink("good_old.h5", "/plain")
    file["external_cycle"] = h5py.ExternalLink("elsewhere.h5", "/external_cycle")
    file["external_up"] = h5py.ExternalLink("../../../../../../etc/passwd", "/x")
    file.create_dataset("password", (8,), "f4", external=[("/etc/passwd", 0, 32)])
    layout = h5py.VirtualLayout((64, 64), "f4")
    layout[...] = h5py.VirtualSource("nowhere.h5", "/plain", shape=(64, 64))
    file.create_virtual_dataset("virtual", layout, fillvalue=1)
    file.create_dataset("absurd", (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10), compression="gzip")
    file.create_dataset("absurd_overflow", (1 << 32, 1 << 31), "f4", chunks=(1 << 10, 1 << 10))
    file.create_group("itself/inner")
    file["itself/inner/outer"] = file["itself"]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((8, 8))
    properties.set_filter(h5py.h5z.FILTER_RESERVED + 40 if hasattr(h5py.h5z, "FILTER_RESERVED") else 299, h5py.h5z.FLAG_OPTIONAL, (1, 2))
    h5py.h5d.create(file.id, b"unknown_filter", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((8, 8)), properties)
    names = ["cycle", "cycle_a/b", "dangling", "chain_0", "external", "external_cycle", "external_up", "password", "virtual",
             "absurd", "absurd_overflow", "itself/inner/outer/inner/none", "unknown_filter"]
    return names


def make_deep(path, depth):
    """Groups in groups: whoever walks through them recursively runs out of stack."""
    with h5py.File(path, "w", libver="latest") as file:
        group = file.id
        for _ in range(depth):
            group = h5py.h5g.create(group, b"g")


def hostile_files(folder):
    for version in VERSIONS:
        make_good(os.path.join(folder, "good_%s.h5" % version), version)
    for source in (damaged_old, damaged_new):
        for name, data, dataset, fails in source(folder):
            with open(os.path.join(folder, name + ".h5"), "wb") as file:
                file.write(data)
            yield name, name + ".h5:/" + dataset, fails
    with h5py.File(os.path.join(folder, "types.h5"), "w") as file:
        types = of_other_types(file)
    for name in types:
        yield "type_" + name, "types.h5:/" + name, True
    with h5py.File(os.path.join(folder, "elsewhere.h5"), "w") as file:
        links = leading_elsewhere(file, folder)
    for name in links:
        yield "link_" + name.replace("/", "_"), "elsewhere.h5:/" + name, True
    make_user_link(os.path.join(folder, "user_link.h5"))
    yield "link_of_a_user", "user_link.h5:/link", True
    make_deep(os.path.join(folder, "deep.h5"), 20000)
    yield "deep_groups", "deep.h5:/none", True
    with h5py.File(os.path.join(folder, "escapes.h5"), "w") as file:
        file["\x1b[31mred\x07\n"] = VALUES
    yield "names_that_write_on_terminals", "escapes.h5:/none", True


def make_user_link(path):
    """A link of a class that nobody has registered: 64 is external, from 65 on they are the users'."""
    with h5py.File(path, "w") as file:
        file["link"] = h5py.ExternalLink("good_old.h5", "/plain")
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(patch(data, data.index(b"@\x04link"), b"A"))
