// program/throughput.hpp: how fast a rank's lanes are, guessed or measured, so that each gets its share of the work.
#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/machine.hpp"
#include "graph/graph.hpp"
#include "plan/plan.hpp"
#include "program/lane_choice.hpp"
#include "program/point_profile.hpp"
#include "program/program.hpp"
#include "program/size_fit.hpp"
#include "trace/byte_times.hpp"
#include "trace/work_time.hpp"

namespace maniple {

/// What is measured together: one kernel for one combination of types, on one kind of lane, for about as many points.
struct ThroughputKey {
    std::string kernel;  ///< "heat_step f32"
    std::string lane;    ///< "cpu x8", "gpu NVIDIA H200"
    int size_class = 0;  ///< bits of the number of points

    auto operator<=>(const ThroughputKey&) const = default;
};

/// Nanoseconds per point, newest last; of each key the last few runs.
class ThroughputHistory {
public:
    static constexpr std::size_t most_samples = 15;

    /// The last most_samples of those that were added.
    class Samples {
    public:
        void add(double sample);
        const double* begin() const { return values_.data(); }
        const double* end() const { return begin() + count_; }
        double* begin() { return values_.data(); }
        double* end() { return begin() + count_; }
        std::size_t size() const { return count_; }

    private:
        std::array<double, most_samples> values_{};
        std::size_t count_ = 0;
    };

    /// A sample that no lane can have is taken as the nearest that one can. The first of a PointProfile drops what has
    /// its place.
    void add(const ThroughputKey& key, double ns_per_point);
    /// The median of the key's samples; of a size class that has none, or none that can be believed, what the others of the
    /// kernel on the lane say (SizeFit). One slow outlier changes little. Classes that are more than `most_away` from it do not
    /// count. Parts of a PointProfile are no sizes: of one that has no samples it is the nearest one's, the larger of two.
    /// Any threads, while nothing is added.
    std::optional<double> ns_per_point(const ThroughputKey& key, int most_away = 64) const;
    /// Adds all samples of another one after one's own.
    void add(const ThroughputHistory& newer);
    /// Adds what the ranks and operations of one run measured: of each key one sample, their median.
    void add_run(const ThroughputHistory& run);
    /// So many samples there are of exactly this key.
    std::size_t runs(const ThroughputKey& key) const;
    bool empty() const { return groups_.empty(); }

    struct Entry {
        ThroughputKey key;
        double ns_per_point = 0;  ///< the median
        std::size_t runs = 0;
        bool counts = true;  ///< false: it is far from what the other sizes have in common
    };
    /// What is known of all sizes together.
    struct Growth {
        std::string kernel;  ///< as ThroughputKey
        std::string lane;
        std::size_t sizes = 0;  ///< that count; two or more
        double exponent = 1;    ///< SizeFit
    };
    struct Known {
        std::vector<Entry> entries;
        std::vector<Growth> growths;
    };
    /// What is known of a kernel, for whatever types, lanes and sizes, in their order.
    Known of_kernel(const std::string& kernel) const;

    /// A line for each key: text, so that a person can read it.
    std::string text() const;
    /// Nothing where `text` is not what text() makes.
    static std::optional<ThroughputHistory> parse(std::string_view text);

private:
    /// Kernel and lane.
    using GroupKey = std::pair<std::string, std::string>;
    struct Class {
        int size_class = 0;
        Samples samples;

        double median() const;
    };
    /// Made when it is first asked for: a history is read at every start, and most of it is of other jobs.
    class Fit {
    public:
        Fit() = default;
        Fit(const Fit&) noexcept {}
        Fit& operator=(const Fit&) noexcept;
        ~Fit() { forget(); }

        /// Any threads.
        const SizeFit& of(const std::vector<Class>& classes) const;
        void forget();

    private:
        mutable std::atomic<const SizeFit*> made_{nullptr};  ///< owned
    };
    struct Group {
        std::vector<Class> classes;  ///< in rising order
        Fit fit;                     ///< of the classes as they are

        /// To add to.
        Samples& of_class(int size_class);
    };
    /// Also of names that are no strings of their own.
    struct InOrder {
        using is_transparent = void;
        using Names = std::pair<std::string_view, std::string_view>;

        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            return Names(a.first, a.second) < Names(b.first, b.second);
        }
    };
    Group& group_of(const ThroughputKey& key);
    const Group* find(const ThroughputKey& key) const;
    void make_place_for(std::string_view kernel);

    std::map<GroupKey, Group, InOrder> groups_;
};

/// `lane` is a number of LaneChoice. `points` are all that the lanes of the rank share.
ThroughputKey throughput_key(const Graph& graph, OperationId operation, const RankFacts& facts, int lane,
                             std::int64_t points);

/// From the signature: bytes and floating-point operations against rates of ordinary cores and devices.
double guessed_ns_per_point(const Graph& graph, OperationId operation, const RankFacts& facts, int lane,
                            const Rates& rates = {});

/// By OperationId, for each of its lanes in `choice` how much of the work it should get, relative to the others. Where
/// one of an operation's lanes has not been measured, guesses are compared with guesses only. None where the plan wants even
/// shares. Pure.
std::vector<std::vector<double>> lane_weights(const Graph& graph, const Plan& plan, Rank rank, const RankFacts& facts,
                                              const LaneChoice& choice, const ThroughputHistory& history);

/// One operation's part in the time that a chunk takes.
struct ChunkWork {
    OperationId operation;
    std::int64_t points = 0;
    double share = 1;   ///< by the bytes of its points
    Stretch stretch{};  ///< of an irregular operation
};

/// What `chunk` computes. Pure.
std::vector<ChunkWork> work_of(const Graph& graph, const Program& program, const Chunk& chunk);

/// What an instruction, or a chunk, makes or moves without a kernel.
struct ChunkBytes {
    ByteWork work = ByteWork::sequence;
    std::int64_t bytes = 0;  ///< 0: nothing that is measured
};

/// Of generated values, and in files. What moves from one place to another is counted once. Pure.
ChunkBytes byte_work_of(const Graph& graph, const Instruction& instruction);
/// Nothing where the chunk does anything besides. Pure.
ChunkBytes byte_work_of(const Graph& graph, const Program& program, const Chunk& chunk);

/// Files are shared by `ranks`; what is generated takes one thread.
ThroughputKey throughput_key(const ChunkBytes& work, int ranks);

/// Puts the time of one execution of a chunk down to what it computed.
void add_work_time(const std::vector<ChunkWork>& work, std::int64_t duration_ns, WorkTimes& times);

/// Adds what the lanes of `rank` measured in one run. `cpu` is the sum over all threads of the lane; `gpus` are by lane.
/// Of each key one figure, the median of its operations; where all of them together took too little time none.
void add_measured(const Graph& graph, const Plan& plan, Rank rank, const RankFacts& facts, const WorkTimes& cpu,
                  const std::vector<WorkTimes>& gpus, ThroughputHistory& history);

/// What a run has found out of messages, and `rates` with it, where a link of theirs is an ordinary node's.
void add_measured(const LinkRates& link, bool within_node, ThroughputHistory& history);
Rates with_links(Rates rates, const ThroughputHistory& history);
/// How many runs have found out.
std::size_t runs_of_link(const ThroughputHistory& history, bool within_node);

/// Adds what a lane of one of `ranks` made or moved without kernels: nanoseconds a byte.
void add_measured(const ByteTimes& times, int ranks, ThroughputHistory& history);

}  // namespace maniple
