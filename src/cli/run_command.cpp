#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <optional>
#include <set>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/dry_run.hpp"
#include "cli/launch.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/preparation.hpp"
#include "cli/print_options.hpp"
#include "cli/run_costs.hpp"
#include "cli/run_planning.hpp"
#include "cli/this_rank.hpp"
#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/cpu/fast_code.hpp"
#include "lanes/cpu/topology.hpp"
#include "lanes/file/file_lane.hpp"
#include "lanes/file/output_datasets.hpp"
#include "lanes/net/net_lane.hpp"
#include "lanes/net/watch.hpp"
#include "lanes/vulkan/cache_file.hpp"
#include "lanes/vulkan/gpu_lane.hpp"
#include "program/fit_memory.hpp"
#include "program/point_costs.hpp"
#include "program/predict.hpp"
#include "report/progress.hpp"
#include "report/summary.hpp"
#include "run/executor.hpp"
#include "run/stealing.hpp"
#include "run/team.hpp"

namespace maniple {

namespace {

std::string report_folder(const RunOptions& options, const Job& job) {
    if (!options.report.empty()) return options.report;
    const std::filesystem::path folder = std::filesystem::path(options.job).parent_path();
    return (folder / (job.name + ".report")).string();
}

/// What nobody waits for before the process ends. Each is waited for where this is destroyed.
using Closing = std::vector<std::future<void>>;

/// One `maniple run` on one rank, stage by stage.
class JobRun {
public:
    JobRun(const World& world, Watch& watch, RunOptions options, std::unique_ptr<const Topology> topology,
           std::int64_t begin_ns, Closing& closing)
        : world_(world), watch_(watch), options_(std::move(options)), begin_ns_(begin_ns), closing_(closing) {
        planned_.topology = std::move(topology);
    }

    void run(Prepared prepared) {
        plan_run(world_, options_, std::move(prepared), planned_);
        if (options_.verbose && world_.is_root()) {
            const std::string report = options_.no_report ? "none" : report_folder(options_, planned_.job);
            print_run_options(options_, planned_.job, {planned_.threads, planned_.threads_origin}, report);
        }
        check_report();
        execute();
        finish();
        give_back();
    }

private:
    /// Before anything is computed, so that hours of work do not end with a folder that cannot be made.
    void check_report() {
        together(world_, [&] {
            if (world_.is_root() && !options_.no_report) require_report_folder(report_folder(options_, planned_.job));
        });
    }

    Provenance provenance() const {
        Provenance provenance;
        provenance.job_name = planned_.job.name;
        provenance.job_text = planned_.job.text;
        provenance.version = version_number();
        provenance.plan = planned_.plan_text;
        provenance.started_utc = utc_now();
        provenance.ranks = world_.size();
        for (const RankFacts& rank : planned_.machine.ranks) provenance.hosts.push_back(rank.host);
        return provenance;
    }

    /// Beside the first output: where there is room for results.
    std::string scratch_folder() const {
        const std::string folder = std::filesystem::path(planned_.job.outputs.front().to.path).parent_path().string();
        return folder.empty() ? "." : folder;
    }

    void execute() {
        Progress progress(planned_.job.name, planned_.graph.steps, progress_mode(options_.quiet || !world_.is_root()));
        progress.say(fmt::format("{}: {} {} on {} {}, {} {} each", planned_.job.name, planned_.graph.steps,
                                 planned_.graph.steps == 1 ? "step" : "steps", world_.size(),
                                 world_.size() == 1 ? "rank" : "ranks", planned_.threads,
                                 planned_.threads == 1 ? "thread" : "threads"));
        say_lanes(progress);
        say_libraries(progress);
        together(world_, [&] {
            open_schedules();
            make_memory();
        });
        outputs_ = std::make_unique<OutputFiles>(world_.files(), planned_.job, planned_.catalogue,
                                                 output_datasets(planned_.graph, planned_.job, planned_.catalogue),
                                                 provenance(), options_.overwrite);
        for (const std::string& notice : outputs_->notices()) progress.say(notice);
        const Mailboxes mailboxes(world_, has_shared_memory(std::getenv(mpi_ways_variable)));
        std::optional<InputFiles> opened_inputs;
        std::optional<CpuLane> cpu_lane;
        std::optional<NetLane> net_lane;
        std::optional<FileLane> file_lane;
        together(world_, [&] {
            opened_inputs.emplace(planned_.job, planned_.catalogue);
            cpu_lane.emplace(planned_.graph, *arena_, planned_.instruction_set, planned_.threads);
            net_lane.emplace(world_, *arena_, &mailboxes);
            file_lane.emplace(planned_.graph, *arena_, *opened_inputs, outputs_.get(), scratch_folder());
        });
        InputFiles& inputs = *opened_inputs;
        CpuLane& cpu = *cpu_lane;
        NetLane& net = *net_lane;
        FileLane& file = *file_lane;
        std::vector<Lane*> gpus;
        for (const auto& lane : gpu_lanes_) gpus.push_back(lane.get());
        std::optional<Stealing> stealing;
        cpu.slow_down(planned_.hooks.slowness * planned_.hooks.cpu_slowness);
        cpu.slow_down_kernel(planned_.hooks.slow_kernel, planned_.hooks.kernel_slowness,
                             planned_.hooks.slow_kernel_step);
        if (planned_.hooks.slow_gpu >= 0 && planned_.hooks.slow_gpu < static_cast<int>(gpu_lanes_.size()))
            gpu_lanes_[static_cast<std::size_t>(planned_.hooks.slow_gpu)]->slow_down(planned_.hooks.gpu_slowness);
        if (claim_memory_) stealing.emplace(world_, claim_context(), *claim_memory_, *arena_);
        Executor executor(planned_.graph, planned_.plan, *arena_, cpu, net, file, gpus, planned_.threads,
                          [&](int worker) {
                              if (planned_.first_core) planned_.topology->pin_to(*planned_.first_core + worker);
                          });
        executor.expect(std::move(planned_.first_program));
        executor.follow_costs();
        std::optional<Exchange> exchange;
        if (may_move_borders()) {
            exchange.emplace(world_);
            executor.move_borders({&*exchange, planned_.constraints(world_.rank()).memory.bytes});
        }
        if (options_.check) executor.audit();
        if (options_.host_complete) executor.complete_on_host();
        if (stealing) executor.claim_with(*stealing);
        if (recorded_) executor.record(*recorded_);
        if (replayed_) executor.replay(*replayed_);
        watch_.observe({[&] { return executor.progress(); }, [&] { return file.is_busy(); },
                        [&] { return executor.in_flight_text(); }});
        std::exception_ptr error;
        const std::int64_t steps_begin_ns = now_ns();
        try {
            totals_ = executor.run([&](std::int64_t done) { progress.update(done); });
        } catch (...) { error = std::current_exception(); }
        release_team();
        steps_seconds_ = static_cast<double>(now_ns() - steps_begin_ns) / 1e9;
        watch_.observe({});
        agree_or_end(error);
        shares_ = executor.shares();
        together(world_, [&] {
            if (recorded_) recorded_->finish();
        });
        summarise(cpu, stealing ? &*stealing : nullptr, net, file, inputs);
        if (options_.no_history) return;
        measure_lanes(cpu, stealing ? &*stealing : nullptr);
        add_measured(cpu.byte_times(), world_.size(), measured_);
        add_measured(file.byte_times(), world_.size(), measured_);
    }

    /// Not where a gpu computes: what it holds would have to be moved too; nor where a schedule is kept or followed.
    bool may_move_borders() const {
        return planned_.plan.moves_borders && !planned_.is_scheduled &&
               world_.sum(planned_.layout.lanes.gpus.empty() ? 0 : 1) == 0;
    }

    /// What ranks need that compute each other's chunks.
    ClaimContext claim_context() const {
        const auto lanes_of = [this](Rank rank) {
            return planned_.lanes_of(rank, planned_.machine.ranks[rank.index()]);
        };
        return {planned_.graph,
                planned_.plan,
                lanes_of,
                planned_.instruction_set,
                planned_.threads,
                planned_.hooks.slowness * planned_.hooks.cpu_slowness,
                planned_.hooks.claims_by_messages};
    }

    void measure_lanes(const CpuLane& cpu, const Stealing* stealing) {
        WorkTimes on_cpu = cpu.work_times();
        if (stealing != nullptr) stealing->add_work_times(on_cpu);
        std::vector<WorkTimes> gpus;
        for (const auto& lane : gpu_lanes_) gpus.push_back(lane->work_times());
        const RankFacts& facts = planned_.machine.ranks[world_.rank().index()];
        add_measured(planned_.graph, planned_.plan, world_.rank(), facts, on_cpu, gpus, measured_);
    }

    void open_schedules() {
        if (!planned_.is_scheduled) return;
        const ScheduleKey key{world_.rank().value, world_.size(), planned_.threads,
                              fingerprint(print_graph(planned_.graph) + planned_.plan_text)};
        if (!options_.replay.empty()) replayed_.emplace(schedule_path(options_.replay, key.rank), key);
        if (!options_.record.empty()) recorded_.emplace(schedule_path(options_.record, key.rank), key);
    }

    /// What is not as the user may expect, one line each.
    void say_lanes(Progress& progress) const {
        if (planned_.choice && !planned_.choice->note().empty()) progress.say(planned_.choice->note());
        for (const std::string& note : planned_.plan.notes) progress.say(note);
        for (const std::string& note : planned_.layout.lanes.notes) progress.say(note);
        if (planned_.is_scheduled && !planned_.history.history.empty())
            progress.say("--record and --replay: tiles are cut as if nothing had been measured");
        if (planned_.plan.claiming_ranks > 1 && planned_.is_scheduled)
            progress.say("every rank computes its own tiles: which thread starts what is kept or followed");
        if (planned_.plan.claiming_ranks > 1 && !planned_.layout.lanes.gpus.empty())
            progress.say("what a gpu computes is not claimed by other ranks");
        if (!planned_.history.note.empty()) progress.say(planned_.history.note);
        if (planned_.gpus.devices.empty() && !planned_.gpus.note.empty())
            progress.say("no gpu: " + planned_.gpus.note + "; the cpu computes everything");
        if (!planned_.gpus.devices.empty() && !planned_.gpus.note.empty()) progress.say(planned_.gpus.note);
    }

    /// Opens what kernels call on this rank; what is not there, one line for each kind of rank.
    void say_libraries(Progress& progress) const {
        std::string lines;
        together(world_, [&] { lines = join(open_fast_code(planned_.graph, planned_.layout), "\n"); });
        std::set<std::string> said;
        for (const std::string& of_rank : world_.gather(lines)) {
            if (!of_rank.empty() && said.insert(of_rank).second) progress.say(of_rank);
        }
    }

    /// The gpu lanes first: they give the host the memory that both see.
    void make_memory() {
        const std::size_t used = planned_.layout.lanes.gpus.size();
        for (std::size_t i = 0; i < used; ++i) {
            gpu_lanes_.push_back(std::make_unique<GpuLane>(*planned_.gpus.instance, planned_.gpus.devices[i],
                                                           static_cast<int>(i), planned_.graph, planned_.layout));
        }
        const auto mapped = [&](BufferId buffer) {
            return gpu_lanes_[static_cast<std::size_t>(planned_.layout[buffer].memory.gpu)]->mapped(buffer);
        };
        if (planned_.plan.claiming_ranks > 1) {
            claim_memory_.emplace(planned_.layout);
            arena_ = std::make_unique<Arena>(planned_.layout, claim_memory_->storage(), mapped);
        } else {
            arena_ = std::make_unique<Arena>(planned_.layout, mapped);
        }
    }

    /// After a failure in the middle of a run messages may be in flight that no one will ever answer, so MPI cannot be
    /// finalised: once all ranks know the error and rank 0 has printed it, the job is ended through MPI_Abort.
    void agree_or_end(const std::exception_ptr& error) {
        try {
            world_.agree(error);
        } catch (const Error& agreed) {
            outputs_->abandon();
            if (world_.size() == 1) throw;
            if (world_.is_root()) print_messages(agreed.diagnostics());
            world_.sum(std::int64_t{0});  // nobody leaves before the message is out and temporary files are gone
            world_.abort(agreed.code());
        }
    }

    void summarise(const CpuLane& cpu, const Stealing* stealing, const NetLane& net, const FileLane& file,
                   const InputFiles& inputs) {
        const int rank = world_.rank().value;
        const Activity net_activity = net.activity();
        const Activity file_activity = file.activity();
        Activity computed = cpu.activity();
        if (stealing != nullptr) {
            computed += stealing->activity();
            for (const ClaimCount& count : stealing->counts()) summary_.claims.push_back({count.from, count.boxes});
        }
        const double busy_seconds = static_cast<double>(computed.busy_ns) / 1e9 / planned_.threads;
        const auto share_of = [&](std::size_t lane) -> std::optional<double> {
            if (shares_.empty()) return std::nullopt;
            return shares_[lane];
        };
        summary_.lanes.push_back({rank, "cpu", -1, "", busy_seconds, computed.chunks, totals_.operations, share_of(0)});
        for (std::size_t i = 0; i < gpu_lanes_.size(); ++i) {
            const Activity activity = gpu_lanes_[i]->activity();
            const DeviceDescription& device = gpu_lanes_[i]->description();
            summary_.lanes.push_back({rank, "gpu", device.number, device.type,
                                      static_cast<double>(activity.busy_ns) / 1e9, activity.chunks,
                                      totals_.gpu_operations[i], share_of(1 + i)});
            summary_.lanes.back().queues = gpu_lanes_[i]->queues();
        }
        if (world_.size() > 1) {
            LaneSummary lane{rank, "net", -1, "", static_cast<double>(net_activity.busy_ns) / 1e9, net_activity.chunks};
            lane.in_flight_seconds = static_cast<double>(totals_.in_flight_ns) / 1e9;
            const bool cpu_computes_all = gpu_lanes_.empty() && stealing == nullptr;
            if (cpu_computes_all) lane.hidden_seconds = static_cast<double>(totals_.hidden_ns) / 1e9;
            summary_.lanes.push_back(lane);
        }
        summary_.lanes.push_back(
            {rank, "file", -1, "", static_cast<double>(file_activity.busy_ns) / 1e9, file_activity.chunks, 0});
        summary_.flops = totals_.flops;
        summary_.chunks = totals_.chunks;
        summary_.messages = totals_.messages;
        summary_.message_bytes = totals_.message_bytes;
        summary_.messages_by_kind = totals_.messages_by_kind;
        summary_.reused_buffers = totals_.reused_buffers;
        summary_.buffers_found = totals_.buffers_found;
        summary_.border_moves = totals_.border_moves;
        summary_.share_changes = totals_.share_changes;
        summary_.recuts = totals_.recuts;
        if (totals_.live_microbatches) {
            summary_.kept_microbatches = totals_.live_microbatches->kept;
            summary_.sent_microbatches = totals_.live_microbatches->sent;
        }
        summary_.moved_bytes = totals_.moved_bytes;
        summary_.read_bytes = inputs.bytes_read();
        summary_.spilled_bytes = file.spilled_bytes();
        summary_.host_peak_bytes = arena_->peak_bytes();
        summary_.device_peak_bytes = planned_.layout.device_bytes();
    }

    void finish() {
        std::vector<std::int64_t> rows;
        for (const GraphOutput& output : planned_.graph.outputs)
            rows.push_back(output.every > 0 ? totals_.steps / output.every : 0);
        // Beside what has to be done anyway: a processor has nothing to do.
        std::future<std::optional<double>> predicted;
        const bool tells = world_.is_root() && (!options_.quiet || !options_.no_report || planned_.choice);
        if (tells) predicted = std::async([this] { return predicted_steps(); });
        outputs_->finish(rows);
        summary_.written_bytes = outputs_->bytes_written();
        summary_.other_bytes = std::max<std::int64_t>(0, peak_resident_bytes() - summary_.host_peak_bytes);
        summary_.wall_seconds = static_cast<double>(now_ns() - begin_ns_) / 1e9;
        if (!options_.no_history) keep_history();
        Summary summary = summary_of_all();
        if (!world_.is_root()) return;
        const std::optional<double> steps = tells ? predicted.get() : std::nullopt;
        if (steps) summary.predicted_seconds = *steps + overhead().seconds(planned_.history.history);
        if (steps && planned_.choice) {
            const auto keep = [choice = *planned_.choice, predicted = *steps, took = steps_seconds_] {
                choice.keep(predicted, took);
            };
            closing_.push_back(std::async(keep));
        }
        summary.previous_wall_seconds = read_previous_wall_seconds(summary, report_folder(options_, planned_.job));
        if (!options_.quiet) std::fputs(summary_table(summary).c_str(), stderr);
        if (options_.no_report) return;
        const std::string folder = report_folder(options_, planned_.job);
        try {
            write_report(summary, folder);
            if (!options_.quiet) std::fprintf(stderr, "  report in %s\n", folder.c_str());
        } catch (const FileError& error) {
            // The results are complete: their run has not failed.
            print_messages({{{}, error.what(), {}, {}, true}});
        }
    }

    Summary summary_of_all() const {
        Summary summary;
        summary.job = planned_.job.name;
        summary.version = version_number();
        summary.strategy = planned_.plan.strategy;
        summary.steps = totals_.steps;
        summary.recomputed = recomputed_names(planned_.graph);
        for (const std::string& bytes : world_.gather(serialize(summary_)))
            summary.ranks.push_back(deserialize_rank_summary(bytes));
        for (const OutputSpec& output : planned_.job.outputs) {
            std::vector<std::string>& names = summary.outputs;
            if (std::find(names.begin(), names.end(), output.to.path) == names.end()) names.push_back(output.to.path);
        }
        return summary;
    }

    /// By what was asked for, and whether several plans were weighed.
    Overhead overhead() const {
        const bool weighed = planned_.choice && planned_.choice->is_weighed();
        return {planned_.job.name, planned_.asked.strategy + (weighed ? " weighed" : ""), world_.size()};
    }

    void keep_history() {
        if (world_.is_root()) overhead().add(summary_.wall_seconds - steps_seconds_, measured_);
        measure_links(world_, planned_.machine, planned_.history.history, measured_);
        closing_.push_back(add_to_history(world_, cache_folder(), measured_));
    }

    /// Of the steps, from what was known before the run. Nothing where that fails: the results are complete by now.
    std::optional<double> predicted_steps() const {
        try {
            if (planned_.predicted_seconds) return planned_.predicted_seconds;
            return predicted_step_seconds(planned_.graph, planned_.plan,
                                          {planned_.machine, planned_.history.history, planned_.lane_use},
                                          totals_.steps);
        } catch (const std::exception&) { return std::nullopt; }
    }

    /// To give back many small pieces of memory takes as long as MPI_Finalize waits for others.
    void give_back() {
        struct Pieces {
            Job job;
            Graph graph;
            Plan plan;
            ThroughputHistory history;
        };
        auto pieces = std::make_unique<Pieces>(Pieces{std::move(planned_.job), std::move(planned_.graph),
                                                      std::move(planned_.plan), std::move(planned_.history.history)});
        closing_.push_back(std::async([pieces = std::move(pieces)]() mutable { pieces.reset(); }));
    }

    const World& world_;
    Watch& watch_;
    RunOptions options_;
    std::int64_t begin_ns_;
    Closing& closing_;
    PlannedRun planned_;
    std::vector<std::unique_ptr<GpuLane>> gpu_lanes_;
    std::optional<ClaimMemory> claim_memory_;  ///< where ranks claim work from each other
    std::unique_ptr<Arena> arena_;
    std::unique_ptr<OutputFiles> outputs_;
    std::optional<ScheduleReader> replayed_;
    std::optional<ScheduleWriter> recorded_;
    RunTotals totals_;
    std::vector<double> shares_;  ///< Executor::shares()
    double steps_seconds_ = 0;    ///< that the executor took
    ThroughputHistory measured_;  ///< in this run
    RankSummary summary_;
};

}  // namespace

int run_command(int* argc, char*** argv, const std::vector<std::string>& arguments) {
    if (wants_help(arguments)) {
        if (launched_rank() == 0) std::fputs(run_usage().c_str(), stdout);
        return 0;
    }
    if (wants_dry_run(arguments)) return dry_run(argc, argv, arguments);
    Closing closing;  // before the session, so that it goes on while MPI ends
    // Wrong ones are an error of all ranks, told once MPI is there.
    std::exception_ptr wrong_options;
    RunOptions options;
    // MPI takes longer to start than many a job to run, and a process alone has nobody to talk to.
    const bool alone = is_alone();
    std::unique_ptr<const Topology> topology;
    std::shared_future<std::optional<RankFacts>> facts;
    std::optional<Preparation> preparation;
    std::optional<WithoutHwlocPlugins> without_plugins;
    try {
        options = parse_run_options(arguments);
        without_plugins.emplace();
        facts = std::async([&] {
            topology = look_around();
            return facts_of_all(options, topology.get());
        });
        if (!alone) {
            facts.wait();  // hwloc asks for variables, which MPI_Init alters
            without_plugins.reset();
        }
        preparation.emplace(PreparationRequest{options, cache_folder(), Rank(launched_rank()), launched_ranks(), facts},
                            alone ? Preparation::Thread::of_caller : Preparation::Thread::its_own);
    } catch (...) { wrong_options = std::current_exception(); }
    std::unique_ptr<const MpiSession> session;
    if (!alone) session = start_mpi(argc, argv);
    const std::int64_t begin_ns = now_ns();
    const World world = session ? World(MPI_COMM_WORLD) : World();
    try {
        if (wrong_options) std::rethrow_exception(wrong_options);
        Prepared prepared = preparation->take();
        facts.wait();
        without_plugins.reset();
        if (world.is_root() && !options.quiet) print_messages(unknown_variables());
        Watch watch(world, options.stall_seconds);
        JobRun(world, watch, std::move(options), std::move(topology), begin_ns, closing).run(std::move(prepared));
        return 0;
    } catch (const Error& error) {
        // Every rank has the same error: found alike by all, or agreed upon. One prints it, while no other can leave:
        // a launcher ends all ranks as soon as one has left with an error.
        if (world.is_root()) print_messages(error.diagnostics());
        return static_cast<int>(error.code());
    } catch (const std::exception& error) {
        // Nothing that the ranks agreed on: the others would wait for this one for ever.
        std::fprintf(stderr, "maniple: internal error on rank %d: %s\n", world.rank().value, error.what());
        world.abort(ExitCode::internal);
    }
}

}  // namespace maniple
