#include "program/simulate.hpp"

#include <algorithm>
#include <queue>
#include <tuple>
#include <unordered_map>

#include "base/error.hpp"

namespace maniple {

namespace {

using Number = std::uint32_t;  ///< of a chunk among those of all ranks
constexpr Number none = ~Number{0};

struct Event {
    double ns = 0;
    Number chunk = 0;
    bool arrives = false;  ///< a message at its receive; else the chunk ends

    /// The earliest first; then as they are numbered, so that equal times have one order.
    bool operator<(const Event& other) const {
        return std::tie(ns, chunk, arrives) > std::tie(other.ns, other.chunk, other.arrives);
    }
};

struct Ready {
    double urgency_ns = 0;
    Number chunk = 0;

    bool operator<(const Ready& other) const {
        return urgency_ns != other.urgency_ns ? urgency_ns < other.urgency_ns : chunk > other.chunk;
    }
};

/// So many chunks at a time; the most urgent of those that wait goes first.
struct Servers {
    int free = 1;
    std::priority_queue<Ready> waiting;
};

class BlockSimulation {
public:
    BlockSimulation(const std::vector<SimulatedProgram>& programs, const SimulatedMachine& machine)
        : programs_(programs), machine_(machine) {
        Number chunks = 0;
        for (std::size_t rank = 0; rank < programs.size(); ++rank) {
            first_.push_back(chunks);
            chunks += static_cast<Number>(programs[rank].chunks.size());
            rank_of_.resize(chunks, static_cast<std::uint32_t>(rank));
        }
        waits_for_.reserve(chunks);
        for (const SimulatedProgram& program : programs) {
            for (const SimulatedChunk& chunk : program.chunks) waits_for_.push_back(chunk.predecessors);
        }
        ended_.resize(chunks, -1);
        reason_.resize(chunks, none);
        arrival_.resize(chunks, -1);
        posted_.resize(chunks, -1);
        sender_.resize(chunks, none);
        for (const int threads : machine.threads) cpus_.push_back({std::max(1, threads), {}});
        files_.resize(programs.size());
        gpus_.resize(programs.size() * static_cast<std::size_t>(machine.gpus));
        rank_link_free_.resize(programs.size(), 0);
        sender_free_.resize(programs.size(), 0);
        int nodes = 0;
        for (const int node : machine.node) nodes = std::max(nodes, node + 1);
        card_free_.resize(static_cast<std::size_t>(nodes), 0);
        times_.cpu_busy_ns.resize(programs.size(), 0);
        times_.gpu_busy_ns.resize(programs.size(), 0);
    }

    BlockTimes run() {
        find_receives();
        for (const Ready& root : roots()) ready(root.chunk, 0, none);
        while (!events_.empty()) {
            const Event event = events_.top();
            events_.pop();
            handle(event);
        }
        MANIPLE_CHECK(left_ == 0, "chunks that never start");
        find_way();
        return std::move(times_);
    }

private:
    /// What waits for nothing, the most urgent first.
    std::vector<Ready> roots() const {
        std::vector<Ready> found;
        for (Number chunk = 0; chunk < waits_for_.size(); ++chunk) {
            if (waits_for_[chunk] == 0) found.push_back({at(chunk).urgency_ns, chunk});
        }
        std::sort(found.begin(), found.end(), [](const Ready& a, const Ready& b) { return b < a; });
        return found;
    }

    const SimulatedChunk& at(Number chunk) const {
        const std::uint32_t rank = rank_of_[chunk];
        return programs_[rank].chunks[chunk - first_[rank]];
    }

    /// (from, to, tag) as one number: ranks and tags stay far below these bounds.
    static std::uint64_t key_of(std::uint64_t from, std::uint64_t to, int tag) {
        return (from << 44) ^ (to << 24) ^ static_cast<std::uint64_t>(tag);
    }

    void find_receives() {
        left_ = waits_for_.size();
        std::unordered_map<std::uint64_t, Number> receives;
        for (Number chunk = 0; chunk < waits_for_.size(); ++chunk) {
            const SimulatedChunk& one = at(chunk);
            if (one.kind == InstructionKind::receive)
                receives[key_of(one.peer.index(), rank_of_[chunk], one.tag)] = chunk;
        }
        receive_.resize(waits_for_.size(), none);
        for (Number chunk = 0; chunk < waits_for_.size(); ++chunk) {
            const SimulatedChunk& one = at(chunk);
            if (one.kind != InstructionKind::send) continue;
            const auto found = receives.find(key_of(rank_of_[chunk], one.peer.index(), one.tag));
            MANIPLE_CHECK(found != receives.end(), "a message that nobody receives");
            receive_[chunk] = found->second;
            sender_[found->second] = chunk;
        }
    }

    Servers& servers_of(Number chunk) {
        const SimulatedChunk& one = at(chunk);
        const std::size_t rank = rank_of_[chunk];
        if (one.lane == LaneKind::cpu) return cpus_[rank];
        if (one.lane == LaneKind::file) return files_[rank];
        return gpus_[rank * static_cast<std::size_t>(machine_.gpus) + static_cast<std::size_t>(one.gpu)];
    }

    void ready(Number chunk, double ns, Number reason) {
        reason_[chunk] = reason;
        const SimulatedChunk& one = at(chunk);
        if (one.kind == InstructionKind::send) {
            send(chunk, ns);
        } else if (one.kind == InstructionKind::receive) {
            posted_[chunk] = ns;
            if (arrival_[chunk] >= 0) receive(chunk);
        } else {
            Servers& servers = servers_of(chunk);
            if (servers.free == 0) {
                servers.waiting.push({one.urgency_ns, chunk});
            } else {
                --servers.free;
                start(chunk, ns);
            }
        }
    }

    void start(Number chunk, double ns) {
        const SimulatedChunk& one = at(chunk);
        if (one.lane == LaneKind::cpu) times_.cpu_busy_ns[rank_of_[chunk]] += one.ns;
        if (one.lane == LaneKind::gpu) times_.gpu_busy_ns[rank_of_[chunk]] += one.ns;
        events_.push({ns + one.ns, chunk, false});
    }

    void send(Number chunk, double ns) {
        const SimulatedChunk& one = at(chunk);
        const std::size_t from = rank_of_[chunk];
        const int node = machine_.node[from];
        const bool within = node == machine_.node[one.peer.index()];
        const LinkRates& link = within ? machine_.rates.within : machine_.rates.between;
        double& sender = sender_free_[from];  // messages leave a rank one after the other, wherever they go
        sender = std::max(ns, sender) + one.ns;
        ns = sender;
        double& free = within ? rank_link_free_[from] : card_free_[static_cast<std::size_t>(node)];
        const double gone = std::max(ns, free) + static_cast<double>(one.bytes) / link.bytes;
        free = gone;
        ++times_.messages;
        times_.message_bytes += one.bytes;
        events_.push({gone, chunk, false});
        events_.push({gone + link.latency_ns, receive_[chunk], true});
    }

    /// The later of its arrival and of the time when there is room for it decides.
    void receive(Number chunk) {
        const double ns = std::max(arrival_[chunk], posted_[chunk]);
        if (arrival_[chunk] >= posted_[chunk]) reason_[chunk] = sender_[chunk];
        end(chunk, ns);
    }

    void handle(const Event& event) {
        if (event.arrives) {
            arrival_[event.chunk] = event.ns;
            if (posted_[event.chunk] >= 0) receive(event.chunk);
            return;
        }
        end(event.chunk, event.ns);
        if (at(event.chunk).lane == LaneKind::net) return;
        Servers& servers = servers_of(event.chunk);
        if (servers.waiting.empty()) {
            ++servers.free;
            return;
        }
        const Number next = servers.waiting.top().chunk;
        servers.waiting.pop();
        reason_[next] = event.chunk;  // it was ready: it waited for this one's place
        start(next, event.ns);
    }

    void end(Number chunk, double ns) {
        ended_[chunk] = ns;
        --left_;
        if (ns >= times_.ns) {
            times_.ns = ns;
            last_ = chunk;
        }
        const std::uint32_t rank = rank_of_[chunk];
        const SimulatedProgram& program = programs_[rank];
        const Number local = chunk - first_[rank];
        for (std::uint32_t i = program.first_dependent[local]; i < program.first_dependent[local + 1]; ++i) {
            const Number dependent = first_[rank] + static_cast<Number>(program.dependents[i].index());
            if (--waits_for_[dependent] == 0) ready(dependent, ns, chunk);
        }
    }

    /// From the end back to the beginning: each chunk began when its reason ended.
    void find_way() {
        for (Number chunk = last_; chunk != none; chunk = reason_[chunk]) {
            const double begin = reason_[chunk] == none ? 0 : ended_[reason_[chunk]];
            const double ns = ended_[chunk] - begin;
            const SimulatedChunk& one = at(chunk);
            const bool kernel = one.kind == InstructionKind::compute || one.kind == InstructionKind::accumulate;
            double& part = one.lane == LaneKind::net    ? times_.way.messages
                           : one.lane == LaneKind::file ? times_.way.files
                           : kernel                     ? times_.way.compute
                                                        : times_.way.moves;
            part += ns;
        }
    }

    const std::vector<SimulatedProgram>& programs_;
    const SimulatedMachine& machine_;
    std::vector<Number> first_;            ///< by rank: its first chunk
    std::vector<std::uint32_t> rank_of_;   ///< by chunk, as all below
    std::vector<std::int32_t> waits_for_;  ///< predecessors that have not ended
    std::vector<double> ended_;
    std::vector<Number> reason_;   ///< whose end let it begin
    std::vector<double> arrival_;  ///< of a receive: of its message; -1: not yet
    std::vector<double> posted_;   ///< of a receive: when its buffer was free; -1: not yet
    std::vector<Number> sender_;   ///< of a receive
    std::vector<Number> receive_;  ///< of a send
    std::vector<Servers> cpus_;    ///< by rank
    std::vector<Servers> files_;   ///< by rank
    std::vector<Servers> gpus_;    ///< by rank, then by gpu lane
    std::vector<double> rank_link_free_;
    std::vector<double> sender_free_;  ///< by rank
    std::vector<double> card_free_;    ///< by node
    std::priority_queue<Event> events_;
    BlockTimes times_;
    Number last_ = none;
    std::size_t left_ = 0;
};

}  // namespace

SimulatedProgram simulated(const Program& program, const CostModel& costs, const std::vector<std::int64_t>& points) {
    SimulatedProgram result;
    result.first_dependent.push_back(0);
    for (const Chunk& chunk : program.chunks) {
        const Instruction& first = program.instructions[chunk.instructions.front().index()];
        SimulatedChunk one;
        one.lane = chunk.lane;
        one.kind = first.kind;
        one.gpu = chunk.gpu;
        one.predecessors = chunk.predecessors;
        one.peer = first.peer;
        one.tag = first.tag;
        if (chunk.lane == LaneKind::net) {
            one.bytes = first.bytes;
            one.ns = first.kind == InstructionKind::send ? costs.message_ns() : 0;
        } else {
            one.ns = costs.chunk_ns(chunk.lane);
            for (const InstructionId id : chunk.instructions) {
                const Instruction& instruction = program.instructions[id.index()];
                const bool computes = instruction.operation.valid();
                one.ns += costs.instruction_ns(instruction, computes ? points[instruction.operation.index()] : 0);
            }
        }
        result.chunks.push_back(one);
        result.dependents.insert(result.dependents.end(), chunk.dependents.begin(), chunk.dependents.end());
        result.first_dependent.push_back(static_cast<std::uint32_t>(result.dependents.size()));
    }
    // A chunk comes before its dependents.
    for (std::size_t i = result.chunks.size(); i-- > 0;) {
        double longest = 0;
        for (std::uint32_t next = result.first_dependent[i]; next < result.first_dependent[i + 1]; ++next)
            longest = std::max(longest, result.chunks[result.dependents[next].index()].urgency_ns);
        result.chunks[i].urgency_ns = longest + result.chunks[i].ns;
    }
    return result;
}

BlockTimes simulate_block(const std::vector<SimulatedProgram>& programs, const SimulatedMachine& machine) {
    return BlockSimulation(programs, machine).run();
}

}  // namespace maniple
