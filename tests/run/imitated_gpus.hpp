// tests/run/imitated_gpus.hpp: gpu lanes that are the cpu's, with memories of their own.
#pragma once

#include <random>

#include "random_run.hpp"

namespace maniple {

/// Every operation on lanes of its own; the gpus are imitated by the cpu, in memories of their own.
class ImitatedGpus : public GpuSource {
public:
    LaneChoice choose(const Graph& graph, std::uint32_t seed, Rank rank) override {
        std::mt19937 random(seed * 7919 + static_cast<std::uint32_t>(rank.value));
        LaneChoice choice;
        choice.gpus.resize(1 + random() % 3);
        choice.gpus[0].unified = random() % 3 == 0;
        const bool alike = random() % 2 == 0;  // else data wanders
        std::vector<int> lanes;
        for (std::size_t i = 0; i < graph.operations.size(); ++i) {
            if (!alike || lanes.empty()) {
                lanes.clear();
                for (int lane = LaneChoice::cpu_lane; lane < static_cast<int>(choice.gpus.size()); ++lane) {
                    if (random() % 2 == 0) lanes.push_back(lane);
                }
                if (lanes.empty()) lanes.push_back(static_cast<int>(random() % choice.gpus.size()));
            }
            // Joins are copies in the host's memory (choose_lanes).
            choice.lanes.push_back(graph.operations[i].joins ? std::vector<int>{LaneChoice::cpu_lane} : lanes);
        }
        return choice;
    }

    void open(const Graph&, const Layout& layout) override {
        layout_ = &layout;
        bytes_.resize(layout.buffers.size());
    }

    std::byte* mapped(BufferId buffer) override {
        bytes_[buffer.index()] = HostBytes(static_cast<std::size_t>((*layout_)[buffer].bytes()));
        return bytes_[buffer.index()].data();
    }

    std::vector<Lane*> lanes(const Graph& graph, Arena& arena, int threads) override {
        const std::string set = choose_instruction_set(graph.operations.front().kernel->instruction_sets);
        std::vector<Lane*> result;
        for (int gpu = 0; gpu < static_cast<int>(layout_->lanes.gpus.size()); ++gpu) {
            lanes_.push_back(std::make_unique<CpuLane>(graph, arena, set, threads, gpu));
            result.push_back(lanes_.back().get());
        }
        return result;
    }

    bool imitated() const override { return true; }

private:
    const Layout* layout_ = nullptr;
    std::vector<HostBytes> bytes_;
    std::vector<std::unique_ptr<CpuLane>> lanes_;
};

}  // namespace maniple
