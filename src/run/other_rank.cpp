#include "run/other_rank.hpp"

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
        : layout(build_layout(context.graph, context.plan, rank, context.lanes_of(rank))), arena(layout, storage),
          lane(context.graph, arena, context.instruction_set, context.threads) {
        lane.slow_down(context.slowness);
    }
    Layout layout;
    Arena arena;
    CpuLane lane;
    std::vector<std::unique_ptr<BuiltProgram>> programs;
};

OtherRank::OtherRank(Rank rank, ClaimMemory memory, const ClaimContext& context, const KnownShapes& shapes)
    : rank_(rank), memory_(std::move(memory)), pool_(memory_.pool()), context_(context), shapes_(shapes),
      ready_(ClaimMemory::most_programs) {}

OtherRank::~OtherRank() = default;

InlineProgram* OtherRank::program(int number) {
    const auto at = static_cast<std::size_t>(number);
    if (at >= ready_.size()) return nullptr;
    InlineProgram* const known = ready_[at].load(std::memory_order_acquire);  // partner: build()
    if (known != nullptr) return known;
    const std::lock_guard lock(mutex_);
    try {
        return build(number);
    } catch (const std::exception&) {  // no memory for another rank's program: that rank has its own
        useless_ = true;
        return nullptr;
    }
}

InlineProgram* OtherRank::build(int number) {
    const auto at = static_cast<std::size_t>(number);
    if (InlineProgram* const known = ready_[at].load(std::memory_order_relaxed)) return known;  // stored under the lock
    BlockShape shape;
    if (useless_ || !shapes_.find(number, shape)) return nullptr;
    if (!built_) {
        built_ = std::make_unique<Built>(context_, rank_, memory_.storage());
        useless_ = fingerprint(built_->layout) != memory_.layout_fingerprint();
        if (useless_) return nullptr;
    }
    auto made = std::make_unique<BuiltProgram>();
    made->number = number;
    made->program = build_program(context_.graph, context_.plan, built_->layout, shape);
    // Acquire: stored before the first of the program's chunks could be seen.
    const std::uint64_t theirs = memory_.program_fingerprint(number).load(std::memory_order_acquire);
    useless_ = fingerprint(made->program) != theirs;
    if (useless_) return nullptr;
    made->on_cpu = built_->lane.prepare_claimable(made->program);
    InlineProgram* const program = made->on_cpu.get();
    built_->programs.push_back(std::move(made));
    ready_[at].store(program, std::memory_order_release);  // partner: program()
    return program;
}

Activity OtherRank::activity() const { return built_ ? built_->lane.activity() : Activity{}; }

void OtherRank::add_work_times(WorkTimes& sum) const {
    if (!built_) return;
    const WorkTimes times = built_->lane.work_times();
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i].add(times[i]);
}

}  // namespace maniple
