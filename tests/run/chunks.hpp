// tests/run/chunks.hpp: chunks without a program, on lanes that only look at their order.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <random>
#include <thread>

#include "base/error.hpp"
#include "lanes/lane.hpp"
#include "program/chunk_graph.hpp"

namespace maniple {

/// Chunks alone, with edges from earlier to later ones.
struct Chunks {
    std::vector<std::vector<ChunkId>> dependents;
    std::vector<LaneKind> lanes;

    std::size_t size() const { return dependents.size(); }
    ChunkGraph graph() const {
        std::vector<ChunkNode> nodes;
        for (std::size_t i = 0; i < size(); ++i) nodes.push_back({lanes[i], dependents[i], 0});
        return ChunkGraph(nodes);
    }
};

inline Chunks make_chunks(std::size_t count, const std::vector<std::pair<std::size_t, std::size_t>>& edges) {
    Chunks chunks;
    chunks.dependents.resize(count);
    chunks.lanes.resize(count, LaneKind::cpu);
    for (const auto& [from, to] : edges) chunks.dependents[from].push_back(ChunkId(to));
    return chunks;
}

inline Chunks random_chunks(std::uint32_t seed, bool file_lane) {
    std::mt19937 random(seed);
    const std::size_t count = 1 + random() % 60;
    std::vector<std::pair<std::size_t, std::size_t>> edges;
    for (std::size_t to = 1; to < count; ++to) {
        for (std::size_t from = 0; from < to; ++from) {
            if (random() % 8 == 0) edges.emplace_back(from, to);
        }
    }
    Chunks chunks = make_chunks(count, edges);
    for (LaneKind& lane : chunks.lanes) {
        if (file_lane && random() % 4 == 0) lane = LaneKind::file;
    }
    return chunks;
}

/// What chunks write: plain integers, so that a missing edge of visibility is a data race. A chunk's value is one more
/// than the largest of its predecessors'.
struct Values {
    explicit Values(const Chunks& chunks) : before(chunks.size()), value(chunks.size(), -1) {
        for (std::size_t i = 0; i < chunks.size(); ++i) {
            for (const ChunkId dependent : chunks.dependents[i]) before[dependent.index()].push_back(i);
        }
    }

    void compute(ChunkId chunk) {
        if (static_cast<int>(chunk.index()) == failing)
            throw KernelError("chunk " + std::to_string(failing) + " fails");
        int largest = 0;
        for (const std::size_t predecessor : before[chunk.index()]) largest = std::max(largest, value[predecessor]);
        EXPECT_EQ(largest / 1000, before[chunk.index()].empty() ? 0 : execution)
            << "a predecessor has not run in this execution";
        value[chunk.index()] = 1000 * execution + largest % 1000 + 1;
    }

    std::vector<int> serial() const {
        std::vector<int> result(value.size());
        for (std::size_t i = 0; i < result.size(); ++i) {
            int largest = 0;
            for (const std::size_t predecessor : before[i]) largest = std::max(largest, result[predecessor] % 1000);
            result[i] = 1000 * execution + largest + 1;
        }
        return result;
    }

    std::vector<std::vector<std::size_t>> before;
    std::vector<int> value;
    int execution = 1;
    int failing = -1;
};

/// Runs a chunk on the calling thread, as the cpu lane does.
class InlineLane final : public InlineProgram {
public:
    explicit InlineLane(Values& values) : values_(values) {}
    void run(ChunkId chunk, const Execution&) override { values_.compute(chunk); }

private:
    Values& values_;
};

/// Runs chunks on a thread of its own, as the file lane does.
class ThreadLane final : public LaneProgram {
public:
    explicit ThreadLane(std::unique_ptr<InlineProgram> chunks)
        : chunks_(std::move(chunks)), thread_([this] { serve(); }) {}
    ~ThreadLane() override {
        {
            const std::lock_guard lock(mutex_);
            closing_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }
    void submit(ChunkId chunk, const Execution&, Completion& done) override {
        {
            const std::lock_guard lock(mutex_);
            requests_.emplace_back(chunk, &done);
        }
        changed_.notify_one();
    }

private:
    void serve() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [&] { return closing_ || !requests_.empty(); });
            if (requests_.empty()) return;
            const auto [chunk, done] = requests_.front();
            requests_.pop_front();
            lock.unlock();
            chunks_->submit(chunk, {}, *done);
            lock.lock();
        }
    }

    std::unique_ptr<InlineProgram> chunks_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::pair<ChunkId, Completion*>> requests_;
    bool closing_ = false;
    std::thread thread_;
};

}  // namespace maniple
