#include "lanes/file/file_lane.hpp"

#include "program/throughput.hpp"

namespace maniple {

class FileProgram final : public LaneProgram {
public:
    FileProgram(FileLane& lane, const Program& program) : lane_(lane), program_(program) {}

    void submit(ChunkId chunk, const Execution& execution, Completion& done) override {
        const InstructionId id = program_.chunks[chunk.index()].instructions.front();
        lane_.enqueue({&program_.instructions[id.index()], chunk, execution, &done});
    }

private:
    FileLane& lane_;
    const Program& program_;
};

FileLane::FileLane(const Graph& graph, Arena& arena, InputFiles& inputs, OutputFiles* outputs,
                   std::string scratch_folder)
    : graph_(graph), arena_(arena), inputs_(inputs), outputs_(outputs), scratch_(std::move(scratch_folder)),
      thread_([this] { serve(); }) {}

FileLane::~FileLane() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

std::unique_ptr<LaneProgram> FileLane::prepare(const Program& program) {
    return std::make_unique<FileProgram>(*this, program);
}

Activity FileLane::activity() const {
    const std::lock_guard lock(mutex_);
    return activity_;
}

ByteTimes FileLane::byte_times() const {
    const std::lock_guard lock(mutex_);
    return times_;
}

void FileLane::enqueue(const Request& request) {
    {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
    }
    changed_.notify_one();
}

void FileLane::serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return closing_ || !requests_.empty(); });
        if (requests_.empty()) return;
        const Request request = requests_.front();
        requests_.pop_front();
        lock.unlock();
        busy_.store(true, std::memory_order_relaxed);
        const std::int64_t begin = now_ns();
        std::exception_ptr error;
        try {
            carry_out(*request.instruction, request.execution);
        } catch (...) { error = std::current_exception(); }
        const std::int64_t duration = now_ns() - begin;
        busy_.store(false, std::memory_order_relaxed);
        lock.lock();
        activity_.busy_ns += duration;
        ++activity_.chunks;
        const ChunkBytes moved = byte_work_of(graph_, *request.instruction);
        if (moved.bytes > 0) times_.add(moved.work, moved.bytes, duration);
        lock.unlock();
        request.done->finished(request.chunk, error);
        lock.lock();
    }
}

void FileLane::carry_out(const Instruction& instruction, const Execution& execution) {
    if (instruction.kind == InstructionKind::read) {
        const Use& use = instruction.writes[0];
        inputs_.read(instruction.file_number, instruction.box, arena_.block(use.buffer), use.box,
                     graph_[instruction.tensor].dtype);
        return;
    }
    if (instruction.kind == InstructionKind::store) {
        const Use& from = instruction.reads[0];
        scratch_.write(instruction.writes[0], arena_.layout()[instruction.writes[0].buffer],
                       read_only(arena_.block(from.buffer)), from.box);
        return;
    }
    if (instruction.kind == InstructionKind::restore) {
        const Use& to = instruction.writes[0];
        scratch_.read(instruction.reads[0], arena_.layout()[instruction.reads[0].buffer], arena_.block(to.buffer),
                      to.box);
        return;
    }
    const Use& use = instruction.reads[0];
    const std::int64_t step = execution.first_step + instruction.step;
    const std::int64_t row = instruction.every > 0 ? (step + 1) / instruction.every - 1 : 0;
    outputs_->write(instruction.file_number, row, instruction.box, read_only(arena_.block(use.buffer)), use.box);
}

}  // namespace maniple
