// run/live_microbatches.hpp: of how many microbatches results are there at once, looked at while a program runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "graph/graph.hpp"
#include "program/program.hpp"

namespace maniple {

/// The most microbatches at once of which something is alive that this rank has made: from when the first chunk that makes
/// it begins until the last chunk of this rank that reads it has ended.
struct LiveCounts {
    std::int64_t kept = 0;  ///< of what this rank's own operations read
    std::int64_t sent = 0;  ///< of what only other ranks' do: it is alive until it has left
};

/// Watches the chunks of one program, execution after execution. Borrows nothing. What is joined (an output's rows) is not
/// counted: it stays.
/// Threads: starts() and ends() any, of a chunk before all that waits for it is let go; the rest one, between executions.
class LiveMicrobatches {
public:
    /// O(instructions + pieces).
    LiveMicrobatches(const Graph& graph, const Program& program);

    /// An execution begins.
    void begin();
    void starts(ChunkId chunk);
    void ends(ChunkId chunk);
    /// Of all executions.
    LiveCounts most() const;

private:
    /// Of one kind, by microbatch: how many of its pieces are alive.
    struct Kind {
        std::vector<std::atomic<std::int32_t>> pieces;
        std::atomic<std::int64_t> microbatches{0};  ///< of which any is
        std::atomic<std::int64_t> most{0};

        void add(std::size_t microbatch);
        void remove(std::size_t microbatch);
    };
    struct Piece {
        std::size_t microbatch = 0;  ///< counted on through the steps of the program
        bool kept = false;
        std::int32_t uses = 0;  ///< chunks that make or read it
    };
    struct Progress {
        std::atomic<bool> begun{false};
        std::atomic<std::int32_t> uses_left{0};
    };

    Kind& kind_of(const Piece& piece) { return piece.kept ? kept_ : sent_; }

    std::vector<Piece> pieces_;
    std::vector<Progress> progress_;                ///< by piece
    std::vector<std::vector<std::int32_t>> makes_;  ///< by chunk: pieces
    std::vector<std::vector<std::int32_t>> uses_;   ///< likewise: those that it makes or reads
    Kind kept_, sent_;
};

}  // namespace maniple
