#include "program/cluster_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "job/reading.hpp"

namespace maniple {

namespace {

constexpr std::int64_t most_nodes = 1'000'000'000;
/// Of a node; ranks, too.
constexpr std::int64_t most_cores = 65'536;
/// Of a node: each is described for each rank.
constexpr std::int64_t most_gpus = 1'024;

std::int64_t read_count_up_to(const YamlNode& node, std::int64_t least, std::int64_t most) {
    const std::int64_t value = read_count(node, least);
    if (value > most) refuse(node, fmt::format("expected at most {}, found {}", most, describe(node)));
    return value;
}

/// A figure above 0, in units of `unit` nanoseconds or bytes in a nanosecond.
double read_figure(const YamlNode& node, double unit = 1) {
    const double value = read_number(node).real;
    if (!(value > 0 && value < 1e12)) refuse(node, "expected a number above 0 and below 1e12, found " + describe(node));
    return value * unit;
}

constexpr double us = 1000;

void read_lane(Reading& reading, const YamlNode& node, const std::string& name, LaneRates& rates) {
    const Section section(reading, node, name, {"gflops", "gb_per_s"});
    section.read("gflops", [&](const YamlNode& value) { rates.flops = read_figure(value); });
    section.read("gb_per_s", [&](const YamlNode& value) { rates.bytes = read_figure(value); });
}

void read_link(Reading& reading, const YamlNode& node, const std::string& name, LinkRates& rates) {
    const Section section(reading, node, name, {"alpha_us", "beta_gb_per_s"});
    section.read("alpha_us", [&](const YamlNode& value) { rates.latency_ns = read_figure(value, us); });
    section.read("beta_gb_per_s", [&](const YamlNode& value) { rates.bytes = read_figure(value); });
}

void read_gpus(Reading& reading, const YamlNode& node, Cluster& cluster) {
    const Section section(reading, node, "gpus", {"count", "name", "gflops", "gb_per_s", "copy_gb_per_s", "chunk_us"},
                          {"count"});
    Rates& rates = cluster.rates;
    section.read("count", [&](const YamlNode& value) {
        cluster.gpus = static_cast<int>(read_count_up_to(value, 0, most_gpus));
    });
    section.read("name", [&](const YamlNode& value) { cluster.gpu_name = read_text(value, "a name"); });
    section.read("gflops", [&](const YamlNode& value) { rates.gpu.flops = read_figure(value); });
    section.read("gb_per_s", [&](const YamlNode& value) { rates.gpu.bytes = read_figure(value); });
    section.read("copy_gb_per_s", [&](const YamlNode& value) { rates.gpu_copy_bytes = read_figure(value); });
    section.read("chunk_us", [&](const YamlNode& value) { rates.gpu_chunk_ns = read_figure(value, us); });
}

void read_links(Reading& reading, const YamlNode& node, Rates& rates) {
    const Section section(reading, node, "links", {"within", "between"});
    section.read("within", [&](const YamlNode& value) { read_link(reading, value, "within", rates.within); });
    section.read("between", [&](const YamlNode& value) { read_link(reading, value, "between", rates.between); });
}

void read_cluster(Reading& reading, const YamlNode& root, Cluster& cluster) {
    const Section section(reading, root, "the cluster",
                          {"cluster", "name", "nodes", "ranks_per_node", "cores", "memory", "core", "memory_gb_per_s",
                           "gpus", "links", "files", "chunk_ns"},
                          {"cluster", "nodes", "cores", "memory"});
    Rates& rates = cluster.rates;
    section.read("cluster", [&](const YamlNode& value) {
        if (read_count(value, 1) != 1) refuse(value, "this version reads cluster files of format 1");
    });
    section.read("name", [&](const YamlNode& value) { cluster.name = read_text(value, "a name"); });
    section.read("nodes", [&](const YamlNode& value) { cluster.nodes = read_count_up_to(value, 1, most_nodes); });
    section.read("ranks_per_node", [&](const YamlNode& value) {
        cluster.ranks_per_node = static_cast<int>(read_count_up_to(value, 1, most_cores));
    });
    section.read("cores", [&](const YamlNode& value) {
        cluster.cores = static_cast<int>(read_count_up_to(value, 1, most_cores));
    });
    section.read("memory", [&](const YamlNode& value) { cluster.memory_bytes = read_bytes(value); });
    section.read("core", [&](const YamlNode& value) { read_lane(reading, value, "core", rates.core); });
    section.read("memory_gb_per_s", [&](const YamlNode& value) { rates.node_bytes = read_figure(value); });
    section.read("gpus", [&](const YamlNode& value) { read_gpus(reading, value, cluster); });
    section.read("links", [&](const YamlNode& value) { read_links(reading, value, rates); });
    section.read("files", [&](const YamlNode& value) { read_link(reading, value, "files", rates.files); });
    section.read("chunk_ns", [&](const YamlNode& value) { rates.chunk_ns = read_figure(value); });
}

}  // namespace

Cluster parse_cluster(const std::string& text, const std::string& file) {
    Cluster cluster;
    cluster.name = file;
    Reading reading;
    const YamlNode root = compose_yaml(text, file, reading.errors);
    try {
        read_cluster(reading, root, cluster);
    } catch (const TooManyErrors&) {}
    if (!reading.errors.empty()) throw JobError(reading.errors);
    cluster.rates.origin = cluster.name;
    return cluster;
}

namespace {

/// Ranks of its node, itself among them, that have the gpu of `rank`, where there are fewer gpus than ranks.
int sharers_of(const Cluster& cluster, int ranks, int rank) {
    const int first = rank / cluster.ranks_per_node * cluster.ranks_per_node;
    const int end = std::min(ranks, first + cluster.ranks_per_node);
    const int gpus = std::max(1, cluster.gpus);
    return (end - first - (rank - first) % gpus + gpus - 1) / gpus;
}

}  // namespace

Machine machine_of(const Cluster& cluster, int ranks) {
    if (ranks > cluster.nodes * cluster.ranks_per_node)
        throw UnavailableError(fmt::format("{} ranks are more than '{}' has: {} nodes of {}", ranks, cluster.name,
                                           cluster.nodes, cluster.ranks_per_node));
    Machine machine;
    machine.rates = cluster.rates;
    for (int rank = 0; rank < ranks; ++rank) {
        RankFacts facts;
        facts.host = fmt::format("node {}", rank / cluster.ranks_per_node);
        facts.threads = std::max(1, cluster.cores / cluster.ranks_per_node);
        facts.memory_bytes = cluster.memory_bytes;
        const int local = rank % cluster.ranks_per_node;
        const int mine = cluster.gpus / cluster.ranks_per_node;
        for (int gpu = 0; gpu < std::max(mine, std::min(1, cluster.gpus)); ++gpu) {
            GpuFacts device;
            device.name = cluster.gpu_name;
            device.device = mine > 0 ? local * mine + gpu : local % cluster.gpus;
            device.sharers = mine > 0 ? 1 : sharers_of(cluster, ranks, rank);
            device.keeps_denormals = true;
            device.features = ~std::uint32_t{0};
            facts.gpus.push_back(device);
        }
        machine.ranks.push_back(std::move(facts));
    }
    return machine;
}

}  // namespace maniple
