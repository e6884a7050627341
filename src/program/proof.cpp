#include "program/proof.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/whole_numbers.hpp"
#include "program/blocks.hpp"
#include "program/memory_plan.hpp"

namespace maniple {

namespace {

/// A run repeats its blocks: after so many none is new.
constexpr int most_blocks = 4096;
constexpr std::size_t most_plan_lines = 16;

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
        if (versions_.looks_behind) {
            StepBlock cut = block;
            for (cut.shape.steps = block.shape.decides; cut.end() < block.end();
                 cut.shape.steps += static_cast<int>(graph_.check))
                add_closing(cut);
            return;
        }
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

void count(const Program& program, Proof& proof) {
    ++proof.programs;
    proof.instructions += static_cast<std::int64_t>(program.instructions.size());
    proof.chunks += static_cast<std::int64_t>(program.chunks.size());
    for (const Chunk& chunk : program.chunks) proof.edges += static_cast<std::int64_t>(chunk.dependents.size());
    proof.messages += program.message_count;
    proof.message_bytes += program.message_bytes;
    std::set<Rank> neighbours;
    for (const Instruction& instruction : program.instructions) {
        if (instruction.kind == InstructionKind::write)
            proof.written_elements = capped_sum(proof.written_elements, instruction.box.volume());
        if (instruction.lane == LaneKind::net) neighbours.insert(instruction.peer);
    }
    proof.most_neighbours = std::max(proof.most_neighbours, static_cast<int>(neighbours.size()));
}

}  // namespace

void require_memory(const Layout& layout, const MemoryLimit& limit) {
    const std::int64_t bytes = layout.host_bytes();
    if (limit.bytes <= 0 || bytes <= limit.bytes) return;
    throw UnavailableError(
        limit.place,
        fmt::format("rank {} needs {} for its tensors and may have {} ({}); the largest is {}", layout.rank.value,
                    format_bytes(bytes), format_bytes(limit.bytes), limit.origin, largest_text(layout)));
}

Proof prove(const Graph& graph, const Plan& plan, const MemoryLimit& limit, const std::vector<LaneChoice>& lanes) {
    std::vector<Layout> layouts;
    Proof proof;
    for (int rank = 0; rank < plan.ranks; ++rank) {
        const LaneChoice own = lanes.empty() ? LaneChoice{} : lanes[static_cast<std::size_t>(rank)];
        layouts.push_back(build_layout(graph, plan, Rank(rank), own));
        require_memory(layouts.back(), limit);
        proof.bytes.push_back(layouts.back().host_bytes());
        if (proof.fullest.valid() && proof.bytes.back() <= proof.most_bytes) continue;
        proof.fullest = Rank(rank);
        proof.most_bytes = proof.bytes.back();
        proof.threads = own.threads;
    }
    proof.memory_plan = memory_plan_lines(layouts[proof.fullest.index()], most_plan_lines);
    for (const StepBlock& block : BlockFinder(graph, layouts.front().versions).find()) {
        std::vector<Program> programs;
        for (const Layout& layout : layouts) {
            programs.push_back(build_program(graph, plan, layout, block.shape));
            count(programs.back(), proof);
        }
        const std::string fault = fault_of_block(graph, layouts, programs);
        if (!fault.empty())
            throw KernelError(fmt::format("the plan cannot be proved (step {}): {}", block.first, fault));
        ++proof.blocks;
    }
    return proof;
}

}  // namespace maniple
