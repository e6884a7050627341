#include "program/predict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.hpp"
#include "program/blocks.hpp"
#include "program/point_costs.hpp"
#include "program/touched.hpp"

namespace maniple {

namespace {

/// A run of more blocks is taken to go on as it began.
constexpr std::int64_t most_blocks = 100'000;

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
        : graph_(graph), plan_(plan), request_(request) {
        std::map<std::string, int> nodes;
        machine_.rates = with_links(request.machine.rates, request.history);
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
        lay_out();
        for (const CountedBlock& block : blocks_of(graph_, layout_of(0).versions)) add(block);
        double servers = 0;
        for (const RankFacts& facts : request_.machine.ranks) servers += std::max(1, facts.threads);
        const double gpus = computing_gpus();
        const double busy = gpus > 0 ? gpu_busy_seconds_ / gpus : prediction_.cpu_busy_seconds / servers;
        if (prediction_.seconds > 0) prediction_.idle_share = std::max(0.0, 1 - busy / prediction_.seconds);
        return prediction_;
    }

private:
    const RankFacts& facts_of(std::size_t rank) const { return request_.machine.ranks[rank]; }

    std::size_t ranks() const { return static_cast<std::size_t>(plan_.ranks); }
    const Layout& layout_of(std::size_t rank) const {
        return request_.layout != nullptr ? *request_.layout : layouts_[rank];
    }

    void lay_out() {
        if (request_.layout == nullptr) {
            for (const LaneChoice& lanes : lanes_of_ranks(graph_, plan_, request_))
                layouts_.push_back(build_layout(graph_, plan_, Rank(layouts_.size()), lanes));
        }
        for (std::size_t rank = 0; rank < ranks(); ++rank) {
            const std::int64_t bytes = layout_of(rank).host_bytes();
            if (prediction_.fullest.valid() && bytes <= prediction_.peak_bytes) continue;
            prediction_.fullest = Rank(rank);
            prediction_.peak_bytes = bytes;
        }
    }

    SimulatedProgram simulated_program(std::size_t rank, const BlockShape& shape, const CostModel& costs,
                                       const std::vector<std::int64_t>& points) const {
        if (request_.program != nullptr && request_.program->shape == shape)
            return simulated(*request_.program, costs, points);
        return simulated(build_program(graph_, plan_, layout_of(rank), shape), costs, points);
    }

    void add(const CountedBlock& block) {
        std::vector<SimulatedProgram> programs;
        programs.reserve(ranks());
        for (std::size_t rank = 0; rank < ranks(); ++rank) {
            const CostModel costs(graph_, machine_.rates, request_.history, facts_of(rank),
                                  ranks_on_[static_cast<std::size_t>(machine_.node[rank])], plan_.ranks);
            std::vector<std::int64_t> points;
            for (std::size_t i = 0; i < graph_.operations.size(); ++i)
                points.push_back(points_of(graph_, plan_, OperationId(i), Rank(rank)).volume());
            programs.push_back(simulated_program(rank, block.shape, costs, points));
        }
        for (const SimulatedProgram& program : programs)
            prediction_.simulated_chunks += static_cast<std::int64_t>(program.chunks.size());
        const BlockTimes times = simulate_block(programs, machine_);
        prediction_.seconds += block.count * times.ns / 1e9;
        for (const double ns : times.cpu_busy_ns) prediction_.cpu_busy_seconds += block.count * ns / 1e9;
        for (const double ns : times.gpu_busy_ns) gpu_busy_seconds_ += block.count * ns / 1e9;
        prediction_.messages += static_cast<std::int64_t>(block.count * static_cast<double>(times.messages));
        prediction_.message_bytes += static_cast<std::int64_t>(block.count * static_cast<double>(times.message_bytes));
        prediction_.way.compute += block.count * times.way.compute / 1e9;
        prediction_.way.moves += block.count * times.way.moves / 1e9;
        prediction_.way.messages += block.count * times.way.messages / 1e9;
        prediction_.way.files += block.count * times.way.files / 1e9;
    }

    /// Gpu lanes that compute anything, if the gpus do most of the work.
    double computing_gpus() const {
        double gpus = 0;
        for (std::size_t rank = 0; rank < ranks(); ++rank) {
            const LaneChoice& lanes = layout_of(rank).lanes;
            gpus += lanes.lanes.empty() ? 0 : static_cast<double>(lanes.gpus.size());
        }
        return gpu_busy_seconds_ > prediction_.cpu_busy_seconds ? gpus : 0;
    }

    const Graph& graph_;
    const Plan& plan_;
    const PredictionRequest& request_;
    SimulatedMachine machine_;
    std::vector<int> ranks_on_;    ///< by node
    std::vector<Layout> layouts_;  ///< by rank; empty where one is given
    Prediction prediction_;
    double gpu_busy_seconds_ = 0;
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
