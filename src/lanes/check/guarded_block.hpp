// lanes/check/guarded_block.hpp: the memory of one argument, of which every byte beyond what is declared has a pattern.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lanes/check/values.hpp"

namespace maniple {

/// What stands where nothing is declared to be read, or to have been written.
enum class Pattern {
    first,   ///< values of the type, in one of three blocks NaN
    second,  ///< other values
};

/// A block within a larger piece of memory. Owns its bytes.
class GuardedBlock {
public:
    /// `box` with margins that are drawn, unless `dense`, on the axes that are not `fixed`; `type` nothing: states.
    GuardedBlock(Box box, std::size_t element_bytes, std::optional<DType> type, const std::vector<bool>& fixed,
                 bool dense, Random& random);

    Block block() { return {bytes_.data() + offset_, element_bytes_, box_}; }

    /// Every byte, guards and margins too, from `seed`. No element of the one pattern is in the other, nor are both NaN.
    void fill(Pattern pattern, std::uint64_t seed);
    /// The elements of `from` at `box`. Requires: both have them.
    void put(const ConstBlock& from, const Box& box);
    /// What the bytes are now is what must stay.
    void remember() { before_ = bytes_; }

    /// Whether a byte that is not of an element in one of `written` differs from what was remembered.
    bool changed_outside(const std::vector<Box>& written) const;
    /// The element at `at`, now and when it was remembered.
    const std::byte* now(const Extents& at) const { return place(bytes_, at); }
    const std::byte* before(const Extents& at) const { return place(before_, at); }

private:
    void invert(std::byte* element, std::size_t bytes) const;
    const std::byte* place(const std::vector<std::byte>& bytes, const Extents& at) const {
        return ConstBlock{bytes.data() + offset_, element_bytes_, box_}.at(at);
    }

    Box box_;
    std::size_t element_bytes_;
    std::optional<DType> type_;
    std::size_t offset_ = 0;
    std::vector<std::byte> bytes_;
    std::vector<std::byte> before_;
};

}  // namespace maniple
