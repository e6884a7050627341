// constants:, kernels:, inputs: and parameters:

#include "base/text.hpp"
#include "job/file_reference.hpp"
#include "job/sections.hpp"
#include "tensor/box.hpp"

namespace maniple {

void read_constants(Reading& reading, const YamlNode& node, Job& job) {
    for (const YamlEntry* entry : reading.entries(node, "constants")) {
        const YamlNode& key = entry->first;
        const YamlNode& value = entry->second;
        reading.attempt([&] {
            const std::string name = read_name(key);
            // Known even if its value is wrong, so that its uses are not reported too.
            job.constant_places[name] = key.place;
            job.constants.emplace_back(name, Number{true, 1, 1});
            job.constants.back().second = read_number(value);
        });
    }
}

namespace {

KernelPackSpec read_kernel_pack(Reading& reading, const YamlNode& node) {
    KernelPackSpec pack;
    pack.place = node.place;
    if (node.kind == YamlNode::Kind::scalar) {
        pack.path = reading.resolve(read_text(node, "the path of a kernel pack"));
        return pack;
    }
    const Section section(reading, node, "kernels", {"path", "sha256"}, {"path"});
    section.read("path", [&](const YamlNode& path) {
        pack.path = reading.resolve(read_text(path, "the path of a kernel pack"));
        pack.place = path.place;
    });
    section.read("sha256", [&](const YamlNode& digest) { pack.sha256 = read_sha256(digest); });
    return pack;
}

/// What the keys of one input say together.
void check_input(Reading& reading, const Section& section, const YamlNode& node, const InputSpec& input) {
    const bool from = section.written("from");
    const bool fill = section.written("fill");
    if (section.find("from") != nullptr && section.find("fill") != nullptr) {
        reading.error(section.key_place("fill"), "'from' and 'fill' exclude each other", {},
                      {{section.key_place("from"), "'from' is here"}});
    }
    if (!from && !fill) { reading.error(node.place, "missing key 'from' or 'fill' in input '" + input.name + "'"); }
    // Only if `fill` is really there: an unknown key that is near to it may have been meant otherwise.
    if (section.find("fill") == nullptr) return;
    if (!section.written("shape")) {
        reading.error(node.place, "missing key 'shape' in input '" + input.name + "', which is generated");
    }
    for (const char* key : {"sha256", "mask", "allow"}) {
        if (section.find(key) == nullptr) continue;
        reading.error(section.key_place(key), in_quotes(key) + " is for inputs that come from a file");
    }
}

DType generated_dtype(const InputSpec& input) {
    const bool iota = input.fill && input.fill->kind == Fill::Kind::iota;
    return input.dtype.value_or(iota ? DType::i64 : DType::f32);
}

void check_size(const InputSpec& input) {
    if (!input.shape) return;
    const Extents shape{std::span<const std::int64_t>(*input.shape)};
    // From a file the type may be unknown yet: at least one byte for each element.
    std::size_t element_bytes = input.fill ? size_of(generated_dtype(input)) : 1;
    if (input.dtype) element_bytes = size_of(*input.dtype);
    if (checked_bytes(shape, static_cast<std::int64_t>(element_bytes)) >= 0) return;
    throw JobError(input.shape_place, "a tensor of shape " + to_string(shape) + " has more than 2^63 - 1 bytes");
}

/// What an input may do that is refused otherwise.
void read_allow(const YamlNode& node, InputSpec& input) {
    if (node.kind != YamlNode::Kind::sequence) {
        refuse(node, "expected a list like [external], found " + describe(node));
    }
    for (const YamlNode& item : node.items) {
        read_choice(item, {"external"});
        if (input.allow_external) refuse(item, "'external' stands here twice");
        input.allow_external = true;
    }
}

void check_mask(const InputSpec& input) {
    if (!input.mask_fill || !input.dtype || is_floating(*input.dtype)) return;
    throw JobError(input.mask_place, "'mask: fill' makes elements NaN, which " + std::string(name_of(*input.dtype)) +
                                         " cannot hold: write dtype: f32 or f64");
}

InputSpec read_input(Reading& reading, const YamlEntry& entry) {
    const auto& [key, node] = entry;
    InputSpec input;
    input.name = key.value;
    input.place = key.place;
    if (node.kind == YamlNode::Kind::scalar) {
        input.from = read_file_reference(node, reading);
        return input;
    }
    const Section section(reading, node, input.name, {"from", "fill", "shape", "dtype", "sha256", "mask", "allow"});
    if (node.kind != YamlNode::Kind::mapping) return input;
    check_input(reading, section, node, input);
    section.read("from", [&](const YamlNode& from) { input.from = read_file_reference(from, reading); });
    section.read("dtype", [&](const YamlNode& dtype) {
        input.dtype_place = dtype.place;
        input.dtype = read_dtype(dtype);
    });
    section.read("shape", [&](const YamlNode& shape) {
        input.shape_place = shape.place;
        input.shape = read_shape(shape, reading.constants);
    });
    section.read("sha256", [&](const YamlNode& digest) {
        input.sha256_place = digest.place;
        input.sha256 = read_sha256(digest);
    });
    section.read("mask", [&](const YamlNode& mask) {
        input.mask_place = mask.place;
        input.mask_fill = read_choice(mask, {"fill"}) == "fill";
    });
    section.read("allow", [&](const YamlNode& allow) { read_allow(allow, input); });
    section.read("fill", [&](const YamlNode& fill) {
        input.fill = read_fill(fill, reading.constants);
        check_fill(*input.fill, generated_dtype(input));
    });
    reading.attempt([&] { check_size(input); });
    reading.attempt([&] { check_mask(input); });
    return input;
}

}  // namespace

void read_kernels(Reading& reading, const YamlNode& node, Job& job) {
    if (node.kind != YamlNode::Kind::sequence) {
        reading.error(node.place, "expected a list of kernel packs like [./mine.so], found " + describe(node));
        return;
    }
    for (const YamlNode& item : node.items) {
        reading.attempt([&] { job.kernels.push_back(read_kernel_pack(reading, item)); });
    }
}

void read_inputs(Reading& reading, const YamlNode& node, const std::string& section, std::vector<InputSpec>& inputs) {
    for (const YamlEntry* entry : reading.entries(node, section)) {
        const std::size_t errors_before = reading.errors.size();
        reading.attempt([&] { read_name(entry->first); });
        InputSpec input;
        input.name = entry->first.value;
        input.place = entry->first.place;
        reading.attempt([&] { input = read_input(reading, *entry); });
        if (reading.errors.size() > errors_before) reading.broken.insert(input.name);
        inputs.push_back(std::move(input));
    }
}

}  // namespace maniple
