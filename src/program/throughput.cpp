#include "program/throughput.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <tuple>

#include "tensor/dtype.hpp"

namespace maniple {

namespace {

constexpr std::string_view first_line = "maniple throughput 1";

/// Of a whole lane of a rank.
LaneRates rates_of(const Rates& rates, const RankFacts& facts, int lane) {
    const auto threads = static_cast<double>(std::max(1, facts.threads));
    if (lane == LaneChoice::cpu_lane)
        return {rates.core.flops * threads, std::min(rates.core.bytes * threads, rates.node_bytes)};
    return facts.gpus[static_cast<std::size_t>(lane)].software ? rates.software_gpu : rates.gpu;
}

/// What stands before the next `separator`, which is taken away too; all of it where there is none.
std::string_view take_until(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return part;
}

template <class T>
bool read_number(std::string_view text, T& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

/// Nanoseconds per point that can be; outside of them dividing by one, or the sum of some, would be no number.
constexpr double least_sample = 1e-9;
constexpr double most_sample = 1e15;
constexpr int most_size_class = 64;

template <class Samples>
double median_of(Samples samples) {
    const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
    std::nth_element(samples.begin(), middle, samples.end());
    return *middle;
}

/// A line without its end. False where it is none that text() makes.
bool read_line(std::string_view line, ThroughputKey& key, ThroughputHistory::Samples& samples) {
    if (std::count(line.begin(), line.end(), '\t') != 3) return false;
    key.kernel = take_until(line, '\t');
    key.lane = take_until(line, '\t');
    if (!read_number(take_until(line, '\t'), key.size_class)) return false;
    if (key.size_class < 0 || key.size_class > most_size_class) return false;
    for (bool more = true; more;) {
        more = line.find(' ') != std::string_view::npos;
        double sample = 0;
        if (!read_number(take_until(line, ' '), sample) || !(sample >= least_sample && sample <= most_sample))
            return false;
        samples.add(sample);
    }
    return true;
}

}  // namespace

void ThroughputHistory::Samples::add(double sample) {
    if (count_ == most_samples) {
        std::move(begin() + 1, end(), begin());
        --count_;
    }
    values_[count_++] = sample;
}

double ThroughputHistory::Class::median() const { return median_of(samples); }

ThroughputHistory::Samples& ThroughputHistory::Group::of_class(int size_class) {
    fit.forget();
    const auto at = std::lower_bound(classes.begin(), classes.end(), size_class,
                                     [](const Class& one, int wanted) { return one.size_class < wanted; });
    if (at != classes.end() && at->size_class == size_class) return at->samples;
    return classes.insert(at, Class{size_class, {}})->samples;
}

ThroughputHistory::Fit& ThroughputHistory::Fit::operator=(const Fit&) noexcept {
    forget();
    return *this;
}

void ThroughputHistory::Fit::forget() { delete made_.exchange(nullptr); }

const SizeFit& ThroughputHistory::Fit::of(const std::vector<Class>& classes) const {
    // Acquire: with the exchange below, by whichever thread was first.
    if (const SizeFit* made = made_.load(std::memory_order_acquire)) return *made;
    std::vector<SizeFit::Size> sizes;
    sizes.reserve(classes.size());
    for (const Class& one : classes) sizes.push_back({one.size_class, one.median(), one.samples.size()});
    auto own = std::make_unique<const SizeFit>(sizes);
    const SizeFit* first = nullptr;
    if (!made_.compare_exchange_strong(first, own.get())) return *first;
    return *own.release();
}

ThroughputHistory::Group& ThroughputHistory::group_of(const ThroughputKey& key) {
    const auto [at, is_new] = groups_.try_emplace(GroupKey(key.kernel, key.lane));
    if (is_new) make_place_for(key.kernel);
    return at->second;
}

const ThroughputHistory::Group* ThroughputHistory::find(const ThroughputKey& key) const {
    const auto at = groups_.find(InOrder::Names(key.kernel, key.lane));
    return at == groups_.end() ? nullptr : &at->second;
}

void ThroughputHistory::add(const ThroughputKey& key, double ns_per_point) {
    group_of(key).of_class(key.size_class).add(std::clamp(ns_per_point, least_sample, most_sample));
}

void ThroughputHistory::add(const ThroughputHistory& newer) {
    for (const auto& [key, added] : newer.groups_) {
        Group& group = group_of({key.first, key.second, 0});
        for (const Class& one : added.classes) {
            Samples& samples = group.of_class(one.size_class);
            for (const double sample : one.samples) samples.add(sample);
        }
    }
}

void ThroughputHistory::add_run(const ThroughputHistory& run) {
    for (const auto& [key, measured] : run.groups_) {
        Group& group = group_of({key.first, key.second, 0});
        for (const Class& one : measured.classes) group.of_class(one.size_class).add(one.median());
    }
}

void ThroughputHistory::make_place_for(std::string_view kernel) {
    const std::string_view place = place_of_profile(kernel);
    if (place.empty()) return;
    for (auto at = groups_.lower_bound(InOrder::Names(place, ""));
         at != groups_.end() && at->first.first.starts_with(place);)
        at = at->first.first == kernel ? std::next(at) : groups_.erase(at);
}

std::optional<double> ThroughputHistory::ns_per_point(const ThroughputKey& key, int most_away) const {
    const Group* group = find(key);
    if (group == nullptr) return std::nullopt;
    if (place_of_profile(key.kernel).empty())
        return group->fit.of(group->classes).ns_per_point(key.size_class, most_away);
    const Class* nearest = nullptr;
    int distance = 0;
    for (const Class& one : group->classes) {
        const int away = std::abs(one.size_class - key.size_class);
        if (away > most_away || (nearest != nullptr && away > distance)) continue;
        nearest = &one;
        distance = away;
    }
    return nearest == nullptr ? std::nullopt : std::optional(nearest->median());
}

std::size_t ThroughputHistory::runs(const ThroughputKey& key) const {
    const Group* group = find(key);
    if (group == nullptr) return 0;
    const auto at = std::find_if(group->classes.begin(), group->classes.end(),
                                 [&](const Class& one) { return one.size_class == key.size_class; });
    return at == group->classes.end() ? 0 : at->samples.size();
}

ThroughputHistory::Known ThroughputHistory::of_kernel(const std::string& kernel) const {
    Known known;
    for (auto at = groups_.lower_bound(GroupKey(kernel, "")); at != groups_.end(); ++at) {
        const auto& [name, lane] = at->first;
        if (!name.starts_with(kernel)) break;
        if (name.size() > kernel.size() && name[kernel.size()] != ' ') continue;
        const Group& group = at->second;
        const SizeFit& fit = group.fit.of(group.classes);
        for (const Class& one : group.classes)
            known.entries.push_back(
                {{name, lane, one.size_class}, one.median(), one.samples.size(), fit.counts(one.size_class)});
        if (fit.size() > 1) known.growths.push_back({name, lane, fit.size(), fit.exponent()});
    }
    return known;
}

std::string ThroughputHistory::text() const {
    std::string text = std::string(first_line) + "\n";
    for (const auto& [key, group] : groups_) {
        for (const Class& one : group.classes) {
            fmt::format_to(std::back_inserter(text), "{}\t{}\t{}\t{:.6g}\n", key.first, key.second, one.size_class,
                           fmt::join(one.samples, " "));
        }
    }
    return text;
}

std::optional<ThroughputHistory> ThroughputHistory::parse(std::string_view text) {
    if (text.empty() || text.back() != '\n' || take_until(text, '\n') != first_line) return std::nullopt;
    ThroughputHistory history;
    while (!text.empty()) {
        ThroughputKey key;
        Samples samples;
        if (!read_line(take_until(text, '\n'), key, samples)) return std::nullopt;
        // They come in their order: each behind the last one.
        const auto at = history.groups_.try_emplace(history.groups_.end(), GroupKey(key.kernel, key.lane));
        Samples& kept = at->second.of_class(key.size_class);
        for (const double sample : samples) kept.add(sample);
    }
    return history;
}

ThroughputKey throughput_key(const Graph& graph, OperationId id, const RankFacts& facts, int lane,
                             std::int64_t points) {
    const Operation& operation = graph[id];
    ThroughputKey key;
    key.kernel = operation.kernel->name;
    for (const TensorId input : operation.inputs) key.kernel += fmt::format(" {}", name_of(graph[input].dtype));
    if (lane == LaneChoice::cpu_lane) {
        key.lane = fmt::format("cpu x{}", facts.threads);
    } else {
        key.lane = "gpu " + facts.gpus[static_cast<std::size_t>(lane)].name;
        std::replace_if(
            key.lane.begin(), key.lane.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
    }
    key.size_class = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(0, points))));
    return key;
}

double guessed_ns_per_point(const Graph& graph, OperationId id, const RankFacts& facts, int lane,
                            const Rates& machine_rates) {
    const Operation& operation = graph[id];
    double bytes = 0;
    for (const TensorId input : operation.inputs) bytes += static_cast<double>(size_of(graph[input].dtype));
    for (const TensorId output : operation.outputs) bytes += static_cast<double>(size_of(graph[output].dtype));
    const LaneRates rates = rates_of(machine_rates, facts, lane);
    return std::max({bytes / rates.bytes, operation.kernel->flops_per_point / rates.flops, 1e-3});
}

namespace {

ByteWork sort_of(const Fill& fill) {
    switch (fill.kind) {
        case Fill::Kind::uniform: return ByteWork::uniform;
        case Fill::Kind::normal:
        case Fill::Kind::he_normal: return ByteWork::normal;
        default: return ByteWork::sequence;
    }
}

std::vector<double> weights_of(const Graph& graph, const Plan& plan, Rank rank, const RankFacts& facts,
                               const LaneChoice& choice, const ThroughputHistory& history, OperationId id) {
    const std::vector<int> lanes = choice.of(id);
    const std::int64_t points = points_of(graph, plan, id, rank).volume();
    std::vector<double> guessed, measured;
    for (const int lane : lanes) {
        guessed.push_back(1 / guessed_ns_per_point(graph, id, facts, lane));
        const auto median = history.ns_per_point(throughput_key(graph, id, facts, lane, points));
        if (median) measured.push_back(1 / *median);
    }
    return measured.size() == lanes.size() ? measured : guessed;
}

}  // namespace

std::vector<std::vector<double>> lane_weights(const Graph& graph, const Plan& plan, Rank rank, const RankFacts& facts,
                                              const LaneChoice& choice, const ThroughputHistory& history) {
    if (plan.sharing == LaneSharing::even) return {};
    std::vector<std::vector<double>> weights(graph.operations.size());
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        const OperationId id(i);
        const OperationId first = graph[id].twin_of;
        // A twin is cut where its original is, so that no lane compares its own results with themselves.
        const bool as_first = first.valid() && choice.of(first).size() == choice.of(id).size();
        weights[i] = as_first ? weights[first.index()] : weights_of(graph, plan, rank, facts, choice, history, id);
    }
    return weights;
}

namespace {

/// What is computed beside the points of an irregular kernel in one chunk costs little against them.
constexpr double irregular_point_bytes = 4000;

Stretch joined(const Stretch& a, const Stretch& b) { return {std::min(a.begin, b.begin), std::max(a.end, b.end)}; }

}  // namespace

std::vector<ChunkWork> work_of(const Graph& graph, const Program& program, const Chunk& chunk) {
    std::vector<ChunkWork> work;
    double total = 0;
    for (const InstructionId id : chunk.instructions) {
        const Instruction& instruction = program.instructions[id.index()];
        if (!runs_kernel(instruction.kind) || instruction.box.empty()) continue;
        const Operation& operation = graph[instruction.operation];
        const double touched = std::max(1.0, operation.kernel->types[operation.types].bytes_per_point);
        const double bytes = is_followed(operation) ? irregular_point_bytes : touched;
        const double weight = bytes * static_cast<double>(instruction.box.volume());
        total += weight;
        const auto same = std::find_if(
            work.begin(), work.end(), [&](const ChunkWork& other) { return other.operation == instruction.operation; });
        if (same == work.end()) {
            work.push_back({instruction.operation, instruction.box.volume(), weight});
            if (is_followed(operation)) work.back().stretch = stretch_of(operation, instruction.box);
        } else {
            same->points += instruction.box.volume();
            same->share += weight;
            if (!same->stretch.empty()) same->stretch = joined(same->stretch, stretch_of(operation, instruction.box));
        }
    }
    for (ChunkWork& part : work) part.share /= total;
    return work;
}

ChunkBytes byte_work_of(const Graph& graph, const Instruction& instruction) {
    const bool both = !instruction.reads.empty() && !instruction.writes.empty();
    const std::int64_t bytes = instruction.bytes / (both ? 2 : 1);
    switch (instruction.kind) {
        case InstructionKind::fill: return {sort_of(graph[instruction.tensor].fill), bytes};
        case InstructionKind::read: return {ByteWork::read, bytes};
        case InstructionKind::write: return {ByteWork::written, bytes};
        case InstructionKind::store: return {ByteWork::stored, bytes};
        case InstructionKind::restore: return {ByteWork::restored, bytes};
        default: return {};
    }
}

ChunkBytes byte_work_of(const Graph& graph, const Program& program, const Chunk& chunk) {
    ChunkBytes sum;
    for (const InstructionId id : chunk.instructions) {
        const ChunkBytes one = byte_work_of(graph, program.instructions[id.index()]);
        if (one.bytes == 0 || (sum.bytes > 0 && one.work != sum.work)) return {};
        sum = {one.work, sum.bytes + one.bytes};
    }
    return sum;
}

ThroughputKey throughput_key(const ChunkBytes& work, int ranks) {
    constexpr std::array names{
        "bytes of a sequence", "bytes of uniform numbers",     "bytes of normal numbers",  "bytes read",
        "bytes written",       "bytes kept in a scratch file", "bytes from a scratch file"};
    const bool generated = work.work <= ByteWork::normal;
    return {names[static_cast<std::size_t>(work.work)], generated ? "cpu" : fmt::format("file x{}", ranks),
            ByteTimes::size_class_of(work.bytes)};
}

void add_measured(const ByteTimes& times, int ranks, ThroughputHistory& history) {
    for (const ByteTimes::Entry& entry : times.entries()) {
        ThroughputKey key = throughput_key(ChunkBytes{entry.work, 0}, ranks);
        key.size_class = entry.size_class;
        history.add(key, entry.time.ns_per_point());
    }
}

void add_work_time(const std::vector<ChunkWork>& work, std::int64_t duration_ns, WorkTimes& times) {
    for (const ChunkWork& part : work) {
        if (part.operation.index() >= times.size()) times.resize(part.operation.index() + 1);
        WorkTime& time = times[part.operation.index()];
        const double ns = part.share * static_cast<double>(duration_ns);
        time.add(part.points, ns);
        if (!part.stretch.empty())
            time.add_along(part.stretch.begin, part.stretch.end, static_cast<double>(part.points), ns);
    }
}

namespace {

/// What operations of one key took.
struct KeyTime {
    OperationId first;
    double points = 0;
    double ns = 0;
    std::vector<double> ns_per_point;  ///< of each

    void add(const WorkTime& time) {
        points += static_cast<double>(time.points);
        ns += time.ns;
        ns_per_point.push_back(time.ns_per_point());
    }
};

/// Names are long, so operations of one key (throughput_key) are found by what it follows from.
using KeyTimes = std::map<std::tuple<const Kernel*, std::size_t, std::int64_t>, KeyTime>;

KeyTimes by_key(const Graph& graph, const Plan& plan, Rank rank, const WorkTimes& times) {
    KeyTimes sums;
    for (std::size_t i = 0; i < times.size(); ++i) {
        const Operation& operation = graph.operations[i];
        if (times[i].points == 0 || operation.twin_of.valid()) continue;
        const std::int64_t points = points_of(graph, plan, OperationId(i), rank).volume();
        const auto size_class = std::bit_width(static_cast<std::uint64_t>(points));
        KeyTime& sum = sums[{operation.kernel, operation.types, size_class}];
        if (!sum.first.valid()) sum.first = OperationId(i);
        sum.add(times[i]);
    }
    return sums;
}

}  // namespace

void add_measured(const Graph& graph, const Plan& plan, Rank rank, const RankFacts& facts, const WorkTimes& cpu,
                  const std::vector<WorkTimes>& gpus, ThroughputHistory& history) {
    // Of all of a key together: of a thousand short ones those alone would be long enough that something disturbed.
    constexpr double least_ns = 20000;
    const auto add = [&](const WorkTimes& times, int lane, double threads) {
        for (const auto& [key, time] : by_key(graph, plan, rank, times)) {
            if (time.ns < least_ns) continue;
            const std::int64_t points = points_of(graph, plan, time.first, rank).volume();
            // Chunks that differ by nature have no usual one.
            const double ns = is_followed(graph[time.first]) ? time.ns / time.points : median_of(time.ns_per_point);
            history.add(throughput_key(graph, time.first, facts, lane, points), ns / threads);
        }
    };
    add(cpu, LaneChoice::cpu_lane, std::max(1, facts.threads));
    for (std::size_t i = 0; i < cpu.size(); ++i) add_profile(graph, graph.operations[i], cpu[i], history);
    for (std::size_t gpu = 0; gpu < gpus.size(); ++gpu) add(gpus[gpu], static_cast<int>(gpu), 1);
}

namespace {

ThroughputKey link_key(const std::string& figure, bool within_node) {
    return {figure, within_node ? "within a node" : "between nodes", 0};
}
constexpr const char* latency = "latency of a message";
constexpr const char* byte = "byte of a message";

/// Whether it is known.
bool take_link(LinkRates& link, const LinkRates& ordinary, bool within_node, const ThroughputHistory& history) {
    if (link != ordinary) return false;
    const auto latency_ns = history.ns_per_point(link_key(latency, within_node));
    const auto byte_ns = history.ns_per_point(link_key(byte, within_node));
    if (!latency_ns || !byte_ns) return false;
    link = {*latency_ns, 1 / *byte_ns};
    return true;
}

}  // namespace

void add_measured(const LinkRates& link, bool within_node, ThroughputHistory& history) {
    history.add(link_key(latency, within_node), link.latency_ns);
    history.add(link_key(byte, within_node), 1 / link.bytes);
}

Rates with_links(Rates rates, const ThroughputHistory& history) {
    const Rates ordinary;
    const bool within = take_link(rates.within, ordinary.within, true, history);
    const bool between = take_link(rates.between, ordinary.between, false, history);
    if (within || between) rates.origin += ", its messages as in earlier runs";
    return rates;
}

std::size_t runs_of_link(const ThroughputHistory& history, bool within_node) {
    return history.runs(link_key(latency, within_node));
}

}  // namespace maniple
