// base/shared.hpp: one value for many who mean the same.
#pragma once

#include <memory>
#include <utility>

namespace maniple {

/// A value that is copied without its bytes: who wants to change it first gets one of its own. Owned by all copies, so
/// that whichever lives longest gives it back. Threads: as of a value; copies may be used on several.
template <class T>
class Shared {
public:
    Shared() : value_(none()) {}
    Shared(T value) : value_(std::make_shared<T>(std::move(value))) {}

    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_.get(); }
    /// Valid until this is copied.
    T& edit() {
        if (value_.use_count() > 1) value_ = std::make_shared<T>(*value_);
        return const_cast<T&>(*value_);  // made above or by the constructor, as no constant
    }
    /// Whether both are one: then equal without a look.
    bool is(const Shared& other) const { return value_ == other.value_; }

private:
    static const std::shared_ptr<const T>& none() {
        static const std::shared_ptr<const T> value = std::make_shared<T>();
        return value;
    }

    std::shared_ptr<const T> value_;
};

}  // namespace maniple
