#include "program/simulate.hpp"

#include <algorithm>
#include <queue>
#include <tuple>
#include <unordered_map>

#include "base/error.hpp"
#include "program/simulated_claims.hpp"

namespace maniple {

namespace {

using Number = NumberedChunks::Number;
constexpr Number none = NumberedChunks::none;

struct Event {
    enum class Kind : std::uint8_t {
        ends,      ///< a chunk
        arrives,   ///< a message, at its receive
        returns,   ///< a chunk that a rank of another node has computed: its results are there
        question,  ///< of a rank that has nothing to do, at another one
        answer,    ///< at the rank that has asked
        again,     ///< a rank that has been refused may ask again
    };
    double ns = 0;
    Number number = 0;  ///< of a chunk, or of a rank
    Kind kind = Kind::ends;

    /// The earliest first; then as they are numbered, so that equal times have one order.
    bool operator<(const Event& other) const {
        return std::tie(ns, number, kind) > std::tie(other.ns, other.number, other.kind);
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
        : programs_(programs), machine_(machine), chunks_(programs), claims_(chunks_, machine) {
        const Number chunks = chunks_.size();
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
        if (claims_.any()) runs_on_.resize(chunks);
        asking_.resize(claims_.ranks());
        times_.cpu_busy_ns.resize(programs.size(), 0);
        times_.gpu_busy_ns.resize(programs.size(), 0);
    }

    BlockTimes run() {
        find_receives();
        for (const Ready& root : roots()) ready(root.chunk, 0, none);
        for (double now = 0;;) {
            // Whoever is free claims when all that happens at the same time has happened.
            if (claims_.any() && (events_.empty() || events_.top().ns > now)) claim_for_free(now);
            if (events_.empty()) break;
            const Event event = events_.top();
            events_.pop();
            now = event.ns;
            handle(event);
        }
        MANIPLE_CHECK(left_ == 0, "chunks that never start");
        find_way();
        return std::move(times_);
    }

private:
    /// What waits for nothing, the most urgent first; what may be claimed waits in its own order.
    std::vector<Ready> roots() const {
        std::vector<Ready> found;
        for (Number chunk = 0; chunk < waits_for_.size(); ++chunk) {
            if (waits_for_[chunk] == 0) found.push_back({is_claimable(chunk) ? 0 : at(chunk).urgency_ns, chunk});
        }
        std::sort(found.begin(), found.end(), [](const Ready& a, const Ready& b) { return b < a; });
        return found;
    }

    const SimulatedChunk& at(Number chunk) const { return chunks_[chunk]; }
    std::size_t rank_of(Number chunk) const { return chunks_.rank_of(chunk); }

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
                receives[key_of(one.peer.index(), rank_of(chunk), one.tag)] = chunk;
        }
        receive_.resize(waits_for_.size(), none);
        for (Number chunk = 0; chunk < waits_for_.size(); ++chunk) {
            const SimulatedChunk& one = at(chunk);
            if (one.kind != InstructionKind::send) continue;
            const auto found = receives.find(key_of(rank_of(chunk), one.peer.index(), one.tag));
            MANIPLE_CHECK(found != receives.end(), "a message that nobody receives");
            receive_[chunk] = found->second;
            sender_[found->second] = chunk;
        }
    }

    Servers& servers_of(Number chunk) {
        const SimulatedChunk& one = at(chunk);
        const std::size_t rank = rank_of(chunk);
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
        } else if (is_claimable(chunk)) {
            claims_.put(chunk);
            may_claim_ = true;
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
        if (one.lane == LaneKind::cpu) times_.cpu_busy_ns[rank_of(chunk)] += one.ns;
        if (one.lane == LaneKind::gpu) times_.gpu_busy_ns[rank_of(chunk)] += one.ns;
        events_.push({ns + one.ns, chunk, Event::Kind::ends});
    }

    void send(Number chunk, double ns) {
        const SimulatedChunk& one = at(chunk);
        const std::size_t from = rank_of(chunk);
        const auto [gone, arrives] = sent(from, one.peer.index(), one.ns, one.bytes, ns);
        ++times_.messages;
        times_.message_bytes += one.bytes;
        events_.push({gone, chunk, Event::Kind::ends});
        events_.push({arrives, receive_[chunk], Event::Kind::arrives});
    }

    /// When the sender is rid of it, and when it is there. `own_ns`: what it costs the sender besides.
    std::pair<double, double> sent(std::size_t from, std::size_t to, double own_ns, std::int64_t bytes, double ns) {
        const int node = machine_.node[from];
        const bool within = node == machine_.node[to];
        const LinkRates& link = within ? machine_.rates.within : machine_.rates.between;
        double& sender = sender_free_[from];  // messages leave a rank one after the other, wherever they go
        sender = std::max(ns, sender) + own_ns;
        ns = sender;
        double& free = within ? rank_link_free_[from] : card_free_[static_cast<std::size_t>(node)];
        const double gone = std::max(ns, free) + static_cast<double>(bytes) / link.bytes;
        free = gone;
        return {gone, gone + link.latency_ns};
    }

    /// The later of its arrival and of the time when there is room for it decides.
    void receive(Number chunk) {
        const double ns = std::max(arrival_[chunk], posted_[chunk]);
        if (arrival_[chunk] >= posted_[chunk]) reason_[chunk] = sender_[chunk];
        end(chunk, ns);
    }

    void handle(const Event& event) {
        switch (event.kind) {
            case Event::Kind::ends: return ends(event.number, event.ns);
            case Event::Kind::arrives:
                arrival_[event.number] = event.ns;
                if (posted_[event.number] >= 0) receive(event.number);
                return;
            case Event::Kind::returns: return end(event.number, event.ns);
            case Event::Kind::question: return answer_if_free(event.number, event.ns);
            case Event::Kind::answer: return take_answer(event.number, event.ns);
            case Event::Kind::again: may_claim_ = true; return;
        }
    }

    void ends(Number chunk, double ns) {
        if (is_claimable(chunk)) return ends_claimable(chunk, ns);
        end(chunk, ns);
        if (at(chunk).lane != LaneKind::net) go_on(servers_of(chunk), chunk, ns);
    }

    /// One of the servers, which is done with `chunk`, with the most urgent of what waits for it.
    void go_on(Servers& servers, Number chunk, double ns) {
        const bool is_cpu = at(chunk).lane == LaneKind::cpu;
        const std::size_t rank = runner_of(chunk);
        if (claims_.any() && is_cpu) answer_all(rank, ns);
        if (servers.waiting.empty()) {
            ++servers.free;
            if (is_cpu && claims_.any()) claim(rank, ns, chunk);
            return;
        }
        const Number next = servers.waiting.top().chunk;
        servers.waiting.pop();
        reason_[next] = chunk;  // it was ready: it waited for this one's place
        start(next, ns);
    }

    // --- Claims ---------------------------------------------------------------------------------------------------------

    bool is_claimable(Number chunk) const { return at(chunk).claimable && rank_of(chunk) < claims_.ranks(); }
    std::size_t runner_of(Number chunk) const { return is_claimable(chunk) ? runs_on_[chunk] : rank_of(chunk); }

    void ends_claimable(Number chunk, double ns) {
        const std::size_t rank = runs_on_[chunk], owner = rank_of(chunk);
        if (machine_.node[rank] == machine_.node[owner]) {
            end(chunk, ns);
        } else {
            events_.push({sent(rank, owner, 0, at(chunk).result_bytes, ns).second, chunk, Event::Kind::returns});
        }
        go_on(cpus_[rank], chunk, ns);
    }

    /// A free thread of `rank` takes what there is; after `before`, or none. Whether there was something.
    bool claim(std::size_t rank, double ns, Number before) {
        const SimulatedClaims::Work work = claims_.take(rank);
        if (work.chunk == none) {
            ask(rank, ns);
            return false;
        }
        if (work.delay_ns > 0) may_claim_ = true;  // the rest of what was taken can be taken again
        if (before != none) reason_[work.chunk] = before;
        runs_on_[work.chunk] = static_cast<std::uint32_t>(rank);
        --cpus_[rank].free;
        times_.cpu_busy_ns[rank] += at(work.chunk).ns;
        events_.push({ns + work.delay_ns + at(work.chunk).ns, work.chunk, Event::Kind::ends});
        return true;
    }

    void claim_for_free(double ns) {
        while (may_claim_) {
            may_claim_ = false;
            // Everybody's own first.
            for (std::size_t rank = 0; rank < claims_.ranks(); ++rank) {
                while (cpus_[rank].free > 0 && claims_.has_own(rank)) claim(rank, ns, none);
            }
            for (std::size_t rank = 0; rank < claims_.ranks(); ++rank) {
                while (cpus_[rank].free > 0 && claim(rank, ns, none)) {}
            }
        }
    }

    void ask(std::size_t rank, double ns) {
        const auto delay_ns = claims_.ask(rank, ns);
        if (delay_ns) events_.push({ns + *delay_ns, static_cast<Number>(rank), Event::Kind::question});
    }

    /// Between chunks.
    void answer_if_free(Number rank, double ns) {
        const std::size_t asked = claims_.asked_by(rank);
        if (cpus_[asked].free > 0) {
            answer(rank, ns);
        } else {
            asking_[asked].push_back(rank);
        }
    }

    void answer_all(std::size_t asked, double ns) {
        if (asked >= asking_.size()) return;
        for (const std::uint32_t rank : asking_[asked]) answer(rank, ns);
        asking_[asked].clear();
    }

    void answer(std::uint32_t rank, double ns) {
        const std::size_t asked = claims_.asked_by(rank);
        const std::int64_t bytes = claims_.lend(rank);
        events_.push({sent(asked, rank, 0, bytes, ns).second, rank, Event::Kind::answer});
    }

    void take_answer(Number rank, double ns) {
        claims_.arrive(rank, ns);
        may_claim_ = true;
        const double refused_until = claims_.refused_until(rank);
        if (refused_until > ns) events_.push({refused_until, rank, Event::Kind::again});
    }

    // --- All chunks -----------------------------------------------------------------------------------------------------

    void end(Number chunk, double ns) {
        ended_[chunk] = ns;
        --left_;
        if (ns >= times_.ns) {
            times_.ns = ns;
            last_ = chunk;
        }
        const std::size_t rank = rank_of(chunk);
        const SimulatedProgram& program = programs_[rank];
        const Number local = chunk - chunks_.first_of(rank);
        for (std::uint32_t i = program.first_dependent[local]; i < program.first_dependent[local + 1]; ++i) {
            const Number dependent = chunks_.first_of(rank) + static_cast<Number>(program.dependents[i].index());
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
    const NumberedChunks chunks_;
    SimulatedClaims claims_;
    std::vector<std::uint32_t> runs_on_;              ///< by chunk: the rank that computes it; empty: its own
    std::vector<std::vector<std::uint32_t>> asking_;  ///< by rank: those whose questions wait for a thread of it
    bool may_claim_ = false;                          ///< something has changed since those who are free have looked
    std::vector<std::int32_t> waits_for_;             ///< by chunk, as all below: predecessors that have not ended
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

/// What it would take along, and bring back: about as much each where it does both.
void add_bytes(const Instruction& instruction, SimulatedChunk& chunk) {
    chunk.bytes = instruction.reads.empty()    ? 0
                  : instruction.writes.empty() ? instruction.bytes
                                               : instruction.bytes / 2;
    chunk.result_bytes = instruction.bytes - chunk.bytes;
}

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
        one.claimable = chunk.claimable;
        one.predecessors = chunk.predecessors;
        one.peer = first.peer;
        one.tag = first.tag;
        if (chunk.lane == LaneKind::net) {
            one.bytes = first.bytes;
            one.ns = first.kind == InstructionKind::send ? costs.message_ns() : 0;
        } else {
            if (chunk.claimable) add_bytes(first, one);
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
