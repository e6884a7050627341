// What a gpu orders itself: chunks that wait for others of the same gpu are submitted behind these.
#include <gtest/gtest.h>
#include <mpi.h>

#include "in_memory.hpp"
#include "vulkan_gpus.hpp"

namespace maniple {
namespace {

/// Each output ends a chunk, since the file lane waits for it; the chunks of b, c and d wait for chunks of the gpu alone.
constexpr const char* chain =
    "maniple: 1\nname: t\ninputs: {u: {shape: [256, 512], fill: iota, dtype: f32}}\n"
    "graph: {a: sin(u), b: sin(a), c: cos(b), d: b + c}\n"
    "outputs: {a: 'o.h5:/a', b: 'o.h5:/b', c: 'o.h5:/c', d: 'o.h5:/d'}\n";

TEST(ChainingOnOneRank, IsLeftToTheGpuUnlessTheHostIsToComplete) {
    InstanceOptions options = InstanceOptions::from_environment();
    options.software_threads = 1;
    VulkanInstance instance(options);
    if (instance.devices().empty()) GTEST_SKIP() << "no Vulkan device: " << instance.reason();
    for (const bool completes_on_host : {false, true}) {
        SCOPED_TRACE(completes_on_host ? "completed on the host" : "chained on the device");
        VulkanGpus gpus(instance, LaneUse::gpu, 1);
        InMemory run(chain, &gpus);
        run.executor().audit();
        if (completes_on_host) run.executor().complete_on_host();
        for (int execution = 0; execution < 3; ++execution) {
            const RunTotals totals = run.run();
            EXPECT_EQ(totals.gpu_operations[0], 4);
            EXPECT_EQ(totals.chained, completes_on_host ? 0 : 3);
        }
    }
}

}  // namespace
}  // namespace maniple
