#include "run/audit.hpp"

#include <string>

#include "base/error.hpp"

namespace maniple {

namespace {

std::string of_chunk(ChunkId chunk, const char* what) { return "chunk " + std::to_string(chunk.value) + what; }

}  // namespace

// Relaxed throughout: the audit must not add an order that the scheduler itself does not make. What is compared is one
// count at a time, which is never out of date for the thread that has just changed it.

Audit::Audit(const ChunkGraph& graph, bool chains_on_devices)
    : graph_(graph), chains_on_devices_(chains_on_devices), awaited_(graph.size(), 0), counts_(graph.size()) {
    for (const ChunkId chunk : graph.order()) {
        for (const ChunkId dependent : graph.dependents(chunk))
            awaited_[dependent.index()] += is_awaited(chunk, dependent) ? 1 : 0;
    }
}

void Audit::begin() {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        Counts& counts = counts_[i];
        const bool ended = counts.ended.load(std::memory_order_relaxed) == 1;
        MANIPLE_CHECK(ended || !begun_, of_chunk(ChunkId(i), " has not ended in the execution before"));
        counts.started.store(0, std::memory_order_relaxed);
        counts.ended.store(0, std::memory_order_relaxed);
        counts.predecessors.store(0, std::memory_order_relaxed);
    }
    begun_ = true;
}

void Audit::starts(ChunkId chunk) {
    Counts& counts = counts_[chunk.index()];
    MANIPLE_CHECK(counts.started.fetch_add(1, std::memory_order_relaxed) == 0, of_chunk(chunk, " runs twice"));
    MANIPLE_CHECK(counts.predecessors.load(std::memory_order_relaxed) == awaited_[chunk.index()],
                  of_chunk(chunk, " runs before one that it waits for"));
}

ChunkId Audit::overdue() const {
    for (std::size_t i = 0; begun_ && i < counts_.size(); ++i) {
        const bool ready = counts_[i].predecessors.load(std::memory_order_relaxed) == awaited_[i];
        if (ready && counts_[i].started.load(std::memory_order_relaxed) == 0) return ChunkId(i);
    }
    return {};
}

void Audit::ends(ChunkId chunk) {
    MANIPLE_CHECK(counts_[chunk.index()].ended.fetch_add(1, std::memory_order_relaxed) == 0,
                  of_chunk(chunk, " ends twice"));
    for (const ChunkId dependent : graph_.dependents(chunk)) {
        if (is_awaited(chunk, dependent))
            counts_[dependent.index()].predecessors.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace maniple
