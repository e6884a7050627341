// lanes/file/file_lane.hpp: reads and writes of a program, in order, on a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "lanes/arena.hpp"
#include "lanes/file/files.hpp"
#include "lanes/file/scratch_file.hpp"
#include "lanes/lane.hpp"

namespace maniple {

/// While a run is under way its thread is the only one that calls HDF5 (the parallel library is not thread-safe).
class FileLane final : public Lane {
public:
    /// Borrows all. `outputs` may be null if the graph has none. What does not fit the memory is kept in `scratch_folder`.
    FileLane(const Graph& graph, Arena& arena, InputFiles& inputs, OutputFiles* outputs,
             std::string scratch_folder = ".");
    ~FileLane() override;

    std::unique_ptr<LaneProgram> prepare(const Program& program) override;
    Activity activity() const override;
    ByteTimes byte_times() const override;
    /// Kept in the scratch file so far. Not while an execution is under way.
    std::int64_t spilled_bytes() const { return scratch_.bytes_written(); }
    /// Whether a call into the file system is under way: it may take long without being stuck. Threads: any.
    bool is_busy() const { return busy_.load(std::memory_order_relaxed); }

private:
    friend class FileProgram;
    struct Request {
        const Instruction* instruction = nullptr;
        ChunkId chunk;
        Execution execution;
        Completion* done = nullptr;
    };
    void enqueue(const Request& request);
    void serve();
    void carry_out(const Instruction& instruction, const Execution& execution);

    const Graph& graph_;
    Arena& arena_;
    InputFiles& inputs_;
    OutputFiles* outputs_;
    ScratchFile scratch_;  ///< used by the thread alone
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Request> requests_;  ///< guarded by mutex_
    bool closing_ = false;          ///< guarded by mutex_
    Activity activity_;             ///< guarded by mutex_
    ByteTimes times_;               ///< guarded by mutex_
    std::atomic<bool> busy_{false};
    std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace maniple
