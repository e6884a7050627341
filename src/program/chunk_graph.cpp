#include "program/chunk_graph.hpp"

#include <algorithm>
#include <bit>

#include "base/error.hpp"
#include "base/whole_numbers.hpp"
#include "program/layout.hpp"

namespace maniple {

ChunkGraph::ChunkGraph(std::span<const ChunkNode> nodes, bool back)
    : first_dependent_(nodes.size() + 1, 0), predecessors_(nodes.size(), 0) {
    place_.reserve(nodes.size());
    cost_ns_.reserve(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        place_.push_back(nodes[i].offered                 ? other_place
                         : nodes[i].lane == LaneKind::cpu ? cpu_place
                         : nodes[i].lane == LaneKind::gpu ? gpu_place + nodes[i].gpu
                                                          : other_place);
        is_on_cpu_ = is_on_cpu_ && place_.back() == cpu_place;
        cost_ns_.push_back(nodes[i].cost_ns);
        dependents_.insert(dependents_.end(), nodes[i].dependents.begin(), nodes[i].dependents.end());
        first_dependent_[i + 1] = dependents_.size();
        for (const ChunkId dependent : nodes[i].dependents) ++predecessors_[dependent.index()];
        if (nodes[i].dependents.empty() || place_.back() >= gpu_place) ++ends_;
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (predecessors_[i] == 0) (place_[i] == cpu_place ? cpu_roots_ : other_roots_).push_back(ChunkId(i));
    }
    MANIPLE_CHECK(nodes.empty() || !cpu_roots_.empty() || !other_roots_.empty(),
                  "a program without a chunk that could start");
    sort_topologically();
    rank(nodes);
    sort_roots(leads_to_message(nodes), back);
}

/// By chunk: whether a message waits for it, directly or through others.
std::vector<bool> ChunkGraph::leads_to_message(std::span<const ChunkNode> nodes) const {
    std::vector<bool> leads(size(), false);
    const auto is_message = [](const ChunkNode& node) { return node.lane == LaneKind::net; };
    if (std::none_of(nodes.begin(), nodes.end(), is_message)) return leads;
    for (std::size_t i = size(); i-- > 0;) {
        const ChunkId chunk = order_[i];
        const auto after = dependents(chunk);
        leads[chunk.index()] =
            is_message(nodes[chunk.index()]) ||
            std::any_of(after.begin(), after.end(), [&](ChunkId dependent) { return leads[dependent.index()]; });
    }
    return leads;
}

/// By the first chunk that waits for each: those that make one tile ready stand together, whatever order they were made
/// in. Ways that differ by less than half are taken as equal, so that neighbours stay together; of these what other
/// ranks wait for goes first, at both ends of a rank's part, so that all the rest is there to hide their messages.
void ChunkGraph::sort_roots(const std::vector<bool>& leads_to_message, bool back) {
    std::int64_t longest = 1;
    for (const ChunkId root : cpu_roots_) longest = std::max(longest, urgency_ns(root));
    const auto part_of = [&](ChunkId root) {
        return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(longest / urgency_ns(root))));
    };
    struct RootPlace {
        int part;
        bool inner;
        ChunkId first, root;
    };
    std::vector<RootPlace> places;
    for (const ChunkId root : cpu_roots_) {
        const auto after = dependents(root);
        const ChunkId first = after.empty() ? root : *std::min_element(after.begin(), after.end());
        places.push_back({part_of(root), !leads_to_message[root.index()], first, root});
    }
    std::sort(places.begin(), places.end(), [&](const RootPlace& a, const RootPlace& b) {
        if (a.part != b.part) return a.part < b.part;
        if (a.inner != b.inner) return b.inner;
        const bool before = a.first != b.first ? a.first < b.first : a.root < b.root;
        return back ? !before && a.root != b.root : before;
    });
    std::transform(places.begin(), places.end(), cpu_roots_.begin(), [](const RootPlace& place) { return place.root; });
}

void ChunkGraph::sort_topologically() {
    std::vector<std::int32_t> remaining = predecessors_;
    order_.reserve(size());
    for (std::size_t i = 0; i < size(); ++i) {
        if (remaining[i] == 0) order_.push_back(ChunkId(i));
    }
    // The queue holds one level after the other.
    for (std::size_t i = 0, level_end = order_.size(); i < order_.size(); ++i) {
        if (i == 0) levels_ = 1;
        if (i == level_end) {
            ++levels_;
            level_end = order_.size();
        }
        for (const ChunkId dependent : dependents(order_[i])) {
            if (--remaining[dependent.index()] == 0) order_.push_back(dependent);
        }
    }
    MANIPLE_CHECK(order_.size() == size(), "chunks that wait for each other");
}

void ChunkGraph::rank(std::span<const ChunkNode> nodes) {
    // At least one for each chunk, so that where no cost is known long chains still go before short ones.
    urgency_ns_.assign(size(), 0);
    for (std::size_t i = size(); i-- > 0;) {
        const ChunkId chunk = order_[i];
        std::int64_t longest = 0;
        for (const ChunkId dependent : dependents(chunk)) longest = std::max(longest, urgency_ns(dependent));
        urgency_ns_[chunk.index()] = longest + std::max<std::int64_t>(1, cost_ns_[chunk.index()]);
    }
    for (std::size_t i = 0; i < size(); ++i) {
        const auto first = dependents_.begin() + static_cast<std::ptrdiff_t>(first_dependent_[i]);
        const auto last = dependents_.begin() + static_cast<std::ptrdiff_t>(first_dependent_[i + 1]);
        // Equal ones: the first in the program last, so that it is gone on with.
        std::sort(first, last, [&](ChunkId a, ChunkId b) {
            const std::int64_t frees_a = nodes[a.index()].frees_bytes, frees_b = nodes[b.index()].frees_bytes;
            if (urgency_ns(a) != urgency_ns(b)) return urgency_ns(a) < urgency_ns(b);
            return frees_a != frees_b ? frees_a < frees_b : a > b;
        });
    }
}

namespace {

/// Of one core's memory, and what a message, a file or a device adds: guesses that only order chunks.
constexpr std::int64_t bytes_per_ns = 10;
constexpr double cost_elsewhere_ns = 20'000;

std::int64_t cost_ns_of(const Program& program, const Layout& layout, const Chunk& chunk) {
    double ns = chunk.lane == LaneKind::cpu ? 0 : cost_elsewhere_ns;
    for (const InstructionId id : chunk.instructions) {
        const Instruction& instruction = program.instructions[id.index()];
        const bool counted = instruction.lane == LaneKind::cpu && runs_kernel(instruction.kind);
        const double point_ns = counted ? layout.lanes.point_ns_of(instruction.operation) : 0;
        ns += point_ns > 0 ? point_ns * static_cast<double>(instruction.box.volume())
                           : static_cast<double>(instruction.bytes / bytes_per_ns);
    }
    return static_cast<std::int64_t>(ns);
}

/// The buffers that each instruction of a program reads and writes, in flat lists: boxes are packed, and asked about again
/// and again.
class TouchedBuffers {
public:
    TouchedBuffers(const Program& program, const Layout& layout) {
        first_.reserve(program.instructions.size() + 1);
        for (const Instruction& instruction : program.instructions) {
            first_.push_back({read_.size(), written_.size()});
            for (const Use& use : instruction.reads) read_.push_back(use.buffer);
            std::int64_t bytes = 0;
            for (const Use& use : instruction.writes) {
                written_.push_back(use.buffer);
                bytes = capped_sum(bytes, use.box.volume() * layout[use.buffer].element_bytes);
            }
            written_bytes_.push_back(bytes);
        }
        first_.push_back({read_.size(), written_.size()});
    }

    std::int64_t written_bytes(InstructionId id) const { return written_bytes_[id.index()]; }
    /// Whether `reader` reads a buffer that `maker` writes.
    bool reads_from(InstructionId reader, InstructionId maker) const {
        for (std::size_t i = first_[reader.index()].read; i < first_[reader.index() + 1].read; ++i) {
            for (std::size_t j = first_[maker.index()].written; j < first_[maker.index() + 1].written; ++j) {
                if (read_[i] == written_[j]) return true;
            }
        }
        return false;
    }

private:
    struct Place {
        std::size_t read = 0, written = 0;
    };
    std::vector<Place> first_;  ///< by instruction: where its own begin; one more than there are instructions
    std::vector<BufferId> read_;
    std::vector<BufferId> written_;
    std::vector<std::int64_t> written_bytes_;  ///< by instruction
};

/// Who reads what others have made in a program, and by how many bytes less is needed after each chunk. What several
/// chunks read each of them frees in part: which is the last is not known.
class FreedBytes {
public:
    FreedBytes(const Program& program, const Layout& layout)
        : program_(program), touched_(program, layout), chunk_of_(program.instructions.size()),
          readers_(program.instructions.size(), 0) {
        for (std::size_t i = 0; i < program.chunks.size(); ++i) {
            for (const InstructionId id : program.chunks[i].instructions) chunk_of_[id.index()] = ChunkId(i);
        }
        for (std::size_t i = 0; i < program.chunks.size(); ++i) add_readings(ChunkId(i));
    }

    std::vector<std::int64_t> find() const {
        std::vector<std::int64_t> freed(program_.chunks.size(), 0);
        for (const Reading& reading : readings_)
            freed[reading.by.index()] += touched_.written_bytes(reading.of) / readers_[reading.of.index()];
        for (std::size_t i = 0; i < readers_.size(); ++i) {
            if (readers_[i] > 0) freed[chunk_of_[i].index()] -= touched_.written_bytes(InstructionId(i));
        }
        return freed;
    }

private:
    struct Reading {
        InstructionId of;
        ChunkId by;
    };

    /// Others that it waits for have read what it writes.
    void add_readings(ChunkId chunk) {
        before_.clear();
        for (const InstructionId id : program_.chunks[chunk.index()].instructions) {
            for (const InstructionId maker : program_.instructions[id.index()].after) {
                if (chunk_of_[maker.index()] != chunk && touched_.reads_from(id, maker)) before_.push_back(maker);
            }
        }
        std::sort(before_.begin(), before_.end());
        before_.erase(std::unique(before_.begin(), before_.end()), before_.end());
        for (const InstructionId maker : before_) {
            readings_.push_back({maker, chunk});
            ++readers_[maker.index()];
        }
    }

    const Program& program_;
    TouchedBuffers touched_;
    std::vector<ChunkId> chunk_of_;      ///< by instruction
    std::vector<std::int64_t> readers_;  ///< by instruction: chunks that read what it makes
    std::vector<Reading> readings_;
    std::vector<InstructionId> before_;  ///< those that one chunk reads from; kept for its memory
};

}  // namespace

ChunkGraph chunk_graph_of(const Program& program, const Layout& layout, const std::vector<bool>& offered) {
    const std::vector<std::int64_t> freed = FreedBytes(program, layout).find();
    std::vector<ChunkNode> nodes;
    nodes.reserve(program.chunks.size());
    for (const Chunk& chunk : program.chunks) {
        const std::size_t number = nodes.size();
        nodes.push_back({chunk.lane, chunk.dependents, cost_ns_of(program, layout, chunk), chunk.gpu,
                         !offered.empty() && offered[number], freed[number]});
    }
    return ChunkGraph(nodes, program.sweeps_back);
}

}  // namespace maniple
