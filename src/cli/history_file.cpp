#include "cli/history_file.hpp"

#include <filesystem>
#include <functional>
#include <string_view>

#include "cli/write_lock.hpp"
#include "lanes/vulkan/cache_file.hpp"

namespace maniple {

namespace {

constexpr const char* file_name = "throughput";

}  // namespace

std::string history_path(const std::string& folder) { return CacheFile(folder, file_name).path(); }

HistoryReading read_history(const std::string& folder) {
    const CacheFile file(folder, file_name);
    const std::vector<std::uint8_t> bytes = file.read();
    HistoryReading reading;
    const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    reading.fingerprint = std::hash<std::string_view>()(text);
    if (auto history = ThroughputHistory::parse(text)) {
        reading.history = std::move(*history);
        return reading;
    }
    std::error_code ignored;
    if (!file.path().empty() && std::filesystem::exists(file.path(), ignored))
        reading.note = file.path() + " is damaged or not maniple's: lanes are shared without what it measured";
    return reading;
}

void add_to_history(const std::string& folder, const ThroughputHistory& measured) {
    if (folder.empty() || measured.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    const WriteLock lock(history_path(folder) + ".lock");
    if (!lock.held()) return;
    ThroughputHistory history = read_history(folder).history;
    history.add_run(measured);
    const std::string text = history.text();
    CacheFile(folder, file_name).write({text.begin(), text.end()});
}

HistoryReading read_history(const World& world, const std::string& folder, std::optional<HistoryReading> known) {
    if (world.is_root() && !known) known = read_history(folder);
    if (world.size() == 1) return std::move(*known);
    // Most often all have read the same file: a long one takes longer to hand round than all else that ranks tell.
    const std::string fingerprint = world.broadcast(world.is_root() ? std::to_string(known->fingerprint) : "");
    const bool same = known && std::to_string(known->fingerprint) == fingerprint;
    if (world.sum(same ? 0 : 1) == 0) return std::move(*known);
    const std::string text = world.broadcast(world.is_root() ? known->history.text() : "");
    if (world.is_root()) return std::move(*known);
    return {ThroughputHistory::parse(text).value_or(ThroughputHistory()), 0, ""};
}

std::future<void> add_to_history(const World& world, const std::string& folder, const ThroughputHistory& measured) {
    ThroughputHistory all;
    for (const std::string& text : world.gather(measured.text()))
        all.add(ThroughputHistory::parse(text).value_or(ThroughputHistory()));
    if (!world.is_root()) return {};
    return std::async([folder, all = std::move(all)] { add_to_history(folder, all); });
}

}  // namespace maniple
