#include "run/offered_program.hpp"

namespace maniple {

void OfferedProgram::submit(ChunkId chunk, const Execution& execution, Completion& done) {
    // Relaxed, all three: shown with the chunk, by publish(). The first two are the same for all of an execution.
    first_step_.store(execution.first_step, std::memory_order_relaxed);
    done_.store(&done, std::memory_order_relaxed);
    state_[chunk.index()].store(open, std::memory_order_relaxed);
    desk_.publish(number_, chunk);
}

void OfferedProgram::compute(ChunkId chunk) {
    if (!move(chunk, open, taken)) return;  // another rank was faster, or it is given up
    std::exception_ptr error;
    try {
        if (!desk_.has_stopped()) cpu_.run(chunk, {first_step_.load(std::memory_order_relaxed)});
    } catch (...) { error = std::current_exception(); }
    move(chunk, taken, ended);
    finish(chunk, error);
}

void OfferedProgram::end(ChunkId chunk, const std::function<void()>& bring) {
    if (!move(chunk, open, taken)) return;
    if (bring) bring();
    move(chunk, taken, ended);
    finish(chunk, nullptr);
}

void OfferedProgram::end_all() {
    for (std::size_t i = 0; i < state_.size(); ++i) end(ChunkId(i));
}

bool OfferedProgram::move(ChunkId chunk, State from, State to) {
    std::uint8_t expected = from;
    return state_[chunk.index()].compare_exchange_strong(expected, to, std::memory_order_acq_rel);
}

void OfferedProgram::finish(ChunkId chunk, const std::exception_ptr& error) {
    desk_.has_ended();
    done_.load(std::memory_order_relaxed)->finished(chunk, error);
}

}  // namespace maniple
