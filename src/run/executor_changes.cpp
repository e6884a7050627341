// What an executor changes between two blocks: the borders of its rank, the shares of its lanes, its tiles.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/error.hpp"
#include "base/patience.hpp"
#include "program/border_move.hpp"
#include "program/rank_proof.hpp"
#include "program/recut.hpp"
#include "run/executor.hpp"

namespace maniple {

// --- Borders that move -----------------------------------------------------------------------------------------------

/// Between two blocks; the next one is block_. Every rank comes here after the same blocks.
void Executor::consider_borders(RunTotals& totals) {
    std::optional<Plan> next = next_plan();
    if (!next) return;
    Layout layout = build_layout(graph_, *next, layout_->rank, layout_->lanes);
    const std::int64_t limit = borders_->memory_limit;
    const bool fits = limit == 0 || layout.host_bytes() + layout_->host_bytes() <= limit;
    const std::span<const double> all_fit = exchange(fits ? 1 : 0);
    if (std::find(all_fit.begin(), all_fit.end(), 0) != all_fit.end()) {
        borders_.reset();
    } else {
        change_plan(std::move(*next), std::move(layout), totals);
    }
}

std::optional<Plan> Executor::next_plan() {
    if (borders_->imposed) return borders_->imposed(*plan_, block_.first);
    if (!border_watch_.is_due()) return std::nullopt;
    std::optional<MovedBorders> moved =
        BorderWatch::decide(graph_, *plan_, exchange(border_watch_.take()), graph_.steps - block_.first);
    if (!moved) return std::nullopt;
    return std::move(moved->plan);
}

/// What a rank that fails meanwhile never sends is not waited for.
std::span<const double> Executor::exchange(double mine) {
    borders_->exchange->start(mine);
    Patience patience;
    while (!borders_->exchange->is_done()) {
        if (net_.failed_rank().valid())
            throw RemoteFailure("rank " + std::to_string(net_.failed_rank().value) + " has failed");
        if (!scheduler_.poll_now()) patience.pause();
    }
    return borders_->exchange->values();
}

void Executor::change_plan(Plan plan, Layout layout, RunTotals& totals) {
    auto fresh = std::make_unique<Moved>(Moved{std::move(plan), std::move(layout)});
    const Layout both = joint_layout(*layout_, fresh->layout);
    Program moving =
        build_border_move(BorderMove{graph_, *plan_, fresh->plan, *layout_, fresh->layout}, both, block_.shape);
    set_gathering_block(block_, behind_);
    std::vector<Ahead> ahead;
    ahead.push_back(built_anew(fresh->plan, fresh->layout, behind_.shape));
    ahead.push_back(built_anew(fresh->plan, fresh->layout, block_.shape));
    prove_move(both, moving, fresh->layout, ahead);
    retire_programs();
    ahead_ = std::move(ahead);
    arena_.extend(both);
    retired_.push_back(prepare(std::move(moving), both));
    run_prepared(*retired_.back(), behind_, totals);
    totals.moved_bytes += retired_.back()->program.message_bytes;
    plan_ = &fresh->plan;
    layout_ = &fresh->layout;
    moved_.push_back(std::move(fresh));
    arena_.keep_last(*layout_);
    run_prepared(prepare(behind_.shape), behind_, totals);
    ++totals.border_moves;
    border_watch_.has_moved();
}

Executor::Ahead Executor::built_anew(const Plan& plan, const Layout& layout, const BlockShape& shape) {
    const std::int64_t begin_ns = now_ns();
    Program program = build_program(graph_, plan, layout, shape);
    return {std::move(program), now_ns() - begin_ns};
}

/// Of what a rank can see by itself. The memory has been asked for.
std::string Executor::fault_of_new(const Layout& layout, Program& program) const {
    if (damage_) damage_(program);
    return fault_of_rank(graph_, layout, program);
}

/// The move itself, and the blocks that all ranks begin with after it, before any of them is executed.
void Executor::prove_move(const Layout& both, Program& moving, const Layout& after, std::vector<Ahead>& ahead) {
    std::string fault = fault_of_new(both, moving);
    std::int64_t messages = message_sum(graph_, both, moving, 0);
    for (std::size_t i = 0; i < ahead.size(); ++i) {
        Program& program = ahead[i].program;
        if (fault.empty()) fault = fault_of_new(after, program);
        messages = (messages + message_sum(graph_, after, program, i + 1)) % message_sums;
    }
    constexpr double has_fault = -1;
    double sum = 0;
    for (const double other : exchange(fault.empty() ? static_cast<double>(messages) : has_fault)) {
        if (other == has_fault && fault.empty())
            throw RemoteFailure("borders cannot move: another rank's program is wrong");
        sum += other;
    }
    if (fault.empty() && std::fmod(sum, static_cast<double>(message_sums)) != 0)
        fault = "ranks do not receive what others send";
    if (!fault.empty()) throw KernelError("after borders have moved a program is wrong: " + fault);
}

/// Workers may still look at a run that is over.
void Executor::retire_programs() {
    retired_.insert(retired_.end(), std::make_move_iterator(prepared_.begin()),
                    std::make_move_iterator(prepared_.end()));
    prepared_.clear();
    ahead_.clear();
}

// --- Shares of lanes that change -------------------------------------------------------------------------------------

/// Not where a schedule is kept or followed, nor where other ranks derive this one's programs themselves.
bool Executor::adapts() const {
    const std::vector<bool>& operations = layout_->recuttable;
    return !is_scheduled() && !claims() && std::find(operations.begin(), operations.end(), true) != operations.end();
}

/// Between two blocks; the next one is block_. Each rank decides alone: messages do not depend on its lanes.
void Executor::consider_shares(RunTotals& totals) {
    const std::optional<std::vector<std::vector<double>>> weights = next_weights();
    if (!weights) return;
    const std::int64_t begin_ns = now_ns();
    std::optional<Layout> next = recut(graph_, *plan_, *layout_, *weights);
    if (!next) {
        lane_watch_.has_looked_in_vain();
        // A change takes longer than to find out that there is none.
        recut_ns_ = std::max(recut_ns_, static_cast<double>(now_ns() - begin_ns));
        return;
    }
    change_tiles(std::move(*next), totals);
    ++totals.share_changes;
    lane_watch_.has_changed();
    recut_ns_ = static_cast<double>(now_ns() - begin_ns);
}

/// Nothing where other shares would gain less in the steps that are left than changing them took the last time.
std::optional<std::vector<std::vector<double>>> Executor::next_weights() {
    if (imposed_shares_) return imposed_shares_(block_.first);
    lane_watch_.add(read_work_times(1 + gpus_.size()));
    if (!lane_watch_.is_due()) return std::nullopt;
    std::optional<ShareChange> change = lane_watch_.decide(graph_, *layout_);
    if (!change || change->gain_ns * static_cast<double>(graph_.steps - block_.first) < recut_ns_) return std::nullopt;
    return std::move(change->weights);
}

/// So far, of the cpu and then of gpus.
const std::vector<WorkTimes>& Executor::read_work_times(std::size_t lanes) {
    work_times_.resize(lanes);
    for (WorkTimes& times : work_times_) {
        for (WorkTime& time : times) time.clear();
    }
    cpu_.add_work_times(work_times_[0]);
    for (std::size_t i = 1; i < lanes; ++i) gpus_[i - 1]->add_work_times(work_times_[i]);
    return work_times_;
}

void Executor::change_tiles(Layout layout, RunTotals& totals) {
    auto fresh = std::make_unique<Layout>(std::move(layout));
    retire_programs();
    Program move = build_lane_move(graph_, *plan_, *layout_, *fresh, block_.shape);
    if (!move.instructions.empty()) {
        const std::string fault = fault_of_new(*layout_, move);
        if (!fault.empty()) throw KernelError("what changes lanes is wrong: " + fault);
        StepBlock between;
        between.first = block_.first;
        between.shape = move.shape;
        retired_.push_back(prepare(std::move(move), *layout_));
        run_prepared(*retired_.back(), between, totals);
    }
    layout_ = fresh.get();
    recut_.push_back(std::move(fresh));
    prepare(block_.shape);
}

// --- Tiles that follow from what points cost -------------------------------------------------------------------------

/// Claims follow from programs that others derive themselves, or that are prepared twice.
bool Executor::may_cut_anew() const {
    return follows_costs_ && !is_scheduled() && stealing_ == nullptr && pool_ == nullptr;
}

/// Between two blocks; the next one is block_. Each rank decides alone: messages do not depend on its tiles.
void Executor::consider_cuts(RunTotals& totals) {
    const std::int64_t begin_ns = now_ns();
    if (!imposed_costs_ && !cost_watch_.is_due(begin_ns)) return;
    const std::optional<std::vector<double>> costs = next_costs();
    std::optional<CostRecut> next = costs ? recut_by_costs(graph_, *plan_, *layout_, *costs) : std::nullopt;
    if (next && next->gain_ns * static_cast<double>(graph_.steps - block_.first) > rebuild_ns()) {
        change_tiles(std::move(next->layout), totals);
        ++totals.recuts;
    }
    cost_watch_.has_looked(begin_ns, now_ns());
}

std::optional<std::vector<double>> Executor::next_costs() {
    if (imposed_costs_) return imposed_costs_(block_.first);
    return cost_watch_.drifted(graph_, *layout_, read_work_times(1)[0]);
}

/// Of the programs that there are, twice: other tiles may be more.
double Executor::rebuild_ns() const {
    double ns = 0;
    for (const auto& prepared : prepared_) ns += 2 * static_cast<double>(prepared->build_ns);
    return ns;
}

}  // namespace maniple
