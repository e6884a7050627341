#include "program/cost_model.hpp"

#include <algorithm>

#include "program/point_costs.hpp"

namespace maniple {

namespace {

/// Random numbers of a generated input, four nanoseconds each or so.
constexpr double filled_bytes = 1;

/// What a byte in a file takes is much more where few are moved at once: what was measured holds for sizes like it.
constexpr int most_away_of_files = 2;

/// A kernel's time on few points is mostly that of the call: of more than 64 times as many a roofline says more.
constexpr int most_away = 6;

}  // namespace

CostModel::CostModel(const Graph& graph, const Rates& rates, const ThroughputHistory& history,
                     const PointProfiles& profiles, const RankFacts& facts, int ranks_on_node, int ranks)
    : graph_(graph), rates_(rates), history_(history), profiles_(profiles), facts_(facts), ranks_(ranks),
      core_(rates.core), file_bytes_(rates.files.bytes / std::max(1, ranks)) {
    const int busy = std::max(1, facts.threads) * std::max(1, ranks_on_node);
    core_.bytes = std::min(core_.bytes, rates.node_bytes / busy);
}

double CostModel::roofline_ns(const Instruction& instruction, const LaneRates& rates) const {
    double flops = 0;
    if (instruction.operation.valid())
        flops = graph_[instruction.operation].kernel->flops_per_point * static_cast<double>(instruction.box.volume());
    return std::max(static_cast<double>(instruction.bytes) / rates.bytes, flops / rates.flops);
}

double CostModel::cpu_ns(const Instruction& instruction, std::int64_t points) const {
    if (instruction.kind == InstructionKind::fill) return fill_ns(instruction);
    if (!runs_kernel(instruction.kind)) return static_cast<double>(instruction.bytes) / core_.bytes;
    const auto profile = profiles_.find(instruction.operation);
    if (profile != profiles_.end()) return followed_ns(profile->second, instruction, points);
    const auto measured = measured_point_ns(instruction.operation, points);
    return measured ? *measured * static_cast<double>(instruction.box.volume()) : roofline_ns(instruction, core_);
}

/// Of a thread.
std::optional<double> CostModel::measured_point_ns(OperationId operation, std::int64_t points) const {
    const auto measured =
        history_.ns_per_point(throughput_key(graph_, operation, facts_, LaneChoice::cpu_lane, points), most_away);
    // A lane's figure is that of all its threads together.
    return measured ? std::optional(*measured * std::max(1, facts_.threads)) : std::nullopt;
}

double CostModel::followed_ns(const PointProfile& profile, const Instruction& instruction, std::int64_t points) const {
    const auto volume = static_cast<double>(instruction.box.volume());
    const double mean = profile.mean(instruction.box);
    if (profile.is_measured()) return mean * volume;
    const auto measured = measured_point_ns(instruction.operation, points);
    return mean *
           (measured ? *measured * volume : std::max(roofline_ns(instruction, core_), irregular_point_ns * volume));
}

double CostModel::gpu_ns(const Instruction& instruction, std::int64_t points) const {
    const bool moves = instruction.kind == InstructionKind::upload || instruction.kind == InstructionKind::download;
    const GpuFacts& gpu = facts_.gpus[static_cast<std::size_t>(instruction.gpu)];
    if (moves) return gpu.sharers * static_cast<double>(instruction.bytes) / 2 / rates_.gpu_copy_bytes;
    if (runs_kernel(instruction.kind)) {
        const auto measured = history_.ns_per_point(
            throughput_key(graph_, instruction.operation, facts_, instruction.gpu, points), most_away);
        if (measured) return *measured * static_cast<double>(instruction.box.volume());
    }
    return gpu.sharers * roofline_ns(instruction, gpu.software ? rates_.software_gpu : rates_.gpu);
}

double CostModel::fill_ns(const Instruction& instruction) const {
    const ChunkBytes made = byte_work_of(graph_, instruction);
    const auto measured = history_.ns_per_point(throughput_key(made, ranks_));
    return static_cast<double>(made.bytes) * measured.value_or(1 / filled_bytes);
}

double CostModel::file_ns(const Instruction& instruction) const {
    const ChunkBytes moved = byte_work_of(graph_, instruction);
    const auto bytes = static_cast<double>(moved.bytes);
    const auto measured = history_.ns_per_point(throughput_key(moved, ranks_), most_away_of_files);
    return measured ? *measured * bytes : rates_.files.latency_ns + bytes / file_bytes_;
}

double CostModel::instruction_ns(const Instruction& instruction, std::int64_t points) const {
    switch (instruction.lane) {
        case LaneKind::cpu: return cpu_ns(instruction, points);
        case LaneKind::gpu: return gpu_ns(instruction, points);
        case LaneKind::file: return file_ns(instruction);
        case LaneKind::net: break;
    }
    return 0;
}

double CostModel::chunk_ns(LaneKind lane) const {
    if (lane == LaneKind::gpu) return rates_.gpu_chunk_ns;
    return lane == LaneKind::cpu ? rates_.chunk_ns : 0;
}

/// A worker starts it, as it would start a chunk.
double CostModel::message_ns() const { return rates_.chunk_ns; }

}  // namespace maniple
