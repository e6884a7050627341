// report/summary.hpp: what a run did, for people (a short table) and for programs (summary.json).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/communication.hpp"

namespace maniple {

/// One lane of one rank. Seconds are measured.
struct LaneSummary {
    int rank = 0;
    std::string lane;         ///< "cpu", "gpu", "net" or "file"
    int device = -1;          ///< number in the node's enumeration; -1: none
    std::string device_type;  ///< "" for lanes without a device
    double busy_seconds = 0;
    std::int64_t chunks = 0;
    std::int64_t operations = 0;
    std::optional<double> share = {};  ///< of the points that lanes of its rank share, at the end; none: it shares none
    /// Of a net lane: while at least one message was in flight, from when it was handed to the lane until it had
    /// arrived or left; and for how much of that the cpu lane computed, on average over its threads. None: others
    /// compute, too.
    std::optional<double> in_flight_seconds = {}, hidden_seconds = {};
    int queues = 0;  ///< of a gpu lane: one for all, or further ones for copies
};

/// Boxes of another rank's that one has computed.
struct ClaimSummary {
    int from = 0;  ///< whose they were
    std::int64_t boxes = 0;
};

/// One rank's part.
struct RankSummary {
    std::vector<LaneSummary> lanes;
    std::vector<ClaimSummary> claims;
    double flops = 0;
    std::int64_t chunks = 0;
    std::int64_t messages = 0;
    std::int64_t message_bytes = 0;
    MessageCounts messages_by_kind;  ///< the same
    std::int64_t read_bytes = 0;
    std::int64_t written_bytes = 0;
    std::int64_t host_peak_bytes = 0;
    std::int64_t device_peak_bytes = 0;  ///< of all its gpu lanes
    /// Resident beside host_peak_bytes, at most: code, MPI, HDF5, Vulkan, programs. Less than there was where buffers have
    /// pages that nobody has touched.
    std::int64_t other_bytes = 0;
    std::int64_t reused_buffers = 0;  ///< of programs executed again (RunTotals)
    std::int64_t buffers_found = 0;
    std::int64_t border_moves = 0;   ///< of the run
    std::int64_t moved_bytes = 0;    ///< sent for them
    std::int64_t spilled_bytes = 0;  ///< kept in the scratch file, each time that they were
    std::int64_t share_changes = 0;  ///< how often its lanes got other shares
    std::int64_t recuts = 0;         ///< how often its tiles were cut anew
    /// Where the batch is done in microbatches: the most at once of which something was alive that the rank had made and read
    /// itself, or had made for others alone; -1: not counted.
    std::int64_t kept_microbatches = -1, sent_microbatches = -1;
    double wall_seconds = 0;
};

std::string serialize(const RankSummary& summary);
RankSummary deserialize_rank_summary(const std::string& bytes);

/// The whole run.
struct Summary {
    std::string job;
    std::string version;
    std::string strategy;
    std::int64_t steps = 0;
    std::vector<RankSummary> ranks;
    std::vector<std::string> recomputed;          ///< and loaded again in a step, to need less memory
    std::vector<std::string> outputs;             ///< files written
    std::optional<double> predicted_seconds;      ///< of wall time, from what was known before the run
    std::optional<double> previous_wall_seconds;  ///< of the run before, if that was the same on as many ranks

    double wall_seconds() const;  ///< of the slowest rank
    double flops() const;
    /// Of the time in which messages were in flight, the share that was hidden behind computing; none: not known.
    std::optional<double> hidden_share() const;
    /// For each kind of lane the busy share of wall time; the largest.
    double efficiency() const;
    /// Of the buffers that programs used when they were executed again, the share that was there already; 0 where none was
    /// executed twice.
    double pool_hit_rate() const;
};

/// The text of summary.json of a run.
std::string summary_json(const Summary& summary);

/// A few lines for the end of a run.
std::string summary_table(const Summary& summary);

/// The wall time of the run whose summary.json lies in `folder`, if it did the same as `summary`: its job, version, ranks,
/// strategy and steps are. Never fails.
std::optional<double> read_previous_wall_seconds(const Summary& summary, const std::string& folder);

/// Looks whether write_report() could make `folder`; makes nothing. Errors: CreateError.
void require_report_folder(const std::string& folder);

/// Writes summary.json into `folder`, which is made if it is not there. Errors: FileError.
void write_report(const Summary& summary, const std::string& folder);

}  // namespace maniple
