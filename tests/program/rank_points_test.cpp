#include "program/rank_points.hpp"

#include <gtest/gtest.h>

#include "example.hpp"

namespace maniple {
namespace {

/// More kinds of operations, one after the other, than are kept at once; some have a bound signature in common and others do not.
const char* const kinds = R"yaml(maniple: 1
name: kinds
inputs: {x: {shape: [37, 12], fill: 1}, w: {shape: [12, 12], fill: 1}, y: {shape: [5, 12], fill: 1}}
graph:
  a: relu(x)
  b: matmul(a, w)
  c: "heat_step(b, alpha=0.1, boundary=clamp)"
  d: sum(c)
  e: relu(y)
  f: matmul(e, w)
  g: relu(c)
  h: matmul(g, w)
  i: relu(f)
  j: h + d
outputs: {j: out.h5:/j, i: out.h5:/i}
)yaml";

TEST(RankPoints, AreThoseOfThePlanInWhateverOrderTheyAreAskedFor) {
    for (const int ranks : {1, 3}) {
        const Example example(kinds, {}, ranks);
        const auto count = example.graph.operations.size();
        for (int rank = 0; rank < ranks; ++rank) {
            RankPoints points(example.graph, example.plan, Rank(rank));
            for (std::size_t step = 1; step <= count; ++step) {
                for (std::size_t i = 0; i < count; ++i) {
                    const OperationId id(i * step % count);
                    EXPECT_EQ(points.of(id), points_of(example.graph, example.plan, id, Rank(rank)))
                        << example.graph[id].name;
                }
            }
        }
    }
}

TEST(RankPoints, OwnWhatThePlanSays) {
    for (const int ranks : {1, 3, 50}) {  // of 50 some have nothing
        const Example example(kinds, {}, ranks);
        for (int rank = 0; rank < ranks; ++rank) {
            RankPoints points(example.graph, example.plan, Rank(rank));
            for (std::size_t i = 0; i < example.graph.tensors.size(); ++i) {
                EXPECT_EQ(points.owned(TensorId(i)), owned_box(example.graph, example.plan, TensorId(i), Rank(rank)))
                    << example.graph.tensors[i].name;
            }
        }
    }
}

}  // namespace
}  // namespace maniple
