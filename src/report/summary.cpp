#include "report/summary.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/error.hpp"
#include "base/text.hpp"

namespace maniple {

namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(const std::optional<double>& number) { return number ? Json(*number) : Json(nullptr); }

std::optional<double> optional_number(const Json& json) {
    return json.is_null() ? std::nullopt : std::optional(json.get<double>());
}

Json lane_json(const LaneSummary& lane) {
    return {{"rank", lane.rank},
            {"lane", lane.lane},
            {"device", lane.device < 0 ? Json(nullptr) : Json(lane.device)},
            {"device_type", lane.device_type.empty() ? Json(nullptr) : Json(lane.device_type)},
            {"busy_seconds", lane.busy_seconds},
            {"chunks", lane.chunks},
            {"operations", lane.operations},
            {"share", number_or_null(lane.share)},
            {"in_flight_seconds", number_or_null(lane.in_flight_seconds)},
            {"hidden_seconds", number_or_null(lane.hidden_seconds)},
            {"queues", lane.queues > 0 ? Json(lane.queues) : Json(nullptr)}};
}

/// {"p2p": {count, bytes}, …}: of each kind there is.
Json kinds_json(const MessageCounts& counts) {
    Json kinds = Json::object();
    for (int i = 0; i < message_kinds; ++i) {
        const auto kind = static_cast<MessageKind>(i);
        kinds[std::string(name_of(kind))] = {{"count", counts[kind].count}, {"bytes", counts[kind].bytes}};
    }
    return kinds;
}

MessageCounts counts_of(const Json& kinds) {
    MessageCounts counts;
    for (int i = 0; i < message_kinds; ++i) {
        const auto kind = static_cast<MessageKind>(i);
        const Json& one = kinds[std::string(name_of(kind))];
        counts[kind] = {one["count"], one["bytes"]};
    }
    return counts;
}

template <class Value>
Value sum_of(const Summary& summary, Value RankSummary::*member) {
    Value total{};
    for (const RankSummary& rank : summary.ranks) total += rank.*member;
    return total;
}

std::int64_t peak_of(const Summary& summary, std::int64_t RankSummary::*member = &RankSummary::host_peak_bytes) {
    std::int64_t peak = 0;
    for (const RankSummary& rank : summary.ranks) peak = std::max(peak, rank.*member);
    return peak;
}

}  // namespace

std::string serialize(const RankSummary& summary) {
    Json lanes = Json::array();
    for (const LaneSummary& lane : summary.lanes) lanes.push_back(lane_json(lane));
    Json claims = Json::array();
    for (const ClaimSummary& claim : summary.claims) claims.push_back({claim.from, claim.boxes});
    const Json json = {{"lanes", lanes},
                       {"claims", claims},
                       {"flops", summary.flops},
                       {"chunks", summary.chunks},
                       {"messages", summary.messages},
                       {"message_bytes", summary.message_bytes},
                       {"message_kinds", kinds_json(summary.messages_by_kind)},
                       {"read_bytes", summary.read_bytes},
                       {"written_bytes", summary.written_bytes},
                       {"host_peak_bytes", summary.host_peak_bytes},
                       {"device_peak_bytes", summary.device_peak_bytes},
                       {"other_bytes", summary.other_bytes},
                       {"reused_buffers", summary.reused_buffers},
                       {"buffers_found", summary.buffers_found},
                       {"border_moves", summary.border_moves},
                       {"moved_bytes", summary.moved_bytes},
                       {"spilled_bytes", summary.spilled_bytes},
                       {"share_changes", summary.share_changes},
                       {"recuts", summary.recuts},
                       {"kept_microbatches", summary.kept_microbatches},
                       {"sent_microbatches", summary.sent_microbatches},
                       {"wall_seconds", summary.wall_seconds}};
    return json.dump();
}

RankSummary deserialize_rank_summary(const std::string& bytes) {
    const Json json = Json::parse(bytes);
    RankSummary summary;
    for (const Json& lane : json["lanes"]) {
        LaneSummary entry;
        entry.rank = lane["rank"];
        entry.lane = lane["lane"];
        entry.device = lane["device"].is_null() ? -1 : lane["device"].get<int>();
        entry.device_type = lane["device_type"].is_null() ? "" : lane["device_type"].get<std::string>();
        entry.busy_seconds = lane["busy_seconds"];
        entry.chunks = lane["chunks"];
        entry.operations = lane["operations"];
        entry.share = optional_number(lane["share"]);
        entry.in_flight_seconds = optional_number(lane["in_flight_seconds"]);
        entry.hidden_seconds = optional_number(lane["hidden_seconds"]);
        entry.queues = lane["queues"].is_null() ? 0 : lane["queues"].get<int>();
        summary.lanes.push_back(entry);
    }
    for (const Json& claim : json["claims"]) summary.claims.push_back({claim[0], claim[1]});
    summary.flops = json["flops"];
    summary.chunks = json["chunks"];
    summary.messages = json["messages"];
    summary.message_bytes = json["message_bytes"];
    summary.messages_by_kind = counts_of(json["message_kinds"]);
    summary.read_bytes = json["read_bytes"];
    summary.written_bytes = json["written_bytes"];
    summary.host_peak_bytes = json["host_peak_bytes"];
    summary.device_peak_bytes = json["device_peak_bytes"];
    summary.other_bytes = json["other_bytes"];
    summary.reused_buffers = json["reused_buffers"];
    summary.buffers_found = json["buffers_found"];
    summary.border_moves = json["border_moves"];
    summary.moved_bytes = json["moved_bytes"];
    summary.spilled_bytes = json["spilled_bytes"];
    summary.share_changes = json["share_changes"];
    summary.recuts = json["recuts"];
    summary.kept_microbatches = json["kept_microbatches"];
    summary.sent_microbatches = json["sent_microbatches"];
    summary.wall_seconds = json["wall_seconds"];
    return summary;
}

double Summary::wall_seconds() const {
    double wall = 0;
    for (const RankSummary& rank : ranks) wall = std::max(wall, rank.wall_seconds);
    return wall;
}

double Summary::flops() const { return sum_of(*this, &RankSummary::flops); }

double Summary::efficiency() const {
    std::map<std::string, std::pair<double, int>> by_kind;  // busy seconds, lanes
    for (const RankSummary& rank : ranks) {
        for (const LaneSummary& lane : rank.lanes) {
            by_kind[lane.lane].first += lane.busy_seconds;
            by_kind[lane.lane].second += 1;
        }
    }
    double best = 0;
    for (const auto& [kind, busy] : by_kind) best = std::max(best, busy.first / (busy.second * wall_seconds()));
    return best;
}

std::optional<double> Summary::hidden_share() const {
    double in_flight = 0, hidden = 0;
    for (const RankSummary& rank : ranks) {
        for (const LaneSummary& lane : rank.lanes) {
            if (lane.in_flight_seconds && !lane.hidden_seconds) return std::nullopt;
            in_flight += lane.in_flight_seconds.value_or(0);
            hidden += lane.hidden_seconds.value_or(0);
        }
    }
    return in_flight > 0 ? std::optional(hidden / in_flight) : std::nullopt;
}

double Summary::pool_hit_rate() const {
    const std::int64_t used = sum_of(*this, &RankSummary::reused_buffers);
    return used == 0 ? 0 : static_cast<double>(sum_of(*this, &RankSummary::buffers_found)) / static_cast<double>(used);
}

std::string summary_json(const Summary& summary) {
    Json lanes = Json::array();
    for (const RankSummary& rank : summary.ranks) {
        for (const LaneSummary& lane : rank.lanes) lanes.push_back(lane_json(lane));
    }
    Json claims = Json::array();
    for (std::size_t rank = 0; rank < summary.ranks.size(); ++rank) {
        for (const ClaimSummary& claim : summary.ranks[rank].claims)
            claims.push_back({{"rank", rank}, {"from", claim.from}, {"boxes", claim.boxes}});
    }
    Json microbatches = Json::array();
    for (std::size_t rank = 0; rank < summary.ranks.size(); ++rank) {
        const RankSummary& one = summary.ranks[rank];
        if (one.kept_microbatches < 0) continue;
        microbatches.push_back({{"rank", rank}, {"kept", one.kept_microbatches}, {"sent", one.sent_microbatches}});
    }
    const double wall = summary.wall_seconds();
    const std::int64_t border_moves = summary.ranks.front().border_moves;  // the same on all ranks
    const Json json = {
        {"job", summary.job},
        {"version", summary.version},
        {"ranks", summary.ranks.size()},
        {"strategy", summary.strategy},
        {"wall_seconds", wall},
        {"predicted_seconds", summary.predicted_seconds ? Json(*summary.predicted_seconds) : Json(nullptr)},
        {"previous_wall_seconds", summary.previous_wall_seconds ? Json(*summary.previous_wall_seconds) : Json(nullptr)},
        {"steps", summary.steps},
        {"chunks", sum_of(summary, &RankSummary::chunks)},
        {"flops", summary.flops()},
        {"gflops", wall > 0 ? summary.flops() / wall / 1e9 : 0.0},
        {"efficiency", summary.efficiency()},
        {"messages",
         {{"count", sum_of(summary, &RankSummary::messages)},
          {"bytes", sum_of(summary, &RankSummary::message_bytes)},
          {"kinds", kinds_json(sum_of(summary, &RankSummary::messages_by_kind))}}},
        {"border_moves", {{"count", border_moves}, {"bytes", sum_of(summary, &RankSummary::moved_bytes)}}},
        {"share_changes", sum_of(summary, &RankSummary::share_changes)},
        {"recuts", sum_of(summary, &RankSummary::recuts)},
        {"io",
         {{"read_bytes", sum_of(summary, &RankSummary::read_bytes)},
          {"written_bytes", sum_of(summary, &RankSummary::written_bytes)}}},
        {"lanes", lanes},
        {"stolen", claims},
        {"live_microbatches", microbatches},
        {"memory",
         {{"host_peak_bytes", peak_of(summary)},
          {"device_peak_bytes", peak_of(summary, &RankSummary::device_peak_bytes)},
          {"other_bytes", peak_of(summary, &RankSummary::other_bytes)},
          {"pool_hit_rate", summary.pool_hit_rate()},
          {"recomputed", summary.recomputed},
          {"spilled_bytes", sum_of(summary, &RankSummary::spilled_bytes)}}},
        {"retries", 0},
        {"fallbacks", 0},
        {"checkpoints", 0},
    };
    return json.dump(2) + "\n";
}

namespace {

/// "12 % more than", "as much as".
std::string compared(double now, double then) {
    const double percent = 100 * (now / then - 1);
    if (std::abs(percent) < 0.5) return "as long as";
    return fmt::format("{:.0f} % {} than", std::abs(percent), percent > 0 ? "longer" : "shorter");
}

/// The wall time beside the predicted one and that of the run before.
std::string comparison_text(const Summary& summary) {
    const double wall = summary.wall_seconds();
    std::string text;
    if (summary.predicted_seconds && *summary.predicted_seconds > 0)
        text += fmt::format("  {} predicted ({:.3f} s)\n", compared(wall, *summary.predicted_seconds),
                            *summary.predicted_seconds);
    if (summary.previous_wall_seconds && *summary.previous_wall_seconds > 0)
        text += fmt::format("  {} the run before ({:.3f} s)\n", compared(wall, *summary.previous_wall_seconds),
                            *summary.previous_wall_seconds);
    return text;
}

}  // namespace

namespace {

/// Who computed how many boxes of others.
std::string claims_text(const Summary& summary) {
    std::string text;
    for (std::size_t rank = 0; rank < summary.ranks.size(); ++rank) {
        for (const ClaimSummary& claim : summary.ranks[rank].claims) {
            text += fmt::format("{} rank {} took {} {} of rank {}", text.empty() ? "  stolen:" : ",", rank, claim.boxes,
                                claim.boxes == 1 ? "box" : "boxes", claim.from);
        }
    }
    return text.empty() ? "" : text + "\n";
}

/// Messages by kind, where there is more than one.
std::string kinds_text(const MessageCounts& counts) {
    std::vector<std::string> parts;
    for (int i = 0; i < message_kinds; ++i) {
        const auto kind = static_cast<MessageKind>(i);
        const MessageCounts::Count& one = counts[kind];
        if (one.count > 0)
            parts.push_back(fmt::format("{} {} ({})", name_of(kind), one.count, format_bytes(one.bytes)));
    }
    return parts.size() < 2 ? "" : fmt::format("  messages by kind: {}\n", fmt::join(parts, ", "));
}

}  // namespace

std::string summary_table(const Summary& summary) {
    std::string text = fmt::format("{}: {} {} on {} {} ({}) in {:.3f} s, {:.2f} GFLOP/s\n", summary.job, summary.steps,
                                   summary.steps == 1 ? "step" : "steps", summary.ranks.size(),
                                   summary.ranks.size() == 1 ? "rank" : "ranks", summary.strategy,
                                   summary.wall_seconds(), summary.flops() / summary.wall_seconds() / 1e9);
    text += fmt::format("  {:<6} {:<6} {:>10} {:>10} {:>12}\n", "rank", "lane", "busy s", "chunks", "operations");
    constexpr std::size_t shown = 8;
    for (std::size_t rank = 0; rank < std::min(shown, summary.ranks.size()); ++rank) {
        for (const LaneSummary& lane : summary.ranks[rank].lanes) {
            text += fmt::format("  {:<6} {:<6} {:>10.4f} {:>10} {:>12}\n", lane.rank, lane.lane, lane.busy_seconds,
                                lane.chunks, lane.operations);
        }
    }
    if (summary.ranks.size() > shown)
        text += fmt::format("  and {} more ranks in summary.json\n", summary.ranks.size() - shown);
    text +=
        fmt::format("  messages {} ({}), read {}, wrote {}, memory {} a rank and {} other\n",
                    sum_of(summary, &RankSummary::messages), format_bytes(sum_of(summary, &RankSummary::message_bytes)),
                    format_bytes(sum_of(summary, &RankSummary::read_bytes)),
                    format_bytes(sum_of(summary, &RankSummary::written_bytes)), format_bytes(peak_of(summary)),
                    format_bytes(peak_of(summary, &RankSummary::other_bytes)));
    if (const std::optional<double> share = summary.hidden_share())
        text += fmt::format("  {:.0f} % of the time of messages hidden behind computing\n", 100 * *share);
    text += kinds_text(sum_of(summary, &RankSummary::messages_by_kind));
    if (const std::int64_t changes = sum_of(summary, &RankSummary::share_changes); changes > 0)
        text += fmt::format("  lanes got other shares {} {}\n", changes, changes == 1 ? "time" : "times");
    if (const std::int64_t recuts = sum_of(summary, &RankSummary::recuts); recuts > 0)
        text += fmt::format("  tiles were cut anew {} {}\n", recuts, recuts == 1 ? "time" : "times");
    if (summary.ranks.front().border_moves > 0) {
        text += fmt::format("  borders between ranks moved {} {}, {} sent for it\n", summary.ranks.front().border_moves,
                            summary.ranks.front().border_moves == 1 ? "time" : "times",
                            format_bytes(sum_of(summary, &RankSummary::moved_bytes)));
    }
    text += claims_text(summary);
    text += comparison_text(summary);
    for (const std::string& output : summary.outputs) text += "  wrote " + output + "\n";
    return text;
}

std::optional<double> read_previous_wall_seconds(const Summary& summary, const std::string& folder) {
    std::ifstream file(folder + "/summary.json");
    const Json json = Json::parse(file, nullptr, false);
    const auto is = [&](const char* key, const Json& value) { return json.contains(key) && json[key] == value; };
    const bool same = json.is_object() && is("job", summary.job) && is("version", summary.version) &&
                      is("ranks", summary.ranks.size()) && is("strategy", summary.strategy) &&
                      is("steps", summary.steps);
    if (!same || !json.contains("wall_seconds") || !json["wall_seconds"].is_number()) return std::nullopt;
    return json["wall_seconds"].get<double>();
}

void require_report_folder(const std::string& folder) {
    namespace fs = std::filesystem;
    fs::path nearest = fs::absolute(folder);
    std::error_code ignored;
    while (!fs::exists(nearest, ignored) && nearest.has_relative_path()) nearest = nearest.parent_path();
    if (!fs::is_directory(nearest, ignored))
        throw CreateError("cannot make the report's folder '" + folder + "': '" + nearest.string() + "' is no folder");
    if (access(nearest.c_str(), W_OK) != 0)
        throw CreateError("cannot make the report's folder '" + folder + "': '" + nearest.string() +
                          "' is not writable");
}

void write_report(const Summary& summary, const std::string& folder) {
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    const std::string path = folder + "/summary.json";
    std::ofstream file(path, std::ios::trunc);
    file << summary_json(summary);
    file.close();
    if (!file) throw FileError("cannot write the report '" + path + "'");
}

}  // namespace maniple
