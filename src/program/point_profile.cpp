#include "program/point_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

#include "program/throughput.hpp"

namespace maniple {

namespace {

/// An operation that takes a rank less is measured too badly in parts.
constexpr double least_measured_ns = 1e6;
/// What points cost against the mean, so far along an index along which nobody has measured them.
double guess(double along) {
    constexpr double cheapest = 0.5, dearest = 1.5;
    return cheapest + (dearest - cheapest) * along;
}

constexpr std::string_view key_prefix = "parts of operation ";
constexpr std::size_t place_digits = 2;

/// So many coordinates are enough to be cut.
constexpr std::int64_t few = 8;

/// -1: there is none.
int followed_index(const Operation& operation) {
    const auto& indices = operation.bound->indices;
    const auto extent = [](const BoundSignature::Index& index) { return index.extent; };
    auto found = std::find_if(indices.begin(), indices.end(), [](const auto& index) { return index.extent >= few; });
    if (found == indices.end()) found = std::ranges::max_element(indices, {}, extent);
    return found == indices.end() ? -1 : static_cast<int>(found - indices.begin());
}

/// Of what the costs of an operation's points follow from, but for the values of its inputs. A part of a batch is part
/// of the same operation.
std::uint64_t identity_of(const Graph& graph, const Operation& operation) {
    std::string text = fmt::format("{} {}", operation.kernel->name, operation.types);
    for (const BoundSignature::Index& index : operation.bound->indices) text += fmt::format(" {}", index.extent);
    for (const TensorId input : operation.inputs)
        text += fmt::format(" {} {}", graph[input].name, to_string(graph[input].shape));
    const auto* const bytes = reinterpret_cast<const char*>(operation.parameters.data());
    text.append(bytes, operation.parameters.size() * sizeof(maniple_parameter));
    return std::hash<std::string>()(text);
}

ThroughputKey key_of(const Graph& graph, const Operation& operation) {
    const std::uint64_t identity = identity_of(graph, operation);
    return {fmt::format("{}{:02} {:016x}", key_prefix, identity % most_profiles, identity), "cpu", 0};
}

}  // namespace

bool is_followed(const Operation& operation) {
    return operation.has_code() && operation.kernel->signature.irregular && !operation.twin_of.valid();
}

Stretch stretch_of(const Operation& operation, const Box& points) {
    const int index = followed_index(operation);
    if (index < 0 || points.empty()) return {};
    const auto extent = static_cast<double>(operation.bound->indices[static_cast<std::size_t>(index)].extent);
    return {static_cast<double>(points.lo[index]) / extent, static_cast<double>(points.hi[index]) / extent};
}

PointProfile::PointProfile(const Operation& operation, const Graph& graph, const ThroughputHistory& history)
    : operation_(operation) {
    ThroughputKey key = key_of(graph, operation);
    for (std::size_t part = 0; part < parts; ++part) {
        key.size_class = static_cast<int>(part);
        const auto measured = history.ns_per_point(key);
        is_measured_ = measured.has_value();
        cost_[part] = measured.value_or(guess((static_cast<double>(part) + 0.5) / parts));
    }
}

double PointProfile::mean(const Box& points) const {
    return points.empty() ? 0 : mean_along(stretch_of(operation_, points)) * guess_across(points);
}

/// Along the other indices.
double PointProfile::guess_across(const Box& points) const {
    double product = 1;
    for (int index = 0; index < points.rank(); ++index) {
        if (index == followed_index(operation_)) continue;
        const auto extent = static_cast<double>(operation_.bound->indices[static_cast<std::size_t>(index)].extent);
        product *= guess(static_cast<double>(points.lo[index] + points.hi[index]) / 2 / extent);
    }
    return product;
}

double PointProfile::mean_along(const Stretch& stretch) const {
    if (stretch.empty()) return cost_[0];
    const double first = stretch.begin * parts, last = stretch.end * parts;
    double sum = 0;
    for (auto part = static_cast<std::size_t>(first); part < parts && static_cast<double>(part) < last; ++part) {
        const double low = std::max(first, static_cast<double>(part));
        sum += cost_[part] * (std::min(last, static_cast<double>(part + 1)) - low);
    }
    return sum / (last - first);
}

PointProfiles point_profiles(const Graph& graph, const ThroughputHistory& history) {
    PointProfiles profiles;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        if (is_followed(graph.operations[i])) profiles.try_emplace(OperationId(i), graph.operations[i], graph, history);
    }
    return profiles;
}

void add_profile(const Graph& graph, const Operation& operation, const WorkTime& time, ThroughputHistory& history) {
    if (!is_followed(operation) || time.ns < least_measured_ns) return;
    ThroughputKey key = key_of(graph, operation);
    for (std::size_t part = 0; part < time.parts.size(); ++part) {
        if (time.parts[part].points < 1) continue;
        key.size_class = static_cast<int>(part);
        history.add(key, time.parts[part].ns / time.parts[part].points);
    }
}

std::string_view place_of_profile(std::string_view kernel) {
    return kernel.starts_with(key_prefix) ? kernel.substr(0, key_prefix.size() + place_digits) : std::string_view();
}

}  // namespace maniple
