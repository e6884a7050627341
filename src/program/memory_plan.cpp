#include "program/memory_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.hpp"
#include "base/whole_numbers.hpp"

namespace maniple {

namespace {

struct Piece {
    std::int64_t bytes = 0;
    std::string names;
};

bool has_bytes_of_its_own(const BufferSpec& buffer) {
    const bool on_host = buffer.memory.kind == Memory::Kind::host || buffer.memory.kind == Memory::Kind::staging;
    return on_host && !buffer.storage.valid() && buffer.bytes() > 0;
}

/// Of the buffers in the pool, by place.
std::vector<std::string> pool_lines(const Layout& layout) {
    std::vector<BufferId> members;
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
        if (layout.buffers[i].pool_byte >= 0) members.emplace_back(i);
    }
    std::stable_sort(members.begin(), members.end(), [&](BufferId a, BufferId b) {
        return std::pair(layout[a].pool_byte, layout.lives[a.index()].first) <
               std::pair(layout[b].pool_byte, layout.lives[b.index()].first);
    });
    std::vector<std::string> lines;
    for (const BufferId id : members) {
        const Life& life = layout.lives[id.index()];
        if (life.last < life.first) continue;
        lines.push_back(fmt::format("  {} from byte {} on: {}, operations {} to {}", format_bytes(layout[id].bytes()),
                                    layout[id].pool_byte, layout[id].name, life.first, life.last));
    }
    return lines;
}

std::vector<Piece> pieces_of(const Layout& layout) {
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
        const BufferSpec& buffer = layout.buffers[i];
        if (has_bytes_of_its_own(buffer) && BufferId(i) != layout.pool) pieces.push_back({buffer.bytes(), buffer.name});
    }
    if (layout.piece_bytes > 0)
        pieces.push_back({layout.piece_bytes * layout.lanes.threads, "pieces of chains, of each thread"});
    std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.bytes > b.bytes; });
    return pieces;
}

}  // namespace

std::vector<std::string> memory_plan_lines(const Layout& layout, std::size_t most) {
    std::vector<std::string> lines;
    if (layout.pool.valid()) {
        lines.push_back(fmt::format("{}  one pool:", format_bytes(layout[layout.pool].bytes())));
        std::vector<std::string> members = pool_lines(layout);
        const std::size_t shown = std::min(members.size(), most / 2);
        std::move(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(shown), std::back_inserter(lines));
        if (shown < members.size()) lines.push_back(fmt::format("  and {} more", members.size() - shown));
    }
    std::int64_t rest = 0;
    std::size_t left_out = 0;
    for (const Piece& piece : pieces_of(layout)) {
        if (lines.size() < most) {
            lines.push_back(fmt::format("{}  {}", format_bytes(piece.bytes), piece.names));
            continue;
        }
        rest = capped_sum(rest, piece.bytes);
        ++left_out;
    }
    if (left_out > 0) lines.push_back(fmt::format("{}  {} more", format_bytes(rest), left_out));
    return lines;
}

}  // namespace maniple
