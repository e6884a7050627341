// lanes/net/link_rates.hpp: how fast messages are between ranks of a node and between nodes, measured.
#pragma once

#include <optional>

#include "cluster/rates.hpp"
#include "lanes/net/world.hpp"

namespace maniple {

/// What was measured, on every rank; nothing where no two ranks are so, or what they found makes no sense.
struct MeasuredLinks {
    std::optional<LinkRates> within;
    std::optional<LinkRates> between;
};

/// So many messages of 8 bytes and of `large_bytes`, to and fro.
struct LinkEffort {
    int small = 2001;
    int large = 31;
    int large_bytes = 4 << 20;
};
/// For what nobody asked for: some hundredths of a second.
inline constexpr LinkEffort brief_effort{101, 5, 1 << 20};

/// Collective; by default blocks for some tenths of a second. Rank 0 and the first other rank on its node, then rank 0 and
/// the first on another node, send messages to and fro, the ways that a run's take; medians count. `shares_memory`:
/// whether ranks of a node may have mailboxes.
MeasuredLinks measure_links(const World& world, const std::string& host, bool shares_memory,
                            const LinkEffort& effort = {});

}  // namespace maniple
