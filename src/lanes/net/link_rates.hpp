// lanes/net/link_rates.hpp: how fast messages are between ranks of a node and between nodes, measured.
#pragma once

#include <optional>

#include "cluster/rates.hpp"
#include "lanes/net/world.hpp"

namespace maniple {

/// What was measured, on every rank; nothing where no two ranks are so.
struct MeasuredLinks {
    std::optional<LinkRates> within;
    std::optional<LinkRates> between;
};

/// Collective; blocks for some tenths of a second. Rank 0 and the first other rank on its node, then rank 0 and the first on
/// another node, send 8 bytes and 4 MiB to and fro, the way that a run's messages take; medians count. `shares_memory`:
/// whether ranks of a node may have mailboxes.
MeasuredLinks measure_links(const World& world, const std::string& host, bool shares_memory);

}  // namespace maniple
