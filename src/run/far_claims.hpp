// run/far_claims.hpp: chunks claimed by messages, from ranks whose memory cannot be seen.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "lanes/net/claim_link.hpp"
#include "run/claim.hpp"
#include "run/offered_program.hpp"
#include "run/other_rank.hpp"

namespace maniple {

/// What the two sides of a claim need of the rank that they are on.
class ClaimDesk {
public:
    virtual ~ClaimDesk() = default;
    /// Takes chunks of this rank out of its pool, up to half of what is there, of programs that are known to the one who
    /// asks: those of numbers below `known_programs`.
    virtual std::size_t lend(int known_programs, std::span<std::uint64_t> items) = 0;
    virtual void take_back(std::uint64_t item) = 0;  ///< what could not be lent after all, or what was borrowed
    virtual OfferedProgram& offered_program(int number) = 0;
    virtual ProgramMarks marks(int number) = 0;
    virtual int known_programs() const = 0;
    virtual double chunk_ns() const = 0;  ///< about what one takes here; 0: not known yet
    virtual Arena& arena() = 0;
};

/// The one who has nothing to do asks a rank for some of its chunks, and goes on with its own work. The other one's workers
/// answer when they look, between chunks: with the chunks and what they read, or with nothing. What they write comes back,
/// chunk by chunk. Who asks somebody who does not answer in time asks the next one. Who has lent something and nothing else to
/// do computes it himself, from the other end. What comes too late is dropped. Threads: any; one at a time does anything, the others go on.
class FarClaims {
public:
    /// Collective. Borrows all. `far` are the ranks that claim from each other by messages.
    FarClaims(const World& world, const std::vector<int>& far, const ClaimContext& context, const KnownShapes& shapes,
              ClaimDesk& desk);
    ~FarClaims();

    /// Takes what has arrived and answers. True: there was something.
    bool progress();
    /// Asks somebody, if that is worth while now.
    void ask();
    /// A chunk that was lent and is to be computed here after all; 0: none. For those who have nothing else to do: they take
    /// what was lent last, which the other one comes to last, until one is left, and that when it is overdue.
    std::uint64_t reclaim();

    /// Computes a chunk that was borrowed, and sends back what it wrote. Errors: whatever its kernel throws; LinkError.
    void compute(const Claim& claim);
    bool has_lent() const { return lent_count_.load(std::memory_order_relaxed) > 0; }

    /// Nothing more is asked for, and what was borrowed and has not begun is dropped.
    void close();
    /// After close(): nothing is awaited, and all has been said. Answers have to be given until this holds everywhere.
    bool is_quiet();
    void open();

    std::vector<const OtherRank*> others() const;

private:
    struct Far;
    struct Loan {
        int to = 0;  ///< rank
        int program = 0;
        ChunkId chunk;
        std::int64_t due_ns = 0;
    };
    enum Kind : int { question, answer, result, recall };

    void handle(const ClaimMessage& message);
    void give(int to, int known_programs);
    void take(Far& from, std::span<const std::byte> bytes);
    void finish(std::span<const std::byte> bytes);
    void drop(Far& from, std::uint64_t loan);
    bool is_only_one(const Loan& loan) const;
    bool is_worth(std::size_t bytes, std::size_t chunks) const;
    Far* far(int rank) const;

    const ClaimContext& context_;
    ClaimDesk& desk_;
    Rank me_;
    ClaimLink link_;
    std::vector<std::unique_ptr<Far>> far_;
    std::atomic<std::int64_t> looked_ns_{0};
    std::atomic<std::int64_t> lent_count_{0};
    std::atomic<bool> closed_{false};
    std::mutex mutex_;  ///< guards the rest
    std::size_t next_ = 0;
    std::uint64_t last_loan_ = 0;
    std::map<std::uint64_t, Loan> lent_;  ///< by number, which the result carries
};

}  // namespace maniple
