#include "lanes/cpu/cpu_lane.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>
#include <variant>

#include "lanes/arguments.hpp"
#include "lanes/box_copy.hpp"
#include "lanes/cpu/around_cache.hpp"
#include "lanes/cpu/chain_tile.hpp"
#include "lanes/cpu/fold_pieces.hpp"
#include "lanes/domain.hpp"
#include "lanes/elements.hpp"
#include "lanes/generate.hpp"
#include "program/throughput.hpp"

namespace maniple {

namespace {

thread_local int this_worker = 0;

/// Of a core, that the calling thread has had.
std::int64_t thread_ns() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec;
}

struct FillWork {
    const Tensor* tensor = nullptr;
    Block to;
    Box target;
};

/// The same results of two lanes.
struct CompareWork {
    const Operation* operation = nullptr;
    const Tensor* tensor = nullptr;
    ConstBlock first;
    ConstBlock second;
    Box box;

    /// Errors: KernelError at the first element that differs by more than the kernel's tolerance. Subnormal numbers may
    /// have been flushed to zero.
    void run() const {
        const DType type = tensor->dtype;
        const double tolerance = operation->kernel->types[operation->types].tolerance;
        // Terms of a fold may cancel: then its results are as exact as the largest of them.
        double scale = 0;
        if (operation->kernel->is_fold()) {
            for_each_coordinate(box, [&](const Extents& at) {
                const double size = std::abs(value_of(type, first.at(at)));
                if (std::isfinite(size)) scale = std::max(scale, size);
            });
        }
        for_each_coordinate(box, [&](const Extents& at) {
            const std::byte* a = first.at(at);
            const std::byte* b = second.at(at);
            if (std::memcmp(a, b, first.element_bytes) == 0 || nearly_same(type, a, b, scale, tolerance)) return;
            if (is_subnormal(type, a) && is_subnormal(type, b)) return;
            throw KernelError(tensor->place,
                              fmt::format("{} gives {} on one lane and {} on another at {} of '{}', more than {} eps "
                                          "apart (--validate)",
                                          operation->kernel->name, element_text(type, a), element_text(type, b),
                                          to_string(at), tensor->name, tolerance));
        });
    }
};

/// Elements of an input before they are used.
struct CheckWork {
    const Graph* graph = nullptr;
    const Operation* operation = nullptr;
    std::size_t domain = 0;
    ConstBlock elements;
    Box box;

    void run() const { check_domain(*graph, *operation, operation->domains[domain], elements, box); }
};

/// The value of `until` after a step.
struct DecideWork {
    const std::byte* holds = nullptr;
    int step = 0;  ///< of the block

    void run(const Execution& execution) const {
        if (*holds == std::byte{0}) return;
        const std::int64_t wanted = execution.first_step + step + 1;
        std::int64_t known = execution.wanted_steps->load(std::memory_order_relaxed);
        while (wanted < known &&
               !execution.wanted_steps->compare_exchange_weak(known, wanted, std::memory_order_relaxed)) {}
    }
};

/// A part of a chunk: one instruction, or those of a chain over a tile.
struct Section {
    InstructionId last;
    int step = 0;                            ///< of the block
    std::unique_ptr<const ChainTile> chain;  ///< null: one instruction
};

/// The rare ones stand apart: there is one for each instruction of a program.
using Work = std::variant<KernelWork, BoxCopy, std::unique_ptr<const FillWork>, std::unique_ptr<const CompareWork>,
                          std::unique_ptr<const CheckWork>, DecideWork>;

}  // namespace

/// The chunks of one program with every address resolved.
class CpuProgram final : public InlineProgram {
public:
    enum class Which { all, claimable };

    CpuProgram(CpuLane& lane, const Program& program, Which which)
        : lane_(lane), program_(program), work_(program.instructions.size()), scratch_(lane.activity_.size()) {
        for (std::size_t i = 0; i < program.instructions.size(); ++i) {
            const Instruction& instruction = program.instructions[i];
            const LaneKind kind = lane.imitated_gpu_ < 0 ? LaneKind::cpu : LaneKind::gpu;
            const bool wanted = which == Which::all || instruction.claimable;
            if (wanted && instruction.lane == kind && instruction.gpu == lane.imitated_gpu_)
                work_[i] = resolve(program.instructions[i]);
        }
        for (const Chunk& chunk : program.chunks) {
            const bool wanted = which == Which::all || chunk.claimable;
            const bool mine = wanted && (chunk.lane == LaneKind::cpu || chunk.lane == LaneKind::gpu);
            sections_.push_back(mine ? sections_of(chunk) : std::vector<Section>{});
            chunk_work_.push_back(mine ? work_of(lane.graph_, program, chunk) : std::vector<ChunkWork>{});
            chunk_bytes_.push_back(mine ? byte_work_of(lane.graph_, program, chunk) : ChunkBytes{});
        }
        for (HostBytes& bytes : scratch_) bytes = HostBytes(scratch_bytes_);
        for (std::size_t i = 0; i < scratch_.size(); ++i)
            pieces_.emplace_back(static_cast<std::size_t>(lane.arena_.layout().piece_bytes));
    }

    void run(ChunkId chunk, const Execution& execution) override {
        const std::int64_t begin = now_ns();
        const std::int64_t flown = lane_.flights_ != nullptr ? lane_.flights_->reading_ns(begin) : 0;
        const std::int64_t worked = lane_.is_slowed() ? thread_ns() : 0;
        bool complete = true;
        for (const Section& section : sections_[chunk.index()]) {
            if (decides_ && !is_wanted(section.step, execution)) {
                complete = false;
                continue;
            }
            try {
                if (section.chain) {
                    section.chain->run(pieces_[static_cast<std::size_t>(this_worker)].data());
                } else {
                    carry_out(work_[section.last.index()], execution);
                }
            } catch (const Error&) {
                throw;  // says itself what and where
            } catch (const std::exception& error) { throw named(section.last, error.what()); }
        }
        if (lane_.is_slowed()) linger(thread_ns() - worked, slowness_of(chunk, execution));
        Activity& activity = lane_.activity_[static_cast<std::size_t>(this_worker)];
        const std::int64_t end = now_ns();
        const std::int64_t duration = end - begin;
        activity.busy_ns += duration;
        if (lane_.flights_ != nullptr)
            activity.hiding_ns += FlightClock::between(flown, lane_.flights_->reading_ns(end));
        ++activity.chunks;
        if (!complete) return;  // no measure of what it would have taken
        add_work_time(chunk_work_[chunk.index()], duration, lane_.times_[static_cast<std::size_t>(this_worker)]);
        const ChunkBytes& made = chunk_bytes_[chunk.index()];
        if (made.bytes > 0) lane_.fills_[static_cast<std::size_t>(this_worker)].add(made.work, made.bytes, duration);
    }

private:
    static bool is_wanted(int step, const Execution& execution) {
        return execution.first_step + step < execution.wanted_steps->load(std::memory_order_relaxed);
    }

    double slowness_of(ChunkId chunk, const Execution& execution) const {
        const CpuLane::SlowKernel& slow = lane_.slow_kernel_;
        for (const InstructionId id : program_.chunks[chunk.index()].instructions) {
            const Instruction& instruction = program_.instructions[id.index()];
            if (!runs_kernel(instruction.kind) || execution.first_step + instruction.step < slow.first) continue;
            if (operation_of(instruction).kernel->name == slow.name) return lane_.slowness_ * slow.times;
        }
        return lane_.slowness_;
    }

    /// Until what has taken the thread `worked_ns` of a core's time has taken `slowness` times as long: a thread that
    /// others have kept waiting does not wait for many times that. Short waits are no sleeps, which take longer.
    void linger(std::int64_t worked_ns, double slowness) const {
        constexpr std::int64_t worth_sleeping_ns = 200'000;
        const std::int64_t computed = now_ns();
        const auto more_ns = static_cast<std::int64_t>(static_cast<double>(worked_ns) * (slowness - 1));
        if (more_ns > worth_sleeping_ns)
            std::this_thread::sleep_for(std::chrono::nanoseconds(more_ns - worth_sleeping_ns / 2));
        while (now_ns() < computed + more_ns) {}
    }

    std::vector<Section> sections_of(const Chunk& chunk) {
        std::vector<Section> sections;
        for (std::size_t i = 0; i < chunk.instructions.size();) {
            std::size_t end = i + 1;
            while (end < chunk.instructions.size() && program_.instructions[chunk.instructions[end].index()].chained)
                ++end;
            const std::span<const InstructionId> part = std::span(chunk.instructions).subspan(i, end - i);
            sections.push_back({part.back(), program_.instructions[part.back().index()].step,
                                part.size() > 1 ? std::make_unique<const ChainTile>(chain_of(part)) : nullptr});
            i = end;
        }
        return sections;
    }

    /// What a kernel's code threw, as an error that says where.
    KernelError named(InstructionId id, const std::string& what) const {
        const Instruction& instruction = program_.instructions[id.index()];
        const std::string box = " over box " + to_string(instruction.box) + " on the cpu lane: " + what;
        if (!instruction.operation.valid()) return KernelError(std::string(name_of(instruction.kind)) + box);
        const Operation& operation = operation_of(instruction);
        return KernelError(operation.place, operation.kernel->name + " for '" + operation.name + "'" + box);
    }

    ChainTile chain_of(std::span<const InstructionId> instructions) {
        const Box& tile = program_.instructions[instructions.front().index()].box;
        std::vector<KernelWork*> operations;
        std::vector<ChainStream> streams;
        for (const InstructionId id : instructions) {
            operations.push_back(&std::get<KernelWork>(work_[id.index()]));
            for (const Argument& argument : program_.instructions[id.index()].arguments) {
                if (is_piece(argument)) continue;
                const auto stream = stream_of(lane_.arena_.block(argument.buffer), tile);
                if (stream) streams.push_back(*stream);
            }
        }
        const std::optional<ChainStore> store = store_of(instructions.back());
        if (store) std::erase_if(streams, [&](const ChainStream& stream) { return stream.first == store->to.first; });
        return {tile, std::move(operations), std::move(streams), store, lane_.arena_.layout().piece_bytes / 2};
    }

    /// Makes the last operation of a chain write to a piece if its result is worth storing past the cache.
    std::optional<ChainStore> store_of(InstructionId id) {
        const Instruction& last = program_.instructions[id.index()];
        const Operation& operation = operation_of(last);
        const Block block = lane_.arena_.block(last.arguments[0].buffer);
        const auto stream = stream_of(block, last.box);
        const auto bytes = static_cast<std::size_t>(block.box.volume()) * block.element_bytes;
        if (!stream || operation.outputs.size() != 1 || bytes <= last_cache_bytes()) return std::nullopt;
        KernelCall& call = std::get<KernelWork>(work_[id.index()]).calls.front();
        // It reads one half, if any: a chain's first operation is never its last.
        const std::int64_t half = 1 - call.pieces.front().half;
        call.tensors[0] = output_view(operation, 0, Block{nullptr, block.element_bytes, last.box});
        call.pieces.push_back({0, half, call.tensors[0].offset});
        return ChainStore{*stream, half};
    }

    /// Of a tensor with the tile's axes, if the tile's rows lie one behind the other: others are small, or rare.
    static std::optional<ChainStream> stream_of(const Block& block, const Box& tile) {
        if (tile.rank() == 0 || block.box.rank() != tile.rank() || !block.box.contains(tile)) return std::nullopt;
        const int axis = piece_cut(tile).axis;
        std::int64_t row_bytes = static_cast<std::int64_t>(block.element_bytes);
        for (int behind = axis + 1; behind < tile.rank(); ++behind) {
            if (block.box.extent(behind) != tile.extent(behind)) return std::nullopt;
            row_bytes *= tile.extent(behind);
        }
        return ChainStream{block.at(tile.lo), row_bytes};
    }

    Work resolve(const Instruction& instruction) {
        switch (instruction.kind) {
            case InstructionKind::copy:
            case InstructionKind::boundary: return resolve_move(instruction);
            case InstructionKind::pack:
            case InstructionKind::unpack:
            case InstructionKind::upload:
            case InstructionKind::download: return resolve_packing(instruction);
            case InstructionKind::fill: return resolve_fill(instruction);
            case InstructionKind::compare: return resolve_compare(instruction);
            case InstructionKind::check: return resolve_check(instruction);
            case InstructionKind::decide: return resolve_decide(instruction);
            case InstructionKind::compute: return resolve_compute(instruction);
            case InstructionKind::accumulate: return resolve_accumulate(instruction);
            case InstructionKind::merge: return resolve_merge(instruction);
            case InstructionKind::finish: return resolve_finish(instruction);
            default:
                broken_invariant(__FILE__, __LINE__, "no cpu instruction: " + std::string(name_of(instruction.kind)));
        }
    }

    Work resolve_move(const Instruction& instruction) {
        const Use to = instruction.writes[0];
        const Block target = lane_.arena_.block(to.buffer);
        if (instruction.reads.empty()) return BoxCopy(target, to.box);
        const Use from = instruction.reads[0];
        return BoxCopy(read_only(lane_.arena_.block(from.buffer)), from.box, target, to.box);
    }

    /// Between a box and the same elements one after the other in a staging buffer of bytes.
    Work resolve_packing(const Instruction& instruction) {
        const bool packs = instruction.kind == InstructionKind::pack || instruction.kind == InstructionKind::download;
        const Use& loose = packs ? instruction.reads[0] : instruction.writes[0];
        const Use& packed = packs ? instruction.writes[0] : instruction.reads[0];
        const Block block = lane_.arena_.block(loose.buffer);
        const Block bytes = lane_.arena_.block(packed.buffer);
        const Block dense{bytes.at(packed.box.lo), block.element_bytes, loose.box};
        return BoxCopy(read_only(packs ? block : dense), loose.box, packs ? dense : block, loose.box);
    }

    Work resolve_fill(const Instruction& instruction) {
        const Tensor& tensor = lane_.graph_[instruction.tensor];
        FillWork fill;
        fill.to = lane_.arena_.block(instruction.writes[0].buffer);
        fill.target = instruction.writes[0].box;
        fill.tensor = &tensor;
        return std::make_unique<const FillWork>(fill);
    }

    Work resolve_compare(const Instruction& instruction) {
        const Tensor& tensor = lane_.graph_[instruction.tensor];
        return std::make_unique<const CompareWork>(CompareWork{
            &lane_.graph_[tensor.producer], &tensor, read_only(lane_.arena_.block(instruction.reads[0].buffer)),
            read_only(lane_.arena_.block(instruction.reads[1].buffer)), instruction.box});
    }

    Work resolve_check(const Instruction& instruction) {
        return std::make_unique<const CheckWork>(
            CheckWork{&lane_.graph_, &operation_of(instruction), instruction.domain,
                      read_only(lane_.arena_.block(instruction.reads[0].buffer)), instruction.box});
    }

    Work resolve_decide(const Instruction& instruction) {
        decides_ = true;
        return DecideWork{lane_.arena_.block(instruction.reads[0].buffer).data, instruction.step};
    }

    const Operation& operation_of(const Instruction& instruction) const { return lane_.graph_[instruction.operation]; }

    const maniple_variant& variant_of(const Operation& operation) const {
        const maniple_variant* variant = operation.kernel->variant(operation.types, lane_.instruction_set_);
        MANIPLE_CHECK(variant != nullptr, operation.kernel->name + " is not built for " + lane_.instruction_set_);
        return *variant;
    }

    /// The hand-written functions of an operation that can run here; null: there are none.
    const maniple_fast_variant* fast_of(const Operation& operation) const {
        const maniple_fast_variant* fast = operation.kernel->fast_variant(operation.types);
        const bool usable = lane_.uses_fast_code_ && fast != nullptr && open_fast_code(*operation.kernel).empty();
        return usable ? fast : nullptr;
    }
    maniple_function compute_of(const Operation& operation) const {
        const maniple_fast_variant* const fast = fast_of(operation);
        return fast != nullptr && fast->compute != nullptr ? fast->compute : variant_of(operation).compute;
    }
    maniple_function accumulate_of(const Operation& operation) const {
        const maniple_fast_variant* const fast = fast_of(operation);
        return fast != nullptr && fast->accumulate != nullptr ? fast->accumulate : variant_of(operation).accumulate;
    }

    maniple_tensor state(const Operation& operation, const Argument& argument) {
        return state_view(operation, lane_.arena_.block(argument.buffer), argument.part);
    }

    void add_inputs(const Instruction& instruction, std::size_t first, KernelCall& call) {
        const Operation& operation = operation_of(instruction);
        for (std::size_t i = 0; i < operation.inputs.size(); ++i) {
            const Block block = block_of(instruction, instruction.arguments[first + i]);
            call.tensors.push_back(input_view(operation, static_cast<int>(i), block));
        }
    }

    void add_outputs(const Instruction& instruction, KernelCall& call) {
        const Operation& operation = operation_of(instruction);
        for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
            const Block block = block_of(instruction, instruction.arguments[i]);
            call.tensors.push_back(output_view(operation, static_cast<int>(i), block));
        }
    }

    Work resolve_compute(const Instruction& instruction) {
        const Operation& operation = operation_of(instruction);
        const maniple_function compute = compute_of(operation);
        if (compute == nullptr) return resolve_whole_fold(instruction);
        KernelWork work{&operation, {}};
        KernelCall& call = work.calls.emplace_back();
        call.function = compute;
        call.call = call_over(operation, instruction.box);
        call.tensors.reserve(operation.outputs.size() + operation.inputs.size());
        add_outputs(instruction, call);
        add_inputs(instruction, operation.outputs.size(), call);
        mark_pieces(instruction, call);
        return work;
    }

    Block block_of(const Instruction& instruction, const Argument& argument) {
        Block block = lane_.arena_.block(argument.buffer);
        if (is_piece(argument)) block.box = instruction.box;
        return block;
    }

    bool is_piece(const Argument& argument) const {
        return lane_.arena_.layout()[argument.buffer].memory.kind == Memory::Kind::piece;
    }

    /// What a chain's operation reads lies in one half, what it writes in the other.
    void mark_pieces(const Instruction& instruction, KernelCall& call) {
        if (!instruction.chained) half_ = 0;
        for (std::size_t i = 0; i < instruction.arguments.size(); ++i) {
            if (!is_piece(instruction.arguments[i])) continue;
            const bool written = i == 0;
            call.pieces.push_back({i, written ? half_ : 1 - half_, call.tensors[i].offset});
        }
        half_ = 1 - half_;
    }

    /// A fold whose states nobody else sees: they live in the worker's scratch, a piece at a time.
    Work resolve_whole_fold(const Instruction& instruction) {
        constexpr std::int64_t most_scratch = 256 * 1024;  // half of a typical second-level cache of one core
        const Operation& operation = operation_of(instruction);
        const maniple_variant& functions = variant_of(operation);
        KernelWork work{&operation, {}};
        for (const FoldPiece& piece :
             fold_pieces(operation, instruction.box, std::max(most_scratch / functions.state_bytes, std::int64_t{1}))) {
            const auto state_bytes = static_cast<std::size_t>(functions.state_bytes);
            const maniple_tensor states = state_view(operation, Block{nullptr, state_bytes, piece.states}, 0);
            const auto bytes = static_cast<std::size_t>(piece.states.volume()) * state_bytes;
            scratch_bytes_ = std::max(scratch_bytes_, bytes);
            const Box results = state_points(operation, piece.points);
            KernelCall init{functions.init, call_over(operation, results), {states}, 0};
            KernelCall accumulate{accumulate_of(operation), call_over(operation, piece.points), {states}, 0};
            add_inputs(instruction, operation.outputs.size(), accumulate);
            KernelCall finish{functions.finish, call_over(operation, results), {}};
            add_outputs(instruction, finish);
            finish.scratch = static_cast<int>(finish.tensors.size());
            finish.tensors.push_back(states);
            work.calls.insert(work.calls.end(), {init, accumulate, finish});
        }
        return work;
    }

    /// The points of the states that a box of points accumulates into: contracted indices at [0, 1).
    static Box state_points(const Operation& operation, Box points) {
        for (int index = 0; index < points.rank(); ++index) {
            if (!operation.bound->indices[static_cast<std::size_t>(index)].contracted) continue;
            points.lo[index] = 0;
            points.hi[index] = 1;
        }
        return points;
    }

    KernelCall init_call(const Instruction& instruction, const maniple_tensor& target) {
        const Operation& operation = operation_of(instruction);
        return {variant_of(operation).init, call_over(operation, state_points(operation, instruction.box)), {target}};
    }

    Work resolve_accumulate(const Instruction& instruction) {
        const Operation& operation = operation_of(instruction);
        const maniple_tensor target = state(operation, instruction.arguments[0]);
        KernelCall call{accumulate_of(operation), call_over(operation, instruction.box), {target}};
        add_inputs(instruction, 1, call);
        return KernelWork{&operation, {init_call(instruction, target), call}};
    }

    Work resolve_merge(const Instruction& instruction) {
        const Operation& operation = operation_of(instruction);
        const maniple_tensor target = state(operation, instruction.arguments[0]);
        KernelWork work{&operation, {init_call(instruction, target)}};
        for (std::size_t i = 1; i < instruction.arguments.size(); ++i) {
            KernelCall call{variant_of(operation).merge, call_over(operation, instruction.box), {target}};
            call.tensors.push_back(state(operation, instruction.arguments[i]));
            work.calls.push_back(call);
        }
        return work;
    }

    Work resolve_finish(const Instruction& instruction) {
        const Operation& operation = operation_of(instruction);
        KernelCall call{variant_of(operation).finish, call_over(operation, instruction.box), {}};
        add_outputs(instruction, call);
        call.tensors.push_back(state(operation, instruction.arguments.back()));
        return KernelWork{&operation, {call}};
    }

    void carry_out(Work& work, const Execution& execution) {
        if (KernelWork* kernel = std::get_if<KernelWork>(&work)) {
            std::byte* const states = scratch_[static_cast<std::size_t>(this_worker)].data();
            for (KernelCall& call : kernel->calls) call.run(kernel->operation->parameters, states);
        } else if (const BoxCopy* move = std::get_if<BoxCopy>(&work)) {
            move->run();
        } else if (const auto* compare = std::get_if<std::unique_ptr<const CompareWork>>(&work)) {
            (*compare)->run();
        } else if (const auto* check = std::get_if<std::unique_ptr<const CheckWork>>(&work)) {
            (*check)->run();
        } else if (const auto* decide = std::get_if<DecideWork>(&work)) {
            decide->run(execution);
        } else {
            const FillWork& fill = *std::get<std::unique_ptr<const FillWork>>(work);
            generate(*fill.tensor, fill.target, fill.to);
        }
    }

    CpuLane& lane_;
    const Program& program_;
    std::vector<Work> work_;                          ///< by InstructionId
    std::vector<std::vector<ChunkWork>> chunk_work_;  ///< by ChunkId
    std::vector<ChunkBytes> chunk_bytes_;             ///< likewise
    std::vector<std::vector<Section>> sections_;      ///< by ChunkId
    bool decides_ = false;                            ///< steps may turn out not to be wanted
    std::int64_t half_ = 0;                           ///< of the pieces: where the next operation of a chain writes
    std::size_t scratch_bytes_ = 0;
    std::vector<HostBytes> pieces_;   ///< by worker: two pieces of a chain
    std::vector<HostBytes> scratch_;  ///< by worker: states of folds that one instruction computes
};

CpuLane::CpuLane(const Graph& graph, Arena& arena, std::string instruction_set, int threads, int imitated_gpu,
                 bool uses_fast_code)
    : graph_(graph), arena_(arena), instruction_set_(std::move(instruction_set)), imitated_gpu_(imitated_gpu),
      uses_fast_code_(uses_fast_code), activity_(static_cast<std::size_t>(threads)),
      times_(static_cast<std::size_t>(threads), WorkTimes(graph.operations.size())),
      fills_(static_cast<std::size_t>(threads)) {
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        if (!is_followed(graph.operations[i])) continue;
        for (WorkTimes& times : times_) times[i].parts.resize(WorkTime::most_parts);
    }
}

CpuLane::~CpuLane() = default;

std::unique_ptr<LaneProgram> CpuLane::prepare(const Program& program) { return prepare_inline(program); }

std::unique_ptr<InlineProgram> CpuLane::prepare_inline(const Program& program) {
    return std::make_unique<CpuProgram>(*this, program, CpuProgram::Which::all);
}

std::unique_ptr<InlineProgram> CpuLane::prepare_claimable(const Program& program) {
    return std::make_unique<CpuProgram>(*this, program, CpuProgram::Which::claimable);
}

Activity CpuLane::activity() const { return total(activity_); }

void CpuLane::add_work_times(WorkTimes& sum) const {
    for (const WorkTimes& times : times_) add(times, sum);
}

ByteTimes CpuLane::byte_times() const {
    ByteTimes sum;
    for (const ByteTimes& fills : fills_) sum.add(fills);
    return sum;
}

double CpuLane::busy_seconds() const {
    return static_cast<double>(activity().busy_ns) / 1e9 / static_cast<double>(activity_.size());
}

void CpuLane::set_worker(int worker) { this_worker = worker; }

}  // namespace maniple
