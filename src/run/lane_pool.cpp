#include "run/lane_pool.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace maniple {

/// Stands where a lane's program stands: what is submitted goes into the pool.
class PooledProgram final : public LaneProgram {
public:
    PooledProgram(LanePool& pool, const Program& program, InlineProgram& cpu) : pool_(pool), cpu_(cpu) {
        for (std::size_t gpu = 0; gpu < pool.gpus_.size(); ++gpu) {
            forms_.push_back(build_lane_forms(pool.layout_, program, static_cast<int>(gpu)));
            on_gpus_.push_back(pool.gpus_[gpu]->prepare(forms_.back().program));
        }
        std::map<std::pair<OperationId, int>, std::size_t> numbers;
        for (const Chunk& chunk : program.chunks) {
            Facts& facts = facts_.emplace_back();
            if (!chunk.claimable) continue;
            const Instruction& instruction = program.instructions[chunk.instructions.front().index()];
            const std::vector<int> lanes = pool.layout_.lanes.of(instruction.operation);
            facts.on_cpu = std::find(lanes.begin(), lanes.end(), LaneChoice::cpu_lane) != lanes.end();
            facts.points = static_cast<double>(instruction.box.volume());
            facts.number =
                numbers.emplace(std::pair(instruction.operation, instruction.step), numbers.size()).first->second;
        }
        counted_.assign(1 + forms_.size(), std::vector<std::int64_t>(numbers.size(), -1));
    }

    void submit(ChunkId chunk, const Execution& execution, Completion& done) override {
        pool_.put({this, chunk, execution, &done});
    }

    void run_on_cpu(ChunkId chunk, const Execution& execution) { cpu_.run(chunk, execution); }
    void run_on_gpu(std::size_t gpu, ChunkId chunk, const Execution& execution, Completion& done) {
        on_gpus_[gpu]->submit(form(gpu, chunk).chunk, execution, done);
    }

    const ClaimForm& form(std::size_t gpu, ChunkId chunk) const { return forms_[gpu].by_chunk[chunk.index()]; }
    bool runs_on_gpu(std::size_t gpu, ChunkId chunk) const { return form(gpu, chunk).chunk.valid(); }
    bool runs_on_cpu(ChunkId chunk) const { return facts_[chunk.index()].on_cpu; }
    double points(ChunkId chunk) const { return facts_[chunk.index()].points; }
    /// Whether this is the lane's first part of the chunk's operation and step in this execution. The pool's lock is held.
    bool is_first(std::size_t lane, ChunkId chunk, std::int64_t execution) {
        std::int64_t& counted = counted_[lane][facts_[chunk.index()].number];
        return std::exchange(counted, execution) != execution;
    }

private:
    struct Facts {
        bool on_cpu = false;
        double points = 0;
        std::size_t number = 0;  ///< of its operation and step
    };

    LanePool& pool_;
    InlineProgram& cpu_;
    std::vector<LaneForms> forms_;                       ///< by gpu lane
    std::vector<std::unique_ptr<LaneProgram>> on_gpus_;  ///< likewise; they borrow these forms
    std::vector<Facts> facts_;                           ///< by chunk
    std::vector<std::vector<std::int64_t>>
        counted_;  ///< by lane, the cpu first, then by Facts::number: in which execution
};

class LanePool::Claimant final : public Completion {
public:
    Claimant(LanePool& pool, std::size_t gpu) : pool_(pool), gpu_(gpu) {}

    std::size_t gpu() const { return gpu_; }

    /// What a gpu in the host's memory computes is there already; else it is brought, by the calling thread.
    void begin() {
        const PooledProgram& program = *item.program;
        for (const ClaimPassage& passage : program.form(gpu_, item.chunk).packed) {
            const Block host = pool_.arena_.block(passage.host);
            copy_box(read_only(host), passage.box, staged(passage), passage.box);
        }
        item.program->run_on_gpu(gpu_, item.chunk, item.execution, *this);
    }

    void finished(ChunkId, std::exception_ptr error) override {
        const Item ended = item;
        if (!error) {
            for (const ClaimPassage& passage : ended.program->form(gpu_, ended.chunk).unpacked) {
                const Block host = pool_.arena_.block(passage.host);
                copy_box(read_only(staged(passage)), passage.box, host, passage.box);
            }
        }
        // The next one first, so that the device is not idle; after a failure there is none.
        if (pool_.go_on(*this, error != nullptr)) begin();
        ended.done->finished(ended.chunk, std::move(error));
    }

    // Guarded by the pool's mutex, but for the thread that has made it busy.
    bool busy = false;
    Item item;

private:
    Block staged(const ClaimPassage& passage) const {
        const Block host = pool_.arena_.block(passage.host);
        return {pool_.arena_.block(passage.staging).data + passage.offset_bytes, host.element_bytes, passage.box};
    }

    LanePool& pool_;
    std::size_t gpu_;
};

LanePool::LanePool(const Layout& layout, Arena& arena, std::vector<Lane*> gpus, Scheduler& scheduler)
    : layout_(layout), arena_(arena), gpus_(std::move(gpus)), scheduler_(scheduler), claimed_(1 + gpus_.size()) {
    for (std::size_t gpu = 0; gpu < gpus_.size(); ++gpu) claimants_.push_back(std::make_unique<Claimant>(*this, gpu));
}

LanePool::~LanePool() = default;

std::vector<bool> LanePool::offered(const Program& program) {
    std::vector<bool> offered;
    for (const Chunk& chunk : program.chunks) offered.push_back(chunk.claimable);
    return offered;
}

std::unique_ptr<LaneProgram> LanePool::offer(const Program& program, InlineProgram& cpu) {
    return std::make_unique<PooledProgram>(*this, program, cpu);
}

/// An idle gpu lane has it at once.
void LanePool::put(const Item& item) {
    Claimant* free = nullptr;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& claimant : claimants_) {
            if (!stopped_ && !claimant->busy && item.program->runs_on_gpu(claimant->gpu(), item.chunk)) {
                free = claimant.get();
                break;
            }
        }
        if (free != nullptr) {
            assign(*free, item);
        } else {
            items_.push_back(item);
            if (stopped_ || item.program->runs_on_cpu(item.chunk)) for_workers_.fetch_add(1);
        }
    }
    if (free != nullptr) {
        free->begin();
    } else {
        scheduler_.wake_one();
    }
}

/// The lock is held.
void LanePool::assign(Claimant& claimant, const Item& item) {
    claimant.busy = true;
    claimant.item = item;
    count(1 + claimant.gpu(), item);
}

/// What a claimant that has ended something does next; false: nothing.
bool LanePool::go_on(Claimant& claimant, bool failed) {
    const std::lock_guard lock(mutex_);
    claimant.busy = false;
    if (failed) stop();
    if (stopped_) return false;
    const auto newest = std::find_if(items_.rbegin(), items_.rend(), [&](const Item& item) {
        return item.program->runs_on_gpu(claimant.gpu(), item.chunk);
    });
    if (newest == items_.rend()) return false;
    const Item item = *newest;
    items_.erase(std::next(newest).base());
    if (item.program->runs_on_cpu(item.chunk)) for_workers_.fetch_sub(1);
    assign(claimant, item);
    return true;
}

bool LanePool::work(Worker&) {
    if (for_workers_.load() == 0) return false;
    Item item;
    bool runs = false;
    {
        const std::lock_guard lock(mutex_);
        const auto oldest = std::find_if(items_.begin(), items_.end(), [&](const Item& other) {
            return stopped_ || other.program->runs_on_cpu(other.chunk);
        });
        if (oldest == items_.end()) return false;
        item = *oldest;
        items_.erase(oldest);
        for_workers_.fetch_sub(1);
        runs = !stopped_;
        if (runs) count(0, item);
    }
    if (has_work()) scheduler_.wake_one();  // there is more than this worker was woken for
    std::exception_ptr error;
    try {
        if (runs) item.program->run_on_cpu(item.chunk, item.execution);
    } catch (...) { error = std::current_exception(); }
    item.done->finished(item.chunk, error);
    return true;
}

bool LanePool::has_work() const { return for_workers_.load() > 0; }

void LanePool::give_up() {
    {
        const std::lock_guard lock(mutex_);
        stop();
    }
    scheduler_.wake_all();
}

/// From now on workers may take all that is there. The lock is held.
void LanePool::stop() {
    stopped_ = true;
    for_workers_.store(static_cast<int>(items_.size()));
}

/// The lock is held.
void LanePool::count(std::size_t lane, const Item& item) {
    claimed_[lane].points += item.program->points(item.chunk);
    claimed_[lane].operations += item.program->is_first(lane, item.chunk, execution_) ? 1 : 0;
}

}  // namespace maniple
