#include "program/static_schedule.hpp"

#include <algorithm>

namespace maniple {

namespace {

constexpr std::int64_t dearest_chunk_ns = 5000;
/// How much longer than an even share the worker with the most may take.
constexpr double most_uneven = 1.1;

bool is_uniform(const ChunkGraph& graph) {
    std::int64_t cheapest = INT64_MAX, dearest = 0;
    for (const ChunkId chunk : graph.order()) {
        if (!graph.runs_on_cpu(chunk)) return false;
        cheapest = std::min(cheapest, graph.cost_ns(chunk));
        dearest = std::max(dearest, graph.cost_ns(chunk));
    }
    return cheapest > 0 && dearest <= dearest_chunk_ns && dearest <= cheapest + cheapest / 10;
}

class ScheduleBuilder {
public:
    ScheduleBuilder(const ChunkGraph& graph, int workers)
        : graph_(graph), workers_(static_cast<std::size_t>(workers)), level_(graph.size(), 0), owner_(graph.size(), 0) {
        for (const ChunkId chunk : graph.order()) {
            for (const ChunkId dependent : graph.dependents(chunk))
                level_[dependent.index()] = std::max(level_[dependent.index()], level_[chunk.index()] + 1);
            levels_ = std::max(levels_, level_[chunk.index()] + 1);
        }
        by_level_.resize(levels_);
        for (std::size_t i = 0; i < graph.size(); ++i) by_level_[level_[i]].push_back(ChunkId(i));
    }

    bool is_even() const {
        std::size_t longest = 0;
        for (const auto& chunks : by_level_) longest += (chunks.size() + workers_ - 1) / workers_;
        return static_cast<double>(longest * workers_) <= most_uneven * static_cast<double>(graph_.size());
    }

    StaticSchedule build() {
        share_out();
        find_needs();
        StaticSchedule schedule;
        schedule.levels = static_cast<std::int64_t>(levels_);
        for (std::size_t worker = 0; worker < workers_; ++worker) schedule.parts.push_back(part_of(worker));
        return schedule;
    }

private:
    std::size_t first_of(std::size_t worker, std::size_t level) const {
        return by_level_[level].size() * worker / workers_;
    }

    void share_out() {
        for (std::size_t level = 0; level < levels_; ++level) {
            for (std::size_t worker = 0; worker < workers_; ++worker) {
                for (std::size_t i = first_of(worker, level); i < first_of(worker + 1, level); ++i)
                    owner_[by_level_[level][i].index()] = worker;
            }
        }
    }

    /// needs_[(level · workers + worker) · workers + other]: how many levels of `other` come before that one.
    void find_needs() {
        needs_.assign(levels_ * workers_ * workers_, 0);
        for (const ChunkId chunk : graph_.order()) {
            for (const ChunkId dependent : graph_.dependents(chunk)) {
                const std::size_t row = level_[dependent.index()] * workers_ + owner_[dependent.index()];
                std::size_t& need = needs_[row * workers_ + owner_[chunk.index()]];
                need = std::max(need, level_[chunk.index()] + 1);
            }
        }
    }

    StaticPart part_of(std::size_t worker) const {
        StaticPart part;
        std::vector<std::size_t> known(workers_, 0);  // waited for at an earlier level
        for (std::size_t level = 0; level < levels_; ++level) {
            StaticLevel now;
            now.first = part.chunks.size();
            now.first_wait = part.waits.size();
            for (std::size_t other = 0; other < workers_; ++other) {
                const std::size_t need = needs_[(level * workers_ + worker) * workers_ + other];
                if (other == worker || need <= known[other]) continue;
                known[other] = need;
                part.waits.push_back({static_cast<int>(other), static_cast<std::int64_t>(need)});
            }
            for (std::size_t i = first_of(worker, level); i < first_of(worker + 1, level); ++i) {
                part.chunks.push_back(by_level_[level][i]);
                now.ends += graph_.dependents(by_level_[level][i]).empty() ? 1 : 0;
            }
            now.end = part.chunks.size();
            now.end_wait = part.waits.size();
            part.levels.push_back(now);
        }
        return part;
    }

    const ChunkGraph& graph_;
    std::size_t workers_;
    std::size_t levels_ = 0;
    std::vector<std::size_t> level_;  ///< by chunk
    std::vector<std::size_t> owner_;  ///< by chunk
    std::vector<std::vector<ChunkId>> by_level_;
    std::vector<std::size_t> needs_;
};

}  // namespace

std::optional<StaticSchedule> find_static_schedule(const ChunkGraph& graph, int workers) {
    if (graph.size() == 0 || !is_uniform(graph)) return std::nullopt;
    ScheduleBuilder builder(graph, workers);
    if (!builder.is_even()) return std::nullopt;
    return builder.build();
}

}  // namespace maniple
