#include "program/cluster_file.hpp"

#include <gtest/gtest.h>

namespace maniple {
namespace {

/// By rank: the number of its first gpu, and how many ranks are on that.
std::vector<std::pair<int, int>> gpus_of(int ranks, int ranks_per_node, int gpus) {
    Cluster cluster;
    cluster.nodes = 4;
    cluster.cores = 16;
    cluster.ranks_per_node = ranks_per_node;
    cluster.gpus = gpus;
    std::vector<std::pair<int, int>> all;
    for (const RankFacts& facts : machine_of(cluster, ranks).ranks)
        all.emplace_back(facts.gpus.at(0).device, facts.gpus.at(0).sharers);
    return all;
}

using Gpus = std::vector<std::pair<int, int>>;

TEST(ClusterFile, RanksWithGpusOfTheirOwnShareNone) {
    EXPECT_EQ(gpus_of(4, 2, 2), (Gpus{{0, 1}, {1, 1}, {0, 1}, {1, 1}}));
    EXPECT_EQ(gpus_of(2, 2, 5), (Gpus{{0, 1}, {2, 1}}));
}

TEST(ClusterFile, FewerGpusThanRanksAreSharedByThoseThatAreThere) {
    EXPECT_EQ(gpus_of(4, 2, 1), (Gpus{{0, 2}, {0, 2}, {0, 2}, {0, 2}}));
    EXPECT_EQ(gpus_of(3, 2, 1), (Gpus{{0, 2}, {0, 2}, {0, 1}}));
    EXPECT_EQ(gpus_of(5, 5, 2), (Gpus{{0, 3}, {1, 2}, {0, 3}, {1, 2}, {0, 3}}));
}

}  // namespace
}  // namespace maniple
