// cli/history_file.hpp: how fast lanes were in earlier runs, kept in the cache folder.
#pragma once

#include <future>
#include <optional>
#include <string>

#include "lanes/net/world.hpp"
#include "program/throughput.hpp"

namespace maniple {

/// What a file of the history holds.
struct HistoryReading {
    ThroughputHistory history;
    std::size_t fingerprint = 0;  ///< hash of the file's bytes: of ranks of one program
    std::string note;             ///< one line where a file is there and is not used
};

/// The file of the history in `folder`; without a folder there is none.
std::string history_path(const std::string& folder);

/// Of a file that is damaged, or that something else has written, nothing is used. Never fails.
HistoryReading read_history(const std::string& folder);

/// Adds what a run has measured to what the file holds by now, under another name first, then renamed. Where another run
/// is just doing the same, or the file cannot be written, nothing happens: a history is no reason to wait or to fail.
void add_to_history(const std::string& folder, const ThroughputHistory& measured);

/// Collective: what rank 0 reads, on every rank. `known` is what this rank has read already, if it has.
HistoryReading read_history(const World& world, const std::string& folder, std::optional<HistoryReading> known);
/// Collective: what all ranks have measured, into rank 0's file, which is written beside what follows.
std::future<void> add_to_history(const World& world, const std::string& folder, const ThroughputHistory& measured);

}  // namespace maniple
