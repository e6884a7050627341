// bench_fusion: a chain of eight elementwise kernels against one loop by hand and against a loop for each of them.
// README.md says what is timed.
#include <cstring>
#include <stdexcept>
#include <vector>

#include "embed/graph_run.hpp"
#include "fusion/loops.hpp"
#include "mpi_bench.hpp"

namespace maniple::bench {
namespace {

using Elements = std::span<const float>;

std::int64_t elements_of(const MpiBench& bench) {
    if (bench.tiny) return 100'003;
    return std::int64_t{bench.options.quick ? 16 : 64} << 20;
}

GraphSpec chain(std::int64_t count) {
    GraphSpec spec("chain8");
    spec.input<float>("x", {count});
    spec.define("y", "minimum(abs(relu(square(x*1.5 + 0.25) - 1) - 0.5), 4)");
    spec.output("y");
    return spec;
}

void set(std::span<float> x) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 2654435761u % 4001) / 1000 - 2;
}

/// What stands where results are going to be must not be taken for them.
void spoil(Elements results) { std::memset(const_cast<float*>(results.data()), 0x7b, results.size_bytes()); }

void require_equal(Elements results, Elements want, const char* whose) {
    if (std::memcmp(results.data(), want.data(), want.size_bytes()) == 0) return;
    throw std::runtime_error(std::string(whose) + " computed something else than the plain loop");
}

void run_chain(const MpiBench& bench) {
    const std::string name = "chain8" + bench.suffix;
    if (!bench.options.wants(name)) return;
    const int threads = bench.options.threads;
    const KernelRegistry kernels(standard_kernels());
    GraphRun ours(chain(elements_of(bench)), bench.ranks.communicator(), kernels, {threads, false});
    const TensorPart<float> x = ours.input<float>("x");
    set(x.elements);
    ours.execute();
    const Elements y = ours.output<float>("y").elements;  // the storage itself: there is no halo
    const std::size_t count = y.size();
    std::vector<float> plain(count), results(count);
    hand_fused(x.elements.data(), plain.data(), count, 1);

    const auto by_hand = [&](const char* whose, auto loops) {
        return [&, whose, loops] {
            spoil(results);
            const double ms = bench.time_ms([&] { loops(x.elements.data(), results.data(), count, threads); });
            require_equal(results, plain, whose);
            return ms;
        };
    };
    const auto by_ours = [&] {
        spoil(y);
        const double ms = bench.time_ms([&] { ours.execute(); });
        require_equal(y, plain, "ours");
        return ms;
    };
    const std::vector<Contender> contenders = {{"ours", by_ours},
                                               {"hand_fused", by_hand("hand_fused", hand_fused)},
                                               {"separate_passes", by_hand("separate_passes", separate_passes)}};
    bench.report.add(row_of(name, "ms", contenders, bench.options.samples));
}

}  // namespace
}  // namespace maniple::bench

int main(int argc, char** argv) {
    return maniple::bench::run_mpi_bench(argc, argv, "fusion", maniple::bench::run_chain);
}
