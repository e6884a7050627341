#include "run/other_rank.hpp"

#include <algorithm>

#include "run/schedule_file.hpp"

namespace maniple {

void KnownShapes::add(const BlockShape& shape) {
    const std::lock_guard lock(mutex_);
    shapes_.push_back(shape);
}

bool KnownShapes::find(int number, BlockShape& shape) const {
    const std::lock_guard lock(mutex_);
    if (static_cast<std::size_t>(number) >= shapes_.size()) return false;
    shape = shapes_[static_cast<std::size_t>(number)];
    return true;
}

struct OtherRank::BuiltProgram {
    int number;
    Program program;
    std::unique_ptr<InlineProgram> on_cpu;
};

struct OtherRank::Built {
    Built(const ClaimContext& context, Rank rank, std::byte* storage)
        : layout(build_layout(context.graph, context.plan, rank, context.lanes_of(rank))),
          arena(layout, storage != nullptr ? storage : copy.emplace(bytes_in_one_piece(layout)).data()),
          lane(context.graph, arena, context.instruction_set, context.threads) {
        lane.slow_down(context.slowness);
    }
    Layout layout;
    std::optional<SharedMemory> copy;  ///< of a far rank's memory; shared with nobody
    Arena arena;
    CpuLane lane;
    std::vector<std::unique_ptr<BuiltProgram>> programs;
};

OtherRank::OtherRank(Rank rank, std::optional<ClaimMemory> memory, const ClaimContext& context,
                     const KnownShapes& shapes)
    : rank_(rank), memory_(std::move(memory)), context_(context), shapes_(shapes), ready_(ClaimMemory::most_programs) {
    if (memory_) pool_.emplace(memory_->pool());
}

OtherRank::~OtherRank() = default;

InlineProgram* OtherRank::program(int number) {
    // Acquire: stored before the first of the program's chunks could be seen.
    return find(number, [&]() -> ProgramMarks {
        return {memory_->layout_fingerprint(), memory_->program_fingerprint(number).load(std::memory_order_acquire)};
    });
}

InlineProgram* OtherRank::program(int number, const ProgramMarks& marks) {
    return find(number, [&] { return marks; });
}

InlineProgram* OtherRank::find(int number, const std::function<ProgramMarks()>& marks) {
    const auto at = static_cast<std::size_t>(number);
    if (at >= ready_.size()) return nullptr;
    InlineProgram* const known = ready_[at].load(std::memory_order_acquire);  // partner: build()
    if (known != nullptr) return known;
    const std::lock_guard lock(mutex_);
    try {
        return build(number, marks());
    } catch (const std::exception&) {  // no memory for another rank's program: that rank has its own
        useless_ = true;
        return nullptr;
    }
}

InlineProgram* OtherRank::build(int number, const ProgramMarks& marks) {
    const auto at = static_cast<std::size_t>(number);
    if (InlineProgram* const known = ready_[at].load(std::memory_order_relaxed)) return known;  // stored under the lock
    BlockShape shape;
    if (useless_ || !shapes_.find(number, shape)) return nullptr;
    if (!built_) {
        built_ = std::make_unique<Built>(context_, rank_, memory_ ? memory_->storage() : nullptr);
        useless_ = fingerprint(built_->layout) != marks.layout;
        if (useless_) return nullptr;
    }
    auto made = std::make_unique<BuiltProgram>();
    made->number = number;
    made->program = build_program(context_.graph, context_.plan, built_->layout, shape);
    useless_ = fingerprint(made->program) != marks.program;
    if (useless_) return nullptr;
    made->on_cpu = built_->lane.prepare_claimable(made->program);
    InlineProgram* const program = made->on_cpu.get();
    built_->programs.push_back(std::move(made));
    ready_[at].store(program, std::memory_order_release);  // partner: find()
    return program;
}

const Program& OtherRank::instructions_of(int number) {
    const std::lock_guard lock(mutex_);
    const auto& programs = built_->programs;
    return (*std::find_if(programs.begin(), programs.end(), [&](const auto& one) { return one->number == number; }))
        ->program;
}

Arena& OtherRank::arena() {
    const std::lock_guard lock(mutex_);
    return built_->arena;
}

Activity OtherRank::activity() const { return built_ ? built_->lane.activity() : Activity{}; }

void OtherRank::add_work_times(WorkTimes& sum) const {
    if (built_) built_->lane.add_work_times(sum);
}

}  // namespace maniple
