#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "base/text.hpp"
#include "program/proof.hpp"
#include "program/rank_proof.hpp"

namespace maniple {

namespace {

/// One instruction of one rank.
struct At {
    std::size_t rank = 0;
    std::size_t instruction = 0;
};

class BlockProof {
public:
    BlockProof(const Graph& graph, const std::vector<Layout>& layouts, const std::vector<Program>& programs)
        : graph_(graph), layouts_(layouts), programs_(programs) {
        for (const Program& program : programs) {
            first_node_.push_back(nodes_);
            nodes_ += program.instructions.size();
        }
        same_as_.resize(nodes_);
        for (std::size_t node = 0; node < nodes_; ++node) same_as_[node] = node;
    }

    std::string find() {
        for (std::size_t rank = 0; rank < programs_.size(); ++rank) {
            fault_ = fault_of_rank(graph_, layouts_[rank], programs_[rank]);
            if (!fault_.empty()) return fault_;
        }
        const bool good = messages_meet() && nothing_waits_for_itself() && outputs_are_whole();
        return good ? "" : fault_;
    }

private:
    bool fail(std::string fault) {
        fault_ = std::move(fault);
        return false;
    }

    const Instruction& instruction(At at) const { return programs_[at.rank].instructions[at.instruction]; }
    std::size_t node_of(At at) const { return same_as_[first_node_[at.rank] + at.instruction]; }

    std::string text_of(At at) const {
        return instruction_text(graph_, layouts_[at.rank], programs_[at.rank], at.instruction);
    }

    // --- Messages ------------------------------------------------------------------------------------------------

    using Key = std::tuple<Rank, Rank, int>;  ///< from, to, tag

    bool messages_meet() {
        std::map<Key, At> sends;
        for (std::size_t rank = 0; rank < programs_.size(); ++rank) {
            for (std::size_t i = 0; i < programs_[rank].instructions.size(); ++i) {
                const Instruction& send = programs_[rank].instructions[i];
                if (send.kind != InstructionKind::send) continue;
                if (!sends.emplace(Key{programs_[rank].rank, send.peer, send.tag}, At{rank, i}).second)
                    return fail(text_of({rank, i}) + fmt::format(": two messages have number {}", send.tag));
            }
        }
        for (std::size_t rank = 0; rank < programs_.size(); ++rank) {
            for (std::size_t i = 0; i < programs_[rank].instructions.size(); ++i) {
                const Instruction& receive = programs_[rank].instructions[i];
                if (receive.kind != InstructionKind::receive) continue;
                const auto send = sends.find({receive.peer, programs_[rank].rank, receive.tag});
                if (send == sends.end())
                    return fail(text_of({rank, i}) +
                                fmt::format(" waits for message {}, which is not sent", receive.tag));
                const At from = send->second;
                if (tensor_name(graph_, instruction(from)) != tensor_name(graph_, receive) ||
                    bytes_of(layouts_[from.rank], instruction(from).reads) !=
                        bytes_of(layouts_[rank], receive.writes) ||
                    instruction(from).bytes != receive.bytes)
                    return fail(text_of({rank, i}) + " is not what is sent: " + text_of(from));
                same_as_[first_node_[rank] + i] = first_node_[from.rank] + from.instruction;
                sends.erase(send);
            }
        }
        if (sends.empty()) return true;
        return fail(text_of(sends.begin()->second) + " is received by nobody");
    }

    /// A chunk's instructions one after the other, the first after all of the chunks that it waits for; a message as one
    /// event of both its ranks. Removes what waits for nothing until all is gone.
    bool nothing_waits_for_itself() {
        std::vector<std::vector<std::size_t>> dependents(nodes_);
        std::vector<std::size_t> waits_for(nodes_, 0);
        const auto add = [&](At before, At after) {
            dependents[node_of(before)].push_back(node_of(after));
            ++waits_for[node_of(after)];
        };
        for (std::size_t rank = 0; rank < programs_.size(); ++rank) {
            const Program& program = programs_[rank];
            for (const Chunk& chunk : program.chunks) {
                for (std::size_t place = 1; place < chunk.instructions.size(); ++place)
                    add({rank, chunk.instructions[place - 1].index()}, {rank, chunk.instructions[place].index()});
                for (const ChunkId dependent : chunk.dependents)
                    add({rank, chunk.instructions.back().index()},
                        {rank, program.chunks[dependent.index()].instructions.front().index()});
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
        return left == 0 || fail(cycle_text(dependents, waits_for));
    }

    At at_node(std::size_t node) const {
        const auto rank = static_cast<std::size_t>(std::upper_bound(first_node_.begin(), first_node_.end(), node) -
                                                   first_node_.begin() - 1);
        return {rank, node - first_node_[rank]};
    }

    /// One cycle among those that are left, each followed by what waits for it.
    std::string cycle_text(const std::vector<std::vector<std::size_t>>& dependents,
                           const std::vector<std::size_t>& waits_for) const {
        std::vector<std::size_t> before(nodes_, nodes_);  // of those left: one that it waits for
        std::size_t node = nodes_;
        for (std::size_t from = 0; from < nodes_; ++from) {
            if (waits_for[from] == 0 || same_as_[from] != from) continue;
            for (const std::size_t to : dependents[from]) before[to] = from;
        }
        for (std::size_t i = 0; i < nodes_ && node == nodes_; ++i) {
            if (before[i] != nodes_) node = i;
        }
        for (std::size_t i = 0; i < nodes_; ++i) node = before[node];  // into the cycle
        std::vector<std::string> lines;
        std::size_t at = node;
        constexpr std::size_t shown = 8;
        do {
            lines.push_back(text_of(at_node(at)));
            at = before[at];
        } while (at != node && lines.size() < shown);
        return fmt::format("these wait for each other, each for the next: {}{}", fmt::join(lines, "; "),
                           at != node ? "; …" : "");
    }

    // --- Outputs -------------------------------------------------------------------------------------------------

    bool outputs_are_whole() {
        std::map<std::pair<std::size_t, int>, std::vector<At>> writers;  // by output and step
        for (std::size_t rank = 0; rank < programs_.size(); ++rank) {
            for (std::size_t i = 0; i < programs_[rank].instructions.size(); ++i) {
                const Instruction& write = programs_[rank].instructions[i];
                if (write.kind == InstructionKind::write) writers[{write.file_number, write.step}].push_back({rank, i});
            }
        }
        const BlockShape& shape = programs_.front().shape;
        for (const std::size_t number : shape.observed) {
            const auto first = writers.lower_bound({number, std::numeric_limits<int>::min()});
            const TensorId tensor = graph_.outputs[number].tensor;
            const bool is_written = first != writers.end() && first->first.first == number;
            if (!shape.holds && !is_written && element_count(graph_[tensor].shape) > 0)
                return fail(fmt::format("output '{}', {}, is written by none of rank 0 to {}", graph_[tensor].name,
                                        format_bytes(graph_[tensor].bytes()), programs_.size() - 1));
        }
        for (const auto& [key, all] : writers) {
            const GraphOutput& output = graph_.outputs[key.first];
            for (const At at : all) {
                const TensorId written = instruction(at).tensor;
                if (written != output.tensor && written != output.after_carry)
                    return fail(fmt::format("{} is not output '{}'", text_of(at), graph_[output.tensor].name));
            }
            Region missing(Box::whole(graph_[graph_.outputs[key.first].tensor].shape));
            std::int64_t elements = missing.volume();
            for (const At at : all) {
                missing.subtract(instruction(at).box);
                elements -= instruction(at).box.volume();
            }
            if (missing.empty() && elements == 0) continue;
            const std::string what = missing.empty()
                                         ? fmt::format("{} elements are written twice", -elements)
                                         : fmt::format("nobody writes {}", to_string(missing.boxes().front()));
            return fail(fmt::format("output '{}' of step {}: {}; one of its writers is {}",
                                    graph_[graph_.outputs[key.first].tensor].name, key.second, what,
                                    text_of(all.front())));
        }
        return true;
    }

    const Graph& graph_;
    const std::vector<Layout>& layouts_;
    const std::vector<Program>& programs_;
    std::vector<std::size_t> first_node_;  ///< by rank
    std::vector<std::size_t> same_as_;     ///< by node: a receive is its send
    std::size_t nodes_ = 0;
    std::string fault_;
};

}  // namespace

std::string fault_of_block(const Graph& graph, const std::vector<Layout>& layouts,
                           const std::vector<Program>& programs) {
    return BlockProof(graph, layouts, programs).find();
}

}  // namespace maniple
