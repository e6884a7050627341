// tests/run/interleavings.hpp: runs small concurrent programs in every order in which their atomic operations can follow
// one another.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace maniple::testing {

/// Threads are fibers that stop before each operation on a ModelAtomic or ModelBed; a search over who goes on next visits
/// every state once (memory, and for each fiber all that it has read). Memory is sequentially consistent: which weaker
/// orders do is for ThreadSanitizer.
class Interleavings {
public:
    using Body = std::function<void()>;

    /// One program: what its threads do, and what must hold when all have ended. Made anew for each order that is tried.
    struct Program {
        std::vector<Body> threads;
        std::function<std::string()> verdict;  ///< empty: all is well
        std::shared_ptr<void> state;           ///< what the bodies borrow. Bodies own nothing: some never end.
    };

    struct Result {
        std::string failure;      ///< of the first order that was wrong; empty: none was
        std::int64_t orders = 0;  ///< tried to their end
        std::int64_t states = 0;  ///< different ones met
    };

    static Result try_all(const std::function<Program()>& make);

    // --- For ModelAtomic and ModelBed ---

    static void step();                    ///< the calling fiber is about to touch what is shared
    static void saw(std::uint64_t value);  ///< the calling fiber has read this
    /// The calling fiber is where it has been before, whatever it has read since: the head of a loop.
    static void start_over();
    static void wait_on(const void* bed);  ///< the calling fiber sleeps
    static void wake(const void* bed, int how_many);
    static void remember(std::uint64_t* value);  ///< a variable that is part of the state
    static void forget(std::uint64_t* value);
};

/// As std::atomic, for integers, bool and pointers. Nothing fails for no reason.
template <class T>
class ModelAtomic {
public:
    ModelAtomic(T value = {}) : value_(word_of(value)) { Interleavings::remember(&value_); }
    ~ModelAtomic() { Interleavings::forget(&value_); }
    ModelAtomic(const ModelAtomic&) = delete;
    ModelAtomic& operator=(const ModelAtomic&) = delete;

    T load(int = 0) const {
        Interleavings::step();
        return seen();
    }
    template <class Order>
    T load(Order) const {
        return load();
    }
    template <class Order>
    void store(T value, Order) {
        Interleavings::step();
        value_ = word_of(value);
    }
    operator T() const { return load(); }
    T operator=(T value) {
        store(value, 0);
        return value;
    }
    template <class Order>
    T exchange(T value, Order) {
        Interleavings::step();
        const T before = seen();
        value_ = word_of(value);
        return before;
    }
    template <class Order>
    T fetch_add(T value, Order) {
        Interleavings::step();
        const T before = seen();
        value_ = static_cast<std::uint64_t>(static_cast<T>(before + value));
        return before;
    }
    template <class Order>
    T fetch_sub(T value, Order) {
        Interleavings::step();
        const T before = seen();
        value_ = static_cast<std::uint64_t>(static_cast<T>(before - value));
        return before;
    }
    template <class Order>
    bool compare_exchange_strong(T& expected, T desired, Order) {
        Interleavings::step();
        const T before = seen();
        if (before == expected) {
            value_ = word_of(desired);
            return true;
        }
        expected = before;
        return false;
    }
    template <class Order>
    bool compare_exchange_weak(T& expected, T desired, Order success, Order) {
        return compare_exchange_strong(expected, desired, success);
    }

    /// Without a step: for verdicts, and for the bed, whose operations are one step each.
    T peek() const { return of_word(value_); }
    /// Likewise: for what a test counts itself.
    void poke(T value) { value_ = word_of(value); }

private:
    static std::uint64_t word_of(T value) {
        if constexpr (std::is_pointer_v<T>) {
            return reinterpret_cast<std::uint64_t>(value);
        } else {
            return static_cast<std::uint64_t>(value);
        }
    }
    static T of_word(std::uint64_t word) {
        if constexpr (std::is_pointer_v<T>) {
            return reinterpret_cast<T>(word);
        } else {
            return static_cast<T>(word);
        }
    }
    T seen() const {
        Interleavings::saw(value_);
        return of_word(value_);
    }
    std::uint64_t value_;
};

struct ModelAtomics {
    template <class T>
    using Value = ModelAtomic<T>;
};

/// A futex whose sleepers nobody wakes but wake(): no time passes here, so that a lost wake-up is a thread that sleeps for
/// ever.
struct ModelBed {
    template <class Time>
    static void sleep(ModelAtomic<std::uint32_t>& word, std::uint32_t seen, Time) {
        Interleavings::step();
        Interleavings::saw(word.peek());
        if (word.peek() == seen) Interleavings::wait_on(&word);
    }
    static void wake(ModelAtomic<std::uint32_t>& word, int threads) {
        Interleavings::step();
        Interleavings::wake(&word, threads);
    }
};

}  // namespace maniple::testing
