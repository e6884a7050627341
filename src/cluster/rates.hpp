// cluster/rates.hpp: how fast the parts of a machine are: measured, given in a cluster file, or those of an ordinary node.
#pragma once

#include <string>

namespace maniple {

/// What a lane does at best in a nanosecond: GFLOP/s and GB/s.
struct LaneRates {
    double flops = 0;
    double bytes = 0;

    bool operator==(const LaneRates&) const = default;
};

/// A message of n bytes takes latency_ns + n / bytes: the α-β model.
struct LinkRates {
    double latency_ns = 0;
    double bytes = 0;  ///< in a nanosecond

    bool operator==(const LinkRates&) const = default;
};

/// The defaults are those of an ordinary node.
struct Rates {
    LaneRates core{4, 10};
    double node_bytes = 100;        ///< all cores of a node together, in a nanosecond
    LaneRates gpu{4000, 400};       ///< a device of this decade
    LaneRates software_gpu{1, 2};   ///< one that a processor imitates
    double gpu_copy_bytes = 12;     ///< between the host's memory and a device's, in a nanosecond
    double gpu_chunk_ns = 20'000;   ///< what a chunk costs on a device besides
    LinkRates within{1000, 5};      ///< between ranks of one node
    LinkRates between{2000, 1};     ///< between nodes; the bytes are those of a node's card
    LinkRates files{200'000, 0.5};  ///< opening a stretch of a file, and all ranks together, in a nanosecond
    double chunk_ns = 300;          ///< what a chunk costs a thread besides its work
    std::string origin = "an ordinary node";

    bool operator==(const Rates&) const = default;
};

/// As text, a line for each figure, and back. Nothing where `text` is not what text_of makes.
std::string text_of(const Rates& rates);
bool parse_rates(const std::string& text, Rates& rates);

}  // namespace maniple
