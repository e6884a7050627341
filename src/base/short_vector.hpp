// base/short_vector.hpp: a vector whose first few elements need no allocation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <type_traits>
#include <utility>

namespace maniple {

/// As std::vector, for plain values of which there are most often no more than `room`: these lie in the object itself, so
/// that moving it moves them. Fewer than 2^32. Programs have tens of thousands of such lists, and allocating was a third
/// of building one.
template <class T, std::size_t room>
class ShortVector {
    static_assert(std::is_trivially_copyable_v<T> && room > 0);

public:
    using value_type = T;
    using iterator = T*;
    using const_iterator = const T*;

    ShortVector() = default;
    explicit ShortVector(std::size_t count, const T& value = T()) { resize(count, value); }
    ShortVector(std::initializer_list<T> values) { append(values.begin(), values.end()); }
    template <std::forward_iterator Iterator>
    ShortVector(Iterator first, Iterator last) {
        append(first, last);
    }
    ShortVector(const ShortVector& other) { append(other.begin(), other.end()); }
    ShortVector(ShortVector&& other) noexcept { take(other); }
    ShortVector& operator=(const ShortVector& other) {
        if (this == &other) return *this;
        clear();
        append(other.begin(), other.end());
        return *this;
    }
    ShortVector& operator=(ShortVector&& other) noexcept {
        if (this == &other) return *this;
        delete[] apart_;
        take(other);
        return *this;
    }
    ~ShortVector() { delete[] apart_; }

    T* data() { return apart_ != nullptr ? reinterpret_cast<T*>(apart_) : reinterpret_cast<T*>(here_); }
    const T* data() const {
        return apart_ != nullptr ? reinterpret_cast<const T*>(apart_) : reinterpret_cast<const T*>(here_);
    }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    iterator begin() { return data(); }
    iterator end() { return data() + size_; }
    const_iterator begin() const { return data(); }
    const_iterator end() const { return data() + size_; }
    T& operator[](std::size_t i) { return data()[i]; }
    const T& operator[](std::size_t i) const { return data()[i]; }
    T& front() { return data()[0]; }
    const T& front() const { return data()[0]; }
    T& back() { return data()[size_ - 1]; }
    const T& back() const { return data()[size_ - 1]; }

    void reserve(std::size_t count) {
        if (count <= capacity_) return;
        auto* const larger = new Bytes[count];
        if (size_ > 0) std::memcpy(larger, data(), size_ * sizeof(T));
        delete[] apart_;
        apart_ = larger;
        capacity_ = static_cast<std::uint32_t>(count);
    }
    void clear() { size_ = 0; }
    void resize(std::size_t count, const T& value = T()) {
        const T filling = value;
        reserve(count);
        for (std::size_t i = size_; i < count; ++i) new (data() + i) T(filling);
        size_ = static_cast<std::uint32_t>(count);
    }
    void push_back(const T& value) { emplace_back(value); }
    template <class... Arguments>
    T& emplace_back(Arguments&&... arguments) {
        const T value{std::forward<Arguments>(arguments)...};  // it may lie in what grow() gives back
        if (size_ == capacity_) reserve(2 * std::size_t{capacity_});
        return *new (data() + size_++) T(value);
    }
    void pop_back() { --size_; }
    /// Behind all others.
    template <class Iterator>
    void append(Iterator first, Iterator last) {
        const auto more = static_cast<std::size_t>(std::distance(first, last));
        T* to = extend(more);
        for (; first != last; ++first, ++to) new (to) T(*first);
    }
    /// Room for `more` elements behind all others, which the caller fills.
    T* extend(std::size_t more) {
        if (size_ + more > capacity_) reserve(std::max(size_ + more, 2 * std::size_t{capacity_}));
        T* const first = data() + size_;
        size_ += static_cast<std::uint32_t>(more);
        return first;
    }
    iterator erase(iterator first, iterator last) {
        const auto gone = static_cast<std::size_t>(last - first);
        std::copy(last, end(), first);
        size_ -= static_cast<std::uint32_t>(gone);
        return first;
    }
    iterator erase(iterator at) { return erase(at, at + 1); }
    template <class Predicate>
    friend std::size_t erase_if(ShortVector& all, Predicate&& predicate) {
        T* const rest = std::remove_if(all.begin(), all.end(), std::forward<Predicate>(predicate));
        const auto gone = static_cast<std::size_t>(all.end() - rest);
        all.size_ -= static_cast<std::uint32_t>(gone);
        return gone;
    }

    bool operator==(const ShortVector& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }
    bool operator<(const ShortVector& other) const {
        return std::lexicographical_compare(begin(), end(), other.begin(), other.end());
    }

private:
    struct alignas(T) Bytes {
        std::byte of_one[sizeof(T)];
    };

    /// Requires: nothing is owned.
    void take(ShortVector& other) {
        apart_ = std::exchange(other.apart_, nullptr);
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, room);
        if (apart_ == nullptr && size_ > 0) std::memcpy(here_, other.here_, size_ * sizeof(T));
    }

    Bytes* apart_ = nullptr;  ///< null: they are here
    std::uint32_t size_ = 0;
    std::uint32_t capacity_ = room;
    Bytes here_[room];
};

}  // namespace maniple
