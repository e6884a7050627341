#include "program/proof.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/error.hpp"
#include "base/text.hpp"
#include "program/blocks.hpp"

namespace maniple {

namespace {

/// A run repeats its blocks: after so many none is new.
constexpr int most_blocks = 4096;

/// Goes through a run once, and through every way in which `until` may end it.
class BlockFinder {
public:
    BlockFinder(const Graph& graph, const Versions& versions) : graph_(graph), versions_(versions) {}

    std::vector<StepBlock> find() {
        StepBlock block;
        set_first_block(graph_, versions_, block);
        for (int i = 0; i < most_blocks; ++i) {
            const bool is_new = add(block);
            if (is_new && graph_.until.valid()) add_ends(block);
            if (block.end() == graph_.steps) break;
            set_next_block(graph_, versions_, 0, block);
        }
        return std::move(blocks_);
    }

private:
    bool add(const StepBlock& block) {
        const bool known = std::any_of(blocks_.begin(), blocks_.end(),
                                       [&](const StepBlock& other) { return other.shape == block.shape; });
        if (!known) blocks_.push_back(block);
        return !known;
    }

    void add_ends(const StepBlock& block) {
        add_closing(block);
        if (block.shape.holds) {
            StepBlock writing;
            set_writing_block(versions_, block, writing);
            add(writing);
        }
        if (block.shape.decides == 0 || block.shape.decides == block.shape.steps) return;
        StepBlock careful = block;  // what is left of it where it is gone back to
        for (set_careful_block(graph_, versions_, careful);; set_next_block(graph_, versions_, block.end(), careful)) {
            add(careful);
            add_closing(careful);
            if (careful.end() >= block.end()) return;
        }
    }

    void add_closing(const StepBlock& block) {
        if (block.end() % graph_.check == 0) add(closing_block(graph_, versions_, block, true));
        if (block.end() == graph_.steps) add(closing_block(graph_, versions_, block, false));
    }

    const Graph& graph_;
    const Versions& versions_;
    std::vector<StepBlock> blocks_;
};

/// One block on all ranks: instructions as nodes, the two ends of a message as one.
class MessageProof {
public:
    explicit MessageProof(const std::vector<Program>& programs) : programs_(programs) {
        for (const Program& program : programs) {
            first_node_.push_back(nodes_);
            nodes_ += program.instructions.size();
        }
        same_as_.resize(nodes_);
        for (std::size_t node = 0; node < nodes_; ++node) same_as_[node] = node;
    }

    std::int64_t check() {
        match();
        require_order();
        return messages_;
    }

private:
    using Key = std::tuple<Rank, Rank, int>;  ///< from, to, tag

    std::size_t node_of(std::size_t rank, InstructionId id) const { return same_as_[first_node_[rank] + id.index()]; }

    void match() {
        std::map<Key, std::pair<std::size_t, std::int64_t>> sends;
        for_each(InstructionKind::send, [&](const Program& program, const Instruction& send, std::size_t node) {
            const bool is_new =
                sends.emplace(Key{program.rank, send.peer, send.tag}, std::make_pair(node, send.bytes)).second;
            MANIPLE_CHECK(is_new, fmt::format("two messages with tag {}", send.tag));
        });
        messages_ = static_cast<std::int64_t>(sends.size());
        for_each(InstructionKind::receive, [&](const Program& program, const Instruction& receive, std::size_t node) {
            const auto send = sends.find({receive.peer, program.rank, receive.tag});
            MANIPLE_CHECK(send != sends.end() && send->second.second == receive.bytes,
                          fmt::format("rank {} waits for a message from rank {} that is not sent", program.rank.value,
                                      receive.peer.value));
            same_as_[node] = send->second.first;
            sends.erase(send);
        });
        MANIPLE_CHECK(sends.empty(), "a message is sent that nobody receives");
    }

    template <class Visit>
    void for_each(InstructionKind kind, Visit&& visit) const {
        for (std::size_t rank = 0; rank < programs_.size(); ++rank) {
            const std::vector<Instruction>& instructions = programs_[rank].instructions;
            for (std::size_t i = 0; i < instructions.size(); ++i) {
                if (instructions[i].kind == kind) visit(programs_[rank], instructions[i], first_node_[rank] + i);
            }
        }
    }

    /// Removes what waits for nothing until all is gone.
    void require_order() const {
        std::vector<std::vector<std::size_t>> dependents(nodes_);
        std::vector<std::size_t> waits_for(nodes_, 0);
        for (std::size_t rank = 0; rank < programs_.size(); ++rank) {
            const std::vector<Instruction>& instructions = programs_[rank].instructions;
            for (std::size_t i = 0; i < instructions.size(); ++i) {
                const std::size_t node = node_of(rank, InstructionId(i));
                for (const InstructionId before : instructions[i].after) {
                    dependents[node_of(rank, before)].push_back(node);
                    ++waits_for[node];
                }
            }
        }
        std::vector<std::size_t> ready;
        std::size_t left = 0;
        for (std::size_t node = 0; node < nodes_; ++node) {
            if (same_as_[node] != node) continue;
            ++left;
            if (waits_for[node] == 0) ready.push_back(node);
        }
        while (!ready.empty()) {
            const std::size_t node = ready.back();
            ready.pop_back();
            --left;
            for (const std::size_t dependent : dependents[node]) {
                if (--waits_for[dependent] == 0) ready.push_back(dependent);
            }
        }
        MANIPLE_CHECK(left == 0, fmt::format("{} instructions wait for each other", left));
    }

    const std::vector<Program>& programs_;
    std::vector<std::size_t> first_node_;  ///< by rank
    std::vector<std::size_t> same_as_;     ///< by node: a receive is its send
    std::size_t nodes_ = 0;
    std::int64_t messages_ = 0;
};

}  // namespace

MemoryLimit memory_limit(const Job& job, std::int64_t memory_bytes, int ranks_on_node) {
    if (job.plan.memory_bytes) return {*job.plan.memory_bytes, "the job's plan: {memory: …}"};
    return {memory_bytes / ranks_on_node, ranks_on_node == 1
                                              ? "this machine's memory"
                                              : fmt::format("this machine's memory shared by {} ranks", ranks_on_node)};
}

void require_memory(const Layout& layout, const MemoryLimit& limit) {
    const std::int64_t bytes = layout.host_bytes();
    if (limit.bytes <= 0 || bytes <= limit.bytes) return;
    const auto largest =
        std::max_element(layout.buffers.begin(), layout.buffers.end(),
                         [](const BufferSpec& a, const BufferSpec& b) { return a.bytes() < b.bytes(); });
    throw UnavailableError(
        fmt::format("rank {} needs {} for its tensors and may have {} ({}); the largest is '{}' {}, {}",
                    layout.rank.value, format_bytes(bytes), format_bytes(limit.bytes), limit.origin, largest->name,
                    to_string(largest->box), format_bytes(largest->bytes())));
}

Proof prove(const Graph& graph, const Plan& plan, const MemoryLimit& limit) {
    std::vector<Layout> layouts;
    Proof proof;
    for (int rank = 0; rank < plan.ranks; ++rank) {
        layouts.push_back(build_layout(graph, plan, Rank(rank)));
        require_memory(layouts.back(), limit);
        const std::int64_t bytes = layouts.back().host_bytes();
        if (!proof.fullest.valid() || bytes > proof.most_bytes) {
            proof.fullest = Rank(rank);
            proof.most_bytes = bytes;
        }
    }
    for (const StepBlock& block : BlockFinder(graph, layouts.front().versions).find()) {
        std::vector<Program> programs;
        for (const Layout& layout : layouts) programs.push_back(build_program(graph, plan, layout, block.shape));
        proof.messages += MessageProof(programs).check();
        ++proof.blocks;
    }
    return proof;
}

}  // namespace maniple
