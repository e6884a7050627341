#include "program/predict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <optional>
#include <system_error>
#include <thread>

#include "base/text.hpp"
#include "program/blocks.hpp"
#include "program/point_costs.hpp"
#include "program/touched.hpp"

namespace maniple {

namespace {

/// A run of more blocks is taken to go on as it began.
constexpr std::int64_t most_blocks = 100'000;

/// Operations of all ranks together from which on several cores are faster than one.
constexpr std::size_t least_shared = 4'000;
/// Each holds the storage and the program of a rank.
constexpr std::size_t most_at_once = 8;

struct CountedBlock {
    BlockShape shape;
    double count = 0;
};

void add_block(std::vector<CountedBlock>& blocks, const BlockShape& shape) {
    const auto known =
        std::find_if(blocks.begin(), blocks.end(), [&](const CountedBlock& block) { return block.shape == shape; });
    if (known == blocks.end()) {
        blocks.push_back({shape, 1});
    } else {
        known->count += 1;
    }
}

/// Of the last block of a run: it writes the final outputs.
BlockShape last_shape(const Graph& graph, BlockShape shape) {
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        if (graph.outputs[i].every == 0 && !graph.until.valid()) shape.observed.push_back(i);
    }
    std::sort(shape.observed.begin(), shape.observed.end());
    return shape;
}

/// The blocks of a run whose `until` does not end it, each different one with how often it comes.
std::vector<CountedBlock> blocks_of(const Graph& graph, const Versions& versions) {
    std::vector<CountedBlock> blocks;
    StepBlock block;
    set_first_block(graph, versions, block);
    for (std::int64_t number = 1;; ++number) {
        add_block(blocks, block.shape);
        if (block.shape.holds) {
            StepBlock writing;
            set_writing_block(versions, block, writing);
            add_block(blocks, writing.shape);
        }
        if (block.end() == graph.steps || number == most_blocks) break;
        set_next_block(graph, versions, 0, block);
    }
    if (block.end() < graph.steps) {
        for (CountedBlock& counted : blocks) {
            if (!counted.shape.loads)
                counted.count *= static_cast<double>(graph.steps) / static_cast<double>(block.end());
        }
        add_block(blocks, last_shape(graph, block.shape));
    }
    if (graph.until.valid()) add_block(blocks, closing_block(graph, versions, block, false).shape);
    return blocks;
}

class Predictor {
public:
    Predictor(const Graph& graph, const Plan& plan, const PredictionRequest& request)
        : graph_(graph), plan_(plan), request_(request), profiles_(point_profiles(graph, request.history)) {
        std::map<std::string, int> nodes;
        machine_.rates = with_links(request.machine.rates, request.history);
        machine_.claiming_ranks = plan.claiming_ranks;
        for (const RankFacts& facts : request.machine.ranks) {
            machine_.threads.push_back(std::max(1, facts.threads));
            const int next = static_cast<int>(nodes.size());
            machine_.node.push_back(nodes.emplace(facts.host, next).first->second);
            ranks_on_.resize(nodes.size(), 0);
            ++ranks_on_[static_cast<std::size_t>(machine_.node.back())];
            machine_.gpus = std::max(machine_.gpus, static_cast<int>(facts.gpus.size()));
        }
    }

    Prediction find() {
        if (request_.layout == nullptr) lanes_ = lanes_of_ranks(graph_, plan_, request_);
        std::optional<Layout> first;
        if (request_.layout == nullptr) first.emplace(build_layout(graph_, plan_, Rank(0), lanes_[0]));
        const Layout& layout = first ? *first : *request_.layout;
        const std::vector<CountedBlock> blocks = blocks_of(graph_, layout.versions);
        programs_.resize(blocks.size(), std::vector<SimulatedProgram>(ranks()));
        host_bytes_.resize(ranks());
        simulate_rank(layout, blocks);
        for_all(ranks() - 1, [&](std::size_t other) {
            const Rank rank(other + 1);
            if (has_part(graph_, plan_, rank))
                simulate_rank(build_layout(graph_, plan_, rank, lanes_[rank.index()]), blocks);
        });
        const auto fullest = std::max_element(host_bytes_.begin(), host_bytes_.end());
        prediction_.peak_bytes = *fullest;
        prediction_.fullest = Rank(static_cast<std::size_t>(fullest - host_bytes_.begin()));
        for (std::size_t i = 0; i < blocks.size(); ++i) add(blocks[i].count, programs_[i]);
        double servers = 0;
        for (const RankFacts& facts : request_.machine.ranks) servers += std::max(1, facts.threads);
        const double gpus = computing_gpus();
        const double busy = gpus > 0 ? gpu_busy_seconds_ / gpus : prediction_.cpu_busy_seconds / servers;
        prediction_.busiest_seconds = gpus > 0 ? gpu_busiest_seconds_ : cpu_busiest_seconds_;
        if (prediction_.seconds > 0) prediction_.idle_share = std::max(0.0, 1 - busy / prediction_.seconds);
        return prediction_;
    }

private:
    const RankFacts& facts_of(std::size_t rank) const { return request_.machine.ranks[rank]; }

    std::size_t ranks() const { return static_cast<std::size_t>(plan_.ranks); }

    /// What of a layout and its programs is needed later: all of all ranks together would take gigabytes.
    void simulate_rank(const Layout& layout, const std::vector<CountedBlock>& blocks) {
        const std::size_t rank = layout.rank.index();
        host_bytes_[rank] = layout.host_bytes();
        const CostModel costs(graph_, machine_.rates, request_.history, profiles_, facts_of(rank),
                              ranks_on_[static_cast<std::size_t>(machine_.node[rank])], plan_.ranks);
        std::vector<std::int64_t> points;
        for (std::size_t i = 0; i < graph_.operations.size(); ++i)
            points.push_back(points_of(graph_, plan_, OperationId(i), layout.rank).volume());
        for (std::size_t i = 0; i < blocks.size(); ++i)
            programs_[i][rank] = simulated_program(layout, blocks[i].shape, costs, points);
    }

    SimulatedProgram simulated_program(const Layout& layout, const BlockShape& shape, const CostModel& costs,
                                       const std::vector<std::int64_t>& points) const {
        if (request_.program != nullptr && request_.program->shape == shape)
            return simulated(*request_.program, costs, points);
        return simulated(build_program(graph_, plan_, layout, shape), costs, points);
    }

    /// `work(0)` to `work(count - 1)`, on the cores that this process has, where that is worth the threads: of a plan of
    /// hundreds of ranks somebody waits for seconds. What comes out does not depend on them.
    template <class Work>
    void for_all(std::size_t count, const Work& work) const {
        const std::size_t cores = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, most_at_once);
        const bool is_small = graph_.operations.size() * count < least_shared;
        const std::size_t helpers = is_small ? 0 : std::min(cores, std::max<std::size_t>(1, count)) - 1;
        std::atomic<std::size_t> next{0};
        const auto take = [&] {
            for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
        };
        std::vector<std::future<void>> others;
        try {
            for (std::size_t i = 0; i < helpers; ++i) others.push_back(std::async(std::launch::async, take));
        } catch (const std::system_error&) {}  // the process may have no more threads
        take();
        for (std::future<void>& other : others) other.get();
    }

    void add(double count, const std::vector<SimulatedProgram>& programs) {
        for (const SimulatedProgram& program : programs)
            prediction_.simulated_chunks += static_cast<std::int64_t>(program.chunks.size());
        const BlockTimes times = simulate_block(programs, machine_);
        prediction_.seconds += count * times.ns / 1e9;
        for (const double ns : times.cpu_busy_ns) prediction_.cpu_busy_seconds += count * ns / 1e9;
        for (const double ns : times.gpu_busy_ns) gpu_busy_seconds_ += count * ns / 1e9;
        cpu_busiest_seconds_ +=
            count * busiest(times.cpu_busy_ns, [](const RankFacts& facts) { return facts.threads; }) / 1e9;
        gpu_busiest_seconds_ +=
            count * busiest(times.gpu_busy_ns, [](const RankFacts& facts) { return std::ssize(facts.gpus); }) / 1e9;
        prediction_.messages += static_cast<std::int64_t>(count * static_cast<double>(times.messages));
        prediction_.message_bytes += static_cast<std::int64_t>(count * static_cast<double>(times.message_bytes));
        prediction_.way.compute += count * times.way.compute / 1e9;
        prediction_.way.moves += count * times.way.moves / 1e9;
        prediction_.way.messages += count * times.way.messages / 1e9;
        prediction_.way.files += count * times.way.files / 1e9;
    }

    /// The most time of a rank's lanes of a kind, spread evenly over them.
    template <class Lanes>
    double busiest(const std::vector<double>& busy_ns, const Lanes& lanes) const {
        double most = 0;
        for (std::size_t rank = 0; rank < busy_ns.size(); ++rank) {
            const auto count = static_cast<double>(lanes(facts_of(rank)));
            most = std::max(most, busy_ns[rank] / std::max(1.0, count));
        }
        return most;
    }

    /// Gpu lanes that compute anything, if the gpus do most of the work.
    double computing_gpus() const {
        if (gpu_busy_seconds_ <= prediction_.cpu_busy_seconds) return 0;
        const auto gpus_of = [](const LaneChoice& lanes) {
            return lanes.lanes.empty() ? 0.0 : static_cast<double>(lanes.gpus.size());
        };
        double gpus = request_.layout != nullptr ? gpus_of(request_.layout->lanes) : 0;
        for (const LaneChoice& lanes : lanes_) gpus += gpus_of(lanes);
        return gpus;
    }

    const Graph& graph_;
    const Plan& plan_;
    const PredictionRequest& request_;
    const PointProfiles profiles_;
    SimulatedMachine machine_;
    std::vector<int> ranks_on_;                            ///< by node
    std::vector<LaneChoice> lanes_;                        ///< by rank; empty where a layout is given
    std::vector<std::vector<SimulatedProgram>> programs_;  ///< by block and rank
    std::vector<std::int64_t> host_bytes_;                 ///< by rank
    Prediction prediction_;
    double gpu_busy_seconds_ = 0;
    double cpu_busiest_seconds_ = 0, gpu_busiest_seconds_ = 0;  ///< Prediction::busiest_seconds
};

}  // namespace

std::string duration_text(double seconds) {
    if (seconds < 1e-3) return fmt::format("{:.3g} us", seconds * 1e6);
    if (seconds < 1) return fmt::format("{:.3g} ms", seconds * 1e3);
    if (seconds < 600) return fmt::format("{:.3g} s", seconds);
    if (seconds < 7200) return fmt::format("{:.3g} min", seconds / 60);
    return fmt::format("{:.3g} h", seconds / 3600);
}

std::string largest_text(const Layout& layout) {
    if (layout.buffers.empty()) return "none";
    const auto largest =
        std::max_element(layout.buffers.begin(), layout.buffers.end(),
                         [](const BufferSpec& a, const BufferSpec& b) { return a.bytes() < b.bytes(); });
    return fmt::format("'{}' {}, {}", largest->name, to_string(largest->box), format_bytes(largest->bytes()));
}

std::vector<LaneChoice> lanes_of_ranks(const Graph& graph, const Plan& plan, const PredictionRequest& request) {
    const bool cpus_alone = has_cpus_alone(request.machine);
    std::vector<LaneChoice> all;
    for (std::size_t rank = 0; rank < static_cast<std::size_t>(plan.ranks); ++rank) {
        const RankFacts& facts = request.machine.ranks[rank];
        if (request.cpus_alone) {
            all.emplace_back().threads = facts.threads;
        } else {
            all.push_back(informed_lanes(graph, plan, Rank(rank), facts, request.lanes, request.history));
        }
        all.back().cpus_alone = cpus_alone;
    }
    return all;
}

Layout fullest_layout(const Graph& graph, const Plan& plan, const PredictionRequest& request) {
    const std::vector<LaneChoice> lanes = lanes_of_ranks(graph, plan, request);
    std::optional<Layout> fullest;
    for (const Rank rank : fullest_ranks(graph, plan)) {
        Layout layout = build_layout(graph, plan, rank, lanes[rank.index()]);
        if (!fullest || layout.host_bytes() > fullest->host_bytes()) fullest.emplace(std::move(layout));
    }
    return std::move(*fullest);
}

PeakMemory peak_memory(const Graph& graph, const Plan& plan, const PredictionRequest& request) {
    const Layout fullest = fullest_layout(graph, plan, request);
    return {fullest.host_bytes(), fullest.rank, largest_text(fullest)};
}

Prediction predict(const Graph& graph, const Plan& plan, const PredictionRequest& request) {
    if (plan.sharing != LaneSharing::dynamic) return Predictor(graph, plan, request).find();
    // Who claims what is not to be known: as if lanes ended together.
    Plan weighted = plan;
    weighted.sharing = LaneSharing::weighted;
    return Predictor(graph, weighted, request).find();
}

}  // namespace maniple
