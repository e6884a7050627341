// outputs:

#include <algorithm>

#include "base/text.hpp"
#include "job/file_reference.hpp"
#include "job/sections.hpp"

namespace maniple {

namespace {

constexpr int default_gzip_level = 4;  // h5py's

int read_gzip_level(const YamlNode& node) {
    const std::string& text = read_text(node, "a compression like gzip 4");
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string filter = text.substr(0, blank);
    if (filter != "gzip") {
        refuse(node, "unknown compression " + in_quotes(filter) + ": expected gzip and a level, like gzip 4",
               nearest_word(filter, std::vector<std::string>{"gzip"}));
    }
    if (blank == text.size()) return default_gzip_level;
    const std::optional<std::int64_t> level = parse_count(text.substr(text.find_first_not_of(' ', blank)));
    if (!level || *level > 9) refuse(node, "expected a gzip level from 0 to 9, found " + in_quotes(text));
    return static_cast<int>(*level);
}

AttributeValue read_attribute_list(const YamlNode& node) {
    std::vector<std::int64_t> integers;
    std::vector<double> reals;
    for (const YamlNode& item : node.items) {
        const Number number = read_number(item);
        if (number.is_integer) integers.push_back(number.integer);
        reals.push_back(number.real);
    }
    if (integers.size() == reals.size()) return integers;
    return reals;
}

AttributeValue read_attribute(const YamlNode& node) {
    if (node.kind == YamlNode::Kind::mapping) refuse(node, "expected a text, a number, a boolean or a list of numbers");
    if (node.kind == YamlNode::Kind::sequence) return read_attribute_list(node);
    if (!node.plain) return node.value;
    if (node.value == "true" || node.value == "false") return node.value == "true";
    const std::optional<Number> number = parse_number(node.value);
    if (!number) return node.value;
    if (number->is_integer) return number->integer;
    return number->real;
}

FileReference read_target(const YamlNode& node, const Reading& reading) {
    FileReference to = read_file_reference(node, reading);
    if (to.slice.empty()) return to;
    const std::size_t bracket = node.value.find('[', node.value.rfind(":/"));
    throw JobError(node.place_at(bracket), "an output is written whole: a slice is for inputs");
}

void read_output(Reading& reading, const YamlNode& node, OutputSpec& output) {
    if (node.kind == YamlNode::Kind::scalar) {
        reading.attempt([&] { output.to = read_target(node, reading); });
        return;
    }
    const Section section(reading, node, output.name, {"to", "compression", "attributes", "every"}, {"to"});
    section.read("to", [&](const YamlNode& to) { output.to = read_target(to, reading); });
    section.read("compression", [&](const YamlNode& compression) {
        output.compression_place = compression.place;
        output.gzip_level = read_gzip_level(compression);
    });
    section.read("every", [&](const YamlNode& every) {
        output.every_place = section.key_place("every");
        output.every = read_count(every, 1, &reading.constants);
    });
    section.read("attributes", [&](const YamlNode& attributes) {
        for (const YamlEntry* entry : reading.entries(attributes, "attributes")) {
            const YamlNode& key = entry->first;
            const YamlNode& value = entry->second;
            reading.attempt([&] {
                output.attributes.emplace_back(read_text(key, "the name of an attribute"), read_attribute(value));
            });
        }
    });
}

}  // namespace

void read_outputs(Reading& reading, const YamlNode& node, Job& job) {
    const std::size_t errors_before = reading.errors.size();
    for (const YamlEntry* entry : reading.entries(node, "outputs")) {
        OutputSpec output;
        output.name = entry->first.value;
        output.place = entry->first.place;
        read_output(reading, entry->second, output);
        job.outputs.push_back(std::move(output));
    }
    if (job.outputs.empty() && reading.errors.size() == errors_before) {
        reading.error(node.place, "'outputs' is empty: expected at least one NAME: FILE:/DATASET");
    }
}

}  // namespace maniple
