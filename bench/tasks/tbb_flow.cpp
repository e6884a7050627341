#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <oneapi/tbb/task_scheduler_observer.h>

#include <atomic>
#include <deque>
#include <optional>
#include <thread>

#include "harness.hpp"
#include "pin.hpp"
#include "tasks/system.hpp"

namespace maniple::bench {
namespace {

using Node = tbb::flow::continue_node<tbb::flow::continue_msg>;

class Pinning final : public tbb::task_scheduler_observer {
public:
    explicit Pinning(tbb::task_arena& arena) : task_scheduler_observer(arena) { observe(true); }
    ~Pinning() override { observe(false); }
    void on_scheduler_entry(bool is_worker) override {
        if (is_worker) pin_this_thread(tbb::this_task_arena::current_thread_index());
    }
};

/// Returns when so many threads are in the arena, or after `most_ns`: TBB may have fewer than it was asked for.
void wake_workers(tbb::task_arena& arena, int threads, double most_ns) {
    std::atomic<int> here{0};
    const double deadline_ns = now_ns() + most_ns;
    arena.execute([&] {
        tbb::task_group group;
        for (int i = 0; i < threads; ++i) {
            group.run([&] {
                ++here;
                while (here < threads && now_ns() < deadline_ns) std::this_thread::yield();
            });
        }
        group.wait();
    });
}

/// Makes TBB start its workers, each of which then pins itself, while this thread is on no core of its own: they begin
/// where it is, and would wait there until it sleeps.
void start_workers(tbb::task_arena& arena, int threads) {
    unpin_this_thread();
    wake_workers(arena, threads, 1e9);
    pin_this_thread(0);
}

/// The `lightweight` policy is not used: it runs a task inside the one that it follows, one deep recursion on one
/// thread.
class TbbFlow final : public System {
public:
    TbbFlow(Work& work, int threads)
        : System(work), control_(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads)),
          arena_(threads), pinning_(arena_), threads_(threads) {
        start_workers(arena_, threads);
        arena_.execute([this] { build(); });
    }
    ~TbbFlow() override {
        arena_.execute([this] {
            nodes_.clear();
            graph_.reset();
        });
    }

protected:
    std::string_view team() const override { return "tbb"; }
    void wake() override { wake_workers(arena_, threads_, 1e6); }
    void execute() override {
        arena_.execute([this] {
            for (Node* const root : roots_) root->try_put(tbb::flow::continue_msg());
            graph_->wait_for_all();
        });
    }

private:
    void build() {
        graph_.emplace();  // here, so that its tasks go to this arena
        Work* const mine = &work();
        const TaskGraph& graph = mine->graph();
        std::size_t above = 0;  // where the nodes of the step before begin
        for (std::uint32_t step = 0; step < static_cast<std::uint32_t>(graph.steps()); ++step) {
            const std::size_t row = nodes_.size();
            const auto width = static_cast<std::uint32_t>(graph.width_at(static_cast<int>(step)));
            for (std::uint32_t column = 0; column < width; ++column) {
                const std::uint32_t packed = pack(step, column);
                nodes_.emplace_back(*graph_, [mine, packed](const tbb::flow::continue_msg&) { mine->run(packed); });
                const auto before = graph.predecessors(step, column);
                if (before.empty()) roots_.push_back(&nodes_.back());
                for (const auto other : before) tbb::flow::make_edge(nodes_[above + other], nodes_.back());
            }
            above = row;
        }
    }

    tbb::global_control control_;  ///< TBB counts the cores that the main thread is pinned to: one
    tbb::task_arena arena_;
    Pinning pinning_;
    int threads_;
    std::optional<tbb::flow::graph> graph_;
    std::deque<Node> nodes_;
    std::vector<Node*> roots_;
};

}  // namespace

std::unique_ptr<System> make_tbb_flow(Work& work, int threads) { return std::make_unique<TbbFlow>(work, threads); }

}  // namespace maniple::bench
