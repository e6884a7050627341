// run/first_error.hpp: the first of the errors that threads come upon.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

namespace maniple {

/// Threads: any.
class FirstError {
public:
    void keep(std::exception_ptr error) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::move(error);
        is_there_.store(true, std::memory_order_release);  // partner: is_there()
    }
    bool is_there() const { return is_there_.load(std::memory_order_acquire); }  // partner: keep()
    /// Null while there is none.
    std::exception_ptr get() const {
        const std::lock_guard lock(mutex_);
        return error_;
    }

private:
    std::atomic<bool> is_there_{false};
    mutable std::mutex mutex_;
    std::exception_ptr error_;
};

}  // namespace maniple
