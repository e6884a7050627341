#include "job/catalogue.hpp"

#include <cstring>
#include <string_view>

#include "base/error.hpp"

namespace maniple {

namespace {

// Every number as 8 bytes of this machine: rank 0 and its readers are one program on one architecture.
void put(std::string& bytes, std::int64_t value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof value); }

void put(std::string& bytes, const Extents& extents) {
    put(bytes, extents.rank());
    for (const std::int64_t extent : extents) put(bytes, extent);
}

/// Takes values from the front of the bytes. Bytes that no serialize() made break an invariant: they come from
/// another rank of the same program.
class Unpacking {
public:
    explicit Unpacking(std::string_view bytes) : bytes_(bytes) {}

    bool done() const { return bytes_.empty(); }

    std::int64_t number(std::int64_t highest = INT64_MAX) {
        std::int64_t value = 0;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        MANIPLE_CHECK(value >= 0 && value <= highest, "a catalogue with the number " + std::to_string(value));
        return value;
    }

    std::string text() { return std::string(take(static_cast<std::size_t>(number()))); }

    Extents extents() {
        const std::int64_t rank = number(max_rank);
        Extents result;
        for (std::int64_t axis = 0; axis < rank; ++axis) result.push_back(number());
        return result;
    }

private:
    std::string_view take(std::size_t count) {
        MANIPLE_CHECK(count <= bytes_.size(), "a catalogue that ends too early");
        const std::string_view front = bytes_.substr(0, count);
        bytes_.remove_prefix(count);
        return front;
    }

    std::string_view bytes_;
};

}  // namespace

const InputFacts* Catalogue::find(const std::string& name) const {
    for (const InputFacts& input : inputs) {
        if (input.name == name) return &input;
    }
    return nullptr;
}

std::string serialize(const Catalogue& catalogue) {
    std::string bytes;
    for (const InputFacts& input : catalogue.inputs) {
        put(bytes, static_cast<std::int64_t>(input.name.size()));
        bytes += input.name;
        put(bytes, input.shape);
        put(bytes, static_cast<std::int64_t>(input.dtype));
        put(bytes, input.chunk);
        put(bytes, input.file_shape);
    }
    return bytes;
}

Catalogue deserialize_catalogue(const std::string& bytes) {
    Catalogue catalogue;
    Unpacking unpacking(bytes);
    while (!unpacking.done()) {
        InputFacts input;
        input.name = unpacking.text();
        input.shape = unpacking.extents();
        input.dtype = static_cast<DType>(unpacking.number(dtype_count - 1));
        input.chunk = unpacking.extents();
        input.file_shape = unpacking.extents();
        catalogue.inputs.push_back(input);
    }
    return catalogue;
}

}  // namespace maniple
