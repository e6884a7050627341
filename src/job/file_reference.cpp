#include "job/file_reference.hpp"

#include <charconv>

#include "base/text.hpp"

namespace maniple {

namespace {

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

/// Reads the items between the brackets. `text` is a part of `node.value`, so that its places can be told.
class SliceReader {
public:
    SliceReader(const YamlNode& node, std::string_view text) : node_(node), text_(text) {}

    std::vector<SliceItem> read() {
        std::vector<SliceItem> items;
        std::string_view rest = text_;
        bool ellipsis = false;
        while (true) {
            const std::size_t comma = std::min(rest.find(','), rest.size());
            const SliceItem item = read_item(rest.substr(0, comma));
            if (item.kind == SliceItem::Kind::ellipsis && ellipsis) fail(rest.substr(0, comma), "a second '...'");
            ellipsis = ellipsis || item.kind == SliceItem::Kind::ellipsis;
            items.push_back(item);
            if (comma == rest.size()) return items;
            rest.remove_prefix(comma + 1);
        }
    }

private:
    [[noreturn]] void fail(std::string_view part, const std::string& message) const {
        const std::string_view token = trimmed(part);
        const char* const start = token.empty() ? part.data() : token.data();
        const auto length = static_cast<int>(std::max<std::size_t>(1, count_characters(token)));
        throw JobError(node_.place_at(static_cast<std::size_t>(start - node_.value.data()), length), message);
    }

    std::int64_t read_integer(std::string_view part) const {
        const std::string_view token = trimmed(part);
        std::int64_t value = 0;
        const auto result = std::from_chars(token.data(), token.data() + token.size(), value);
        const bool padded = token.size() > 1 && token[token[0] == '-' ? 1 : 0] == '0';
        if (token.empty() || result.ec != std::errc() || result.ptr != token.data() + token.size() || padded) {
            fail(part, "expected an integer in the slice, found " + in_quotes(token));
        }
        return value;
    }

    std::optional<std::int64_t> read_bound(std::string_view part) const {
        if (trimmed(part).empty()) return std::nullopt;
        return read_integer(part);
    }

    SliceItem read_item(std::string_view part) const {
        SliceItem item;
        if (trimmed(part) == "...") {
            item.kind = SliceItem::Kind::ellipsis;
            return item;
        }
        const std::size_t first = part.find(':');
        if (first == std::string_view::npos) {
            item.kind = SliceItem::Kind::index;
            if (trimmed(part).empty()) fail(part, "expected an index or start:stop:step in the slice, found nothing");
            item.index = read_integer(part);
            return item;
        }
        const std::size_t second = part.find(':', first + 1);
        item.start = read_bound(part.substr(0, first));
        if (second == std::string_view::npos) {
            item.stop = read_bound(part.substr(first + 1));
        } else {
            item.stop = read_bound(part.substr(first + 1, second - first - 1));
            item.step = read_bound(part.substr(second + 1));
            if (item.step && *item.step < 1) {
                fail(part.substr(second + 1),
                     "the step of a slice must be at least 1, found " + std::to_string(*item.step));
            }
        }
        return item;
    }

    const YamlNode& node_;
    std::string_view text_;
};

/// "/a//b/./c" is "/a/b/c" for HDF5.
std::string normal_dataset(std::string_view text) {
    std::string dataset;
    while (!text.empty()) {
        const std::size_t slash = std::min(text.find('/'), text.size());
        const std::string_view part = text.substr(0, slash);
        if (!part.empty() && part != ".") dataset += "/" + std::string(part);
        text.remove_prefix(std::min(slash + 1, text.size()));
    }
    return dataset;
}

}  // namespace

FileReference read_file_reference(const YamlNode& node, const Reading& reading) {
    const std::string& text = read_text(node, "FILE:/DATASET");
    // A path has at most 4096 bytes; without a limit every prefix of a data set's name would be looked up.
    if (text.size() > 8192) refuse(node, "FILE:/DATASET may have at most 8192 bytes");
    const std::size_t split = text.rfind(":/");
    if (split == std::string::npos) refuse(node, "expected FILE:/DATASET, found " + describe(node));
    if (split == 0) refuse(node, "no file before ':/': expected FILE:/DATASET");
    FileReference reference;
    reference.place = node.place;
    reference.file = text.substr(0, split);
    reference.path = reading.resolve(reference.file);
    std::string_view dataset = std::string_view(text).substr(split + 1);
    if (const std::size_t bracket = dataset.find('['); bracket != std::string_view::npos) {
        const auto place = node.place_at(split + 1 + bracket);
        if (dataset.back() != ']') throw JobError(place, "the slice is not closed: expected ']' at the end");
        const std::string_view items = dataset.substr(bracket + 1, dataset.size() - bracket - 2);
        if (trimmed(items).empty()) throw JobError(place, "an empty slice: expected an index or start:stop:step");
        reference.slice = SliceReader(node, items).read();
        dataset = dataset.substr(0, bracket);
    }
    reference.dataset = normal_dataset(dataset);
    if (reference.dataset.empty()) refuse(node, "no data set after ':/': expected FILE:/DATASET");
    return reference;
}

FileReference read_whole_file(const YamlNode& node, const Reading& reading) {
    const std::string& text = read_text(node, "a file");
    if (text.find(":/") != std::string::npos) refuse(node, "expected a file without data set, found " + describe(node));
    FileReference reference;
    reference.place = node.place;
    reference.file = text;
    reference.path = reading.resolve(text);
    return reference;
}

std::string comparable_path(const std::string& path) { return std::filesystem::path(path).lexically_normal().string(); }

}  // namespace maniple
