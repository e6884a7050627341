// run/single_execution.hpp: refuses a second execution of an object while one is under way.
#pragma once

#include <atomic>
#include <string>

#include "base/error.hpp"

namespace maniple {

/// Part of an object that is executed again and again, once at a time. Threads: any.
class SingleExecution {
public:
    /// An execution, for as long as this lives.
    class Scope {
    public:
        /// `what`: "the graph". Errors: UsageError while there is another one, which goes on undisturbed.
        Scope(SingleExecution& of, const char* what) : of_(of) {
            // Acquire: what the execution before wrote, on whatever thread it was; partner: ~Scope().
            if (of.under_way_.exchange(true, std::memory_order_acquire))
                throw UsageError(std::string(what) +
                                 " is being executed: it cannot be executed again before that ends");
        }
        ~Scope() { of_.under_way_.store(false, std::memory_order_release); }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        SingleExecution& of_;
    };

private:
    std::atomic<bool> under_way_{false};
};

}  // namespace maniple
