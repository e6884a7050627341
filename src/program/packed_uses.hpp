// program/packed_uses.hpp: boxes as programs keep them: in a few words, where a Box has room for eight axes.
#pragma once

#include <cstdint>
#include <iterator>
#include <limits>
#include <span>

#include "base/ids.hpp"
#include "base/short_vector.hpp"
#include "tensor/box.hpp"

namespace maniple {

/// A box of a buffer that an instruction reads or writes. Hazards follow from these and nothing else.
struct Use {
    BufferId buffer;
    Box box;
};

namespace packed {

using Word = std::int32_t;

/// A word that says how, then lo and hi of each axis: a word each, or two where one of them does not fit into one.
inline constexpr Word rank_mask = 0xff, absent_bit = 0x100, wide_bit = 0x200;

inline std::size_t words_behind(Word head) {
    return 2 * static_cast<std::size_t>(head & rank_mask) * ((head & wide_bit) != 0 ? 2 : 1);
}

inline Word head_of(const Box& box) {
    bool wide = false;
    for (int axis = 0; axis < box.rank(); ++axis) {
        wide = wide || box.lo[axis] != static_cast<Word>(box.lo[axis]);
        wide = wide || box.hi[axis] != static_cast<Word>(box.hi[axis]);
    }
    return box.rank() | (box.absent ? absent_bit : 0) | (wide ? wide_bit : 0);
}

inline Word* put(std::int64_t coordinate, bool wide, Word* to) {
    *to++ = static_cast<Word>(coordinate);
    if (wide) *to++ = static_cast<Word>(coordinate >> 32);
    return to;
}

/// Behind `words`.
template <std::size_t room>
void put(const Box& box, ShortVector<Word, room>& words) {
    const Word head = head_of(box);
    const bool wide = (head & wide_bit) != 0;
    Word* to = words.extend(1 + words_behind(head));
    *to++ = head;
    for (int axis = 0; axis < box.rank(); ++axis) to = put(box.hi[axis], wide, put(box.lo[axis], wide, to));
}

inline std::int64_t coordinate_at(const Word* words, bool wide) {
    if (!wide) return *words;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(static_cast<std::uint32_t>(words[0])) |
                                     static_cast<std::uint64_t>(static_cast<std::uint32_t>(words[1])) << 32);
}

/// What begins with the word `words`.
inline Box box_at(const Word* words) {
    const Word head = *words++;
    const bool wide = (head & wide_bit) != 0;
    const std::size_t width = wide ? 2 : 1;
    const int rank = head & rank_mask;
    Box box{Extents(rank), Extents(rank)};
    for (int axis = 0; axis < rank; ++axis) {
        box.lo[axis] = coordinate_at(words, wide);
        box.hi[axis] = coordinate_at(words + width, wide);
        words += 2 * width;
    }
    box.absent = (head & absent_bit) != 0;
    return box;
}

}  // namespace packed

/// A Box in less memory: 48 bytes instead of 152. Up to three axes lie in the object itself.
class PackedBox {
public:
    PackedBox() { words_.push_back(0); }
    PackedBox(const Box& box) { packed::put(box, words_); }
    PackedBox& operator=(const Box& box) {
        words_.clear();
        packed::put(box, words_);
        return *this;
    }

    Box get() const { return packed::box_at(words_.data()); }
    operator Box() const { return get(); }
    int rank() const { return words_[0] & packed::rank_mask; }
    bool empty() const { return get().empty(); }
    std::int64_t volume() const { return get().volume(); }
    bool operator==(const PackedBox& other) const { return words_ == other.words_; }

private:
    ShortVector<packed::Word, 8> words_;
};

/// A list of uses in little memory; elements come as values. `room` words lie in the object itself: of each use two, and
/// two for each axis.
template <std::size_t room>
class PackedUses {
public:
    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Use;
        using difference_type = std::ptrdiff_t;
        using pointer = const Use*;
        using reference = Use;

        explicit Iterator(const packed::Word* at) : at_(at) {}
        Use operator*() const { return {BufferId(at_[0]), packed::box_at(at_ + 1)}; }
        Iterator& operator++() {
            at_ += 2 + packed::words_behind(at_[1]);
            return *this;
        }
        Iterator operator++(int) {
            const Iterator before = *this;
            ++*this;
            return before;
        }
        bool operator==(const Iterator&) const = default;

    private:
        const packed::Word* at_;
    };
    using value_type = Use;
    using const_iterator = Iterator;

    void push_back(const Use& use) {
        words_.push_back(use.buffer.value);
        packed::put(use.box, words_);
        ++count_;
    }
    void clear() {
        words_.clear();
        count_ = 0;
    }
    std::size_t size() const { return count_; }
    bool empty() const { return count_ == 0; }
    Iterator begin() const { return Iterator(words_.data()); }
    Iterator end() const { return Iterator(words_.data() + words_.size()); }
    Use operator[](std::size_t number) const { return *std::next(begin(), static_cast<std::ptrdiff_t>(number)); }
    Use front() const { return *begin(); }

    /// All of them side by side.
    ShortVector<Use, 2> all() const {
        ShortVector<Use, 2> uses;
        for (const Use& use : *this) uses.push_back(use);
        return uses;
    }
    void assign(std::span<const Use> uses) {
        clear();
        for (const Use& use : uses) push_back(use);
    }
    /// Puts `rename` of each buffer in its place.
    template <class Rename>
    void rename(Rename&& rename) {
        for (std::size_t at = 0; at < words_.size(); at += 2 + packed::words_behind(words_[at + 1]))
            words_[at] = rename(BufferId(words_[at])).value;
    }
    /// Lets `change` alter each of them.
    template <class Change>
    void change(Change&& change) {
        ShortVector<Use, 2> uses = all();
        for (Use& use : uses) change(use);
        assign(uses);
    }
    void set(std::size_t number, const Use& use) {
        ShortVector<Use, 2> uses = all();
        uses[number] = use;
        assign(uses);
    }

private:
    std::uint32_t count_ = 0;
    ShortVector<packed::Word, room> words_;
};

}  // namespace maniple
