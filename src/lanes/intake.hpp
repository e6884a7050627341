// lanes/intake.hpp: how threads hand things to one that looks after them, without a lock.
#pragma once

#include <atomic>
#include <thread>

namespace maniple {

/// What has come in and nobody has taken yet, linked through its own `next`: so nothing is allocated. Borrows what lies in
/// it. Threads: any. Tests put in an `Atomic` that tries every interleaving.
template <class Node, template <class> class Atomic = std::atomic>
class Intake {
public:
    /// Requires: it lies in no intake.
    void push(Node& node) {
        Node* first = first_.load(std::memory_order_relaxed);
        do {
            node.next = first;
            // Sequentially consistent, as is_empty(): one half of "I bring, then look whether you work or sleep".
        } while (!first_.compare_exchange_weak(first, &node, std::memory_order_seq_cst, std::memory_order_relaxed));
    }

    /// All of it, the last one first; null: nothing.
    Node* take() { return first_.exchange(nullptr, std::memory_order_acquire); }  // partner: push()

    /// All of it in the order of their coming.
    Node* take_in_order() {
        Node* reversed = nullptr;
        for (Node* node = take(); node != nullptr;) {
            Node* const next = node->next;
            node->next = reversed;
            reversed = node;
            node = next;
        }
        return reversed;
    }

    bool is_empty() const { return first_.load(std::memory_order_seq_cst) == nullptr; }

private:
    Atomic<Node*> first_{nullptr};
};

/// Something that one thread does at a time, and that nobody waits to do: who comes second goes on with other things.
template <template <class> class Atomic>
class BasicTurn {
public:
    /// Whether the caller has it now. What whoever had it before has written is then visible.
    bool try_take() {
        // The first look keeps threads that come second from writing. Sequentially consistent, both: who brings something
        // and comes second is seen by who leaves the turn and looks at the Intake once more.
        return !taken_.load(std::memory_order_seq_cst) && !taken_.exchange(true, std::memory_order_seq_cst);
    }
    void leave() { taken_.store(false, std::memory_order_seq_cst); }

    /// For what happens before there is work, or after it has failed.
    void take() {
        while (!try_take()) std::this_thread::yield();
    }

private:
    Atomic<bool> taken_{false};
};

using Turn = BasicTurn<std::atomic>;

/// Calls `work`, which takes all that has come in, unless another thread is at it: that one then looks once more after its
/// turn, so that nothing is left lying. For who has just brought something. Of an Intake and a Turn.
template <class Brought, class OneAtATime, class Work>
void work_in_turn(const Brought& intake, OneAtATime& turn, Work&& work) {
    while (!intake.is_empty() && turn.try_take()) {
        work();
        turn.leave();
    }
}

}  // namespace maniple
