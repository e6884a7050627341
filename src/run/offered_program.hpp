// run/offered_program.hpp: chunks of one program of this rank that other ranks may compute.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <vector>

#include "lanes/lane.hpp"

namespace maniple {

/// Stands where a lane's program stands: what is submitted is published, and ended by whoever has computed it. A worker of
/// this rank, the answer of another rank and the end of all after a failure agree by the state of a chunk on who that is.
/// Threads: any.
class OfferedProgram final : public LaneProgram {
public:
    /// What it tells of its chunks.
    class Desk {
    public:
        virtual ~Desk() = default;
        virtual void publish(int program, ChunkId chunk) = 0;  ///< anybody may compute it now
        virtual void has_ended() = 0;                          ///< one that was published
        virtual bool has_stopped() const = 0;                  ///< nothing is to be run any more
        virtual void leaves(int program) = 0;                  ///< there will be no more of it
    };

    /// Borrows all.
    OfferedProgram(Desk& desk, int number, const Program& program, InlineProgram& cpu)
        : desk_(desk), number_(number), program_(program), cpu_(cpu), state_(program.chunks.size()) {}
    ~OfferedProgram() override { desk_.leaves(number_); }

    void submit(ChunkId chunk, const Execution& execution, Completion& done) override;

    /// Runs and ends it on the calling worker, if it is still open.
    void compute(ChunkId chunk);
    /// Another rank has computed it: `bring` puts its results where they belong, if it is still open.
    void end(ChunkId chunk, const std::function<void()>& bring = {});
    /// All that are open, without running them.
    void end_all();

    const Program& program() const { return program_; }

private:
    /// Of a chunk in an execution.
    enum State : std::uint8_t { ended, open, taken };
    bool move(ChunkId chunk, State from, State to);
    void finish(ChunkId chunk, const std::exception_ptr& error);

    Desk& desk_;
    int number_;
    const Program& program_;
    InlineProgram& cpu_;
    std::vector<std::atomic<std::uint8_t>> state_;  ///< by chunk
    std::atomic<std::int64_t> first_step_{0};
    std::atomic<Completion*> done_{nullptr};
};

}  // namespace maniple
