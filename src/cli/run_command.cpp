#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/job_loading.hpp"
#include "cli/options.hpp"
#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/cpu/topology.hpp"
#include "lanes/file/file_lane.hpp"
#include "lanes/file/output_datasets.hpp"
#include "lanes/net/net_lane.hpp"
#include "lanes/net/watch.hpp"
#include "report/progress.hpp"
#include "report/summary.hpp"
#include "run/executor.hpp"

namespace maniple {

namespace {

/// Runs `stage` on this rank; then all ranks agree that it went well, or throw the same error.
template <class Stage>
void together(const World& world, Stage&& stage) {
    std::exception_ptr error;
    try {
        stage();
    } catch (...) { error = std::current_exception(); }
    world.agree(error);
}

/// MANIPLE_THREADS and OMP_NUM_THREADS may lower the number of cores; --threads stands above both.
int choose_threads(const RunOptions& options, const Topology& topology) {
    if (options.threads > 0) return options.threads;
    int threads = topology.cores();
    for (const char* name : {"MANIPLE_THREADS", "OMP_NUM_THREADS"}) {
        const char* text = std::getenv(name);
        const int value = text == nullptr ? 0 : std::atoi(text);
        if (value > 0 && value < threads) threads = value;
    }
    return threads;
}

std::string report_folder(const RunOptions& options, const Job& job) {
    if (!options.report.empty()) return options.report;
    const std::filesystem::path folder = std::filesystem::path(options.job).parent_path();
    return (folder / (job.name + ".report")).string();
}

/// One `maniple run` on one rank, stage by stage.
class JobRun {
public:
    JobRun(const World& world, Watch& watch, RunOptions options, std::int64_t begin_ns)
        : world_(world), watch_(watch), options_(std::move(options)), begin_ns_(begin_ns) {}

    void run() {
        together(world_, [&] {
            registry_.emplace(standard_kernels());
            topology_.emplace();
        });
        load_job();
        make_graph_and_plan();
        if (options_.dry_run) return;
        execute();
        finish();
    }

private:
    void load_job() {
        std::string text;
        together(world_, [&] {
            if (world_.is_root()) text = read_job_text(options_.job);
        });
        text = world_.broadcast(text);
        world_.require_equal(version_number() + text, "the version of maniple or the job file");
        // Every rank parses the same text, so all of them find the same errors; rank 0 prints them.
        job_ = parse_job(text, options_.job, options_.overrides);
        std::string facts;
        together(world_, [&] {
            if (world_.is_root()) facts = serialize(read_catalogue(job_));
        });
        catalogue_ = deserialize_catalogue(world_.broadcast(facts));
    }

    void make_graph_and_plan() {
        graph_ = build_graph(job_, catalogue_, *registry_);
        together(world_, [&] {
            instruction_set_ = choose_instruction_set(registry_->all().front().instruction_sets);
            threads_ = choose_threads(options_, *topology_);
        });
        const RankFacts facts{host_name(), threads_, topology_->memory_bytes()};
        for (const std::string& bytes : world_.gather(serialize(facts)))
            machine_.ranks.push_back(deserialize_rank_facts(bytes));
        plan_ = make_plan(graph_, machine_, {job_.plan.strategy, static_cast<int>(job_.plan.max_ranks.value_or(0))});
        plan_text_ = print_plan(graph_, plan_);
        world_.require_equal(plan_text_, "the plan");
        together(world_, [&] { layout_ = build_layout(graph_, plan_, world_.rank()); });
    }

    Provenance provenance() const {
        Provenance provenance;
        provenance.job_name = job_.name;
        provenance.job_text = job_.text;
        provenance.version = version_number();
        provenance.plan = plan_text_;
        provenance.started_utc = utc_now();
        provenance.ranks = world_.size();
        for (const RankFacts& rank : machine_.ranks) provenance.hosts.push_back(rank.host);
        return provenance;
    }

    void execute() {
        Progress progress(job_.name, graph_.steps, progress_mode(options_.quiet || !world_.is_root()));
        progress.say(fmt::format(
            "{}: {} {} on {} {}, {} {} each", job_.name, graph_.steps, graph_.steps == 1 ? "step" : "steps",
            world_.size(), world_.size() == 1 ? "rank" : "ranks", threads_, threads_ == 1 ? "thread" : "threads"));
        together(world_, [&] { arena_ = std::make_unique<Arena>(layout_); });
        outputs_ =
            std::make_unique<OutputFiles>(world_.files(), job_, catalogue_, output_datasets(graph_, job_, catalogue_),
                                          provenance(), options_.overwrite);
        for (const std::string& notice : outputs_->notices()) progress.say(notice);
        std::optional<InputFiles> opened_inputs;
        std::optional<CpuLane> cpu_lane;
        std::optional<NetLane> net_lane;
        std::optional<FileLane> file_lane;
        together(world_, [&] {
            opened_inputs.emplace(job_, catalogue_);
            cpu_lane.emplace(graph_, *arena_, instruction_set_, threads_);
            net_lane.emplace(world_, *arena_);
            file_lane.emplace(graph_, *arena_, *opened_inputs, outputs_.get());
        });
        InputFiles& inputs = *opened_inputs;
        CpuLane& cpu = *cpu_lane;
        NetLane& net = *net_lane;
        FileLane& file = *file_lane;
        Executor executor(graph_, plan_, layout_, cpu, net, file, threads_,
                          [&](int worker) { topology_->pin_worker(worker, threads_); });
        watch_.observe({[&] { return executor.progress().load(std::memory_order_relaxed); },
                        [&] { return file.is_busy(); }, [&] { return executor.in_flight_text(); }});
        std::exception_ptr error;
        try {
            totals_ = executor.run([&](std::int64_t done) { progress.update(done); });
        } catch (...) { error = std::current_exception(); }
        watch_.observe({});
        agree_or_end(error);
        summarise(cpu, net, file, inputs);
    }

    /// After a failure in the middle of a run messages may be in flight that no one will ever answer, so MPI cannot be
    /// finalised: once all ranks know the error and rank 0 has printed it, the job is ended through MPI_Abort.
    void agree_or_end(const std::exception_ptr& error) {
        try {
            world_.agree(error);
        } catch (const Error& agreed) {
            outputs_->abandon();
            if (world_.is_root()) {
                for (const Diagnostic& diagnostic : agreed.diagnostics())
                    std::fputs(render(diagnostic, false).c_str(), stderr);
            }
            world_.sum(std::int64_t{0});  // nobody leaves before the message is out and temporary files are gone
            MPI_Abort(MPI_COMM_WORLD, static_cast<int>(agreed.code()));
        }
    }

    void summarise(const CpuLane& cpu, const NetLane& net, const FileLane& file, const InputFiles& inputs) {
        const int rank = world_.rank().value;
        const Activity net_activity = net.activity();
        const Activity file_activity = file.activity();
        summary_.lanes.push_back({rank, "cpu", -1, "", cpu.busy_seconds(), cpu.activity().chunks, totals_.operations});
        if (world_.size() > 1) {
            summary_.lanes.push_back(
                {rank, "net", -1, "", static_cast<double>(net_activity.busy_ns) / 1e9, net_activity.chunks, 0});
        }
        summary_.lanes.push_back(
            {rank, "file", -1, "", static_cast<double>(file_activity.busy_ns) / 1e9, file_activity.chunks, 0});
        summary_.flops = totals_.flops;
        summary_.chunks = totals_.chunks;
        summary_.messages = totals_.messages;
        summary_.message_bytes = totals_.message_bytes;
        summary_.read_bytes = inputs.bytes_read();
        summary_.host_peak_bytes = arena_->peak_bytes();
    }

    void finish() {
        std::vector<std::int64_t> rows;
        for (const GraphOutput& output : graph_.outputs)
            rows.push_back(output.every > 0 ? totals_.steps / output.every : 0);
        outputs_->finish(rows);
        summary_.written_bytes = outputs_->bytes_written();
        summary_.wall_seconds = static_cast<double>(now_ns() - begin_ns_) / 1e9;
        Summary summary;
        summary.job = job_.name;
        summary.version = version_number();
        summary.strategy = plan_.strategy;
        summary.steps = totals_.steps;
        for (const std::string& bytes : world_.gather(serialize(summary_)))
            summary.ranks.push_back(deserialize_rank_summary(bytes));
        for (const OutputSpec& output : job_.outputs) {
            if (summary.outputs.empty() || summary.outputs.back() != output.to.path)
                summary.outputs.push_back(output.to.path);
        }
        together(world_, [&] {
            if (world_.is_root() && !options_.no_report) write_report(summary, report_folder(options_, job_));
        });
        if (world_.is_root() && !options_.quiet) {
            std::fputs(summary_table(summary).c_str(), stderr);
            if (!options_.no_report) std::fprintf(stderr, "  report in %s\n", report_folder(options_, job_).c_str());
        }
    }

    const World& world_;
    Watch& watch_;
    RunOptions options_;
    std::int64_t begin_ns_;
    std::optional<KernelRegistry> registry_;
    std::optional<Topology> topology_;
    std::string instruction_set_;
    int threads_ = 1;
    Job job_;
    Catalogue catalogue_;
    Graph graph_;
    Machine machine_;
    Plan plan_;
    std::string plan_text_;
    Layout layout_;
    std::unique_ptr<Arena> arena_;
    std::unique_ptr<OutputFiles> outputs_;
    RunTotals totals_;
    RankSummary summary_;
};

}  // namespace

int run_command(int* argc, char*** argv, const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments) {
        if (argument == "--help") {
            std::fputs(run_usage().c_str(), stdout);
            return 0;
        }
    }
    const MpiSession session(argc, argv);
    const std::int64_t begin_ns = now_ns();
    const World world(MPI_COMM_WORLD);
    try {
        RunOptions options = parse_run_options(arguments);
        Watch watch(world, options.stall_seconds);
        JobRun(world, watch, std::move(options), begin_ns).run();
        return 0;
    } catch (const Error& error) {
        // Every rank has the same error: found alike by all, or agreed upon. One prints it.
        if (world.is_root()) throw;
        return static_cast<int>(error.code());
    } catch (const std::exception& error) {
        // Nothing that the ranks agreed on: the others would wait for this one for ever.
        std::fprintf(stderr, "maniple: internal error on rank %d: %s\n", world.rank().value, error.what());
        MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ExitCode::internal));
        return static_cast<int>(ExitCode::internal);
    }
}

}  // namespace maniple
