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
#include "cli/gpu_choice.hpp"
#include "cli/history_file.hpp"
#include "cli/job_loading.hpp"
#include "cli/launch.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/own_choice.hpp"
#include "cli/preparation.hpp"
#include "cli/print_options.hpp"
#include "cli/rates_file.hpp"
#include "cli/run_costs.hpp"
#include "cli/stages.hpp"
#include "cli/test_hooks.hpp"
#include "cli/this_rank.hpp"
#include "graph/twins.hpp"
#include "lanes/cpu/cpu_lane.hpp"
#include "lanes/cpu/fast_code.hpp"
#include "lanes/cpu/topology.hpp"
#include "lanes/file/file_lane.hpp"
#include "lanes/file/output_datasets.hpp"
#include "lanes/net/net_lane.hpp"
#include "lanes/net/watch.hpp"
#include "lanes/vulkan/cache_file.hpp"
#include "lanes/vulkan/gpu_lane.hpp"
#include "program/blocks.hpp"
#include "program/choose_plan.hpp"
#include "program/fit_memory.hpp"
#include "program/point_costs.hpp"
#include "program/predict.hpp"
#include "program/refuse_plan.hpp"
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
           Prepared prepared, std::int64_t begin_ns, Closing& closing)
        : world_(world), watch_(watch), options_(std::move(options)), topology_(std::move(topology)),
          prepared_(std::move(prepared)), begin_ns_(begin_ns), closing_(closing) {}

    void run() {
        together(world_, [&] {
            registry_ = std::move(prepared_.registry);
            if (registry_ == nullptr) registry_ = std::make_unique<KernelRegistry>(standard_kernels());
            if (topology_ == nullptr) topology_ = std::make_unique<const Topology>();
            hooks_ = read_test_hooks(world_.rank());
        });
        load_job();
        make_graph_and_plan();
        if (options_.verbose && world_.is_root()) {
            const std::string report = options_.no_report ? "none" : report_folder(options_, job_);
            print_run_options(options_, job_, {threads_, threads_origin_}, report);
        }
        check_report();
        execute();
        finish();
        give_back();
    }

private:
    void load_job() {
        std::string text;
        together(world_, [&] {
            if (world_.is_root()) text = prepared_.text ? *prepared_.text : read_job_text(options_.job);
        });
        text = world_.broadcast(text);
        prepared_.keep_if_of(text);
        world_.require_equal(version_number() + text, "the version of maniple or the job file");
        // Every rank reads the same text, so all of them find the same errors; rank 0 adds those of the graph.
        JobReading reading =
            prepared_.reading ? std::move(*prepared_.reading) : read_job(text, options_.job, options_.overrides);
        if (!reading.errors.empty()) {
            together(world_, [&] {
                if (world_.is_root()) refuse_job(std::move(reading), *registry_);
            });
        }
        job_ = std::move(reading.job);
        std::string facts;
        together(world_, [&] {
            if (world_.is_root()) facts = serialize(read_catalogue(job_));
        });
        catalogue_ = deserialize_catalogue(world_.broadcast(facts));
        // What the command line and the environment say stands above the job file.
        if (options_.lanes) job_.plan.lanes = *options_.lanes;
    }

    void make_graph_and_plan() {
        graph_ = prepared_.graph ? std::move(*prepared_.graph) : build_graph(job_, catalogue_, *registry_);
        if (options_.validate) graph_ = with_twins(std::move(graph_));
        if (world_.is_root() && !options_.quiet) print_messages(graph_.warnings);
        together(world_, [&] {
            instruction_set_ = choose_instruction_set(registry_->all().front().instruction_sets);
            const ThreadCount count = choose_threads(options_, *topology_);
            threads_ = count.threads;
            threads_origin_ = count.origin;
        });
        open_gpus();
        find_machine();
        if (!options_.no_history) history_ = read_history(world_, cache_folder(), std::move(prepared_.history));
        const PlanRequest request = chosen_request();
        PlannedGraph planned = plan_graph(std::move(graph_), machine_, request);
        graph_ = std::move(planned.graph);
        plan_ = std::move(planned.plan);
        settle_sharing();
        plan_text_ = print_plan(graph_, plan_);
        if (hooks_.tampers) tamper();
        const std::string identity = plan_identity(graph_, plan_);
        world_.require_equal(identity, "the plan");
        first_core_ = machine_.first_core(world_.rank());
        together(world_, [&] { make_layout(machine_.ranks[world_.rank().index()], identity); });
        if (!has_room()) {
            make_room();
            require_room();
        }
        prove_by_hand();
        begin_first_program();
    }

    /// Where something else decides which lane computes what, earlier runs do. The same on every rank.
    void settle_sharing() {
        const bool scheduled = is_scheduled();
        const bool dynamic = plan_.sharing == LaneSharing::dynamic;
        if (!dynamic && plan_.sharing != LaneSharing::adaptive) return;
        const std::string beside = scheduled                      ? "--record and --replay"
                                   : plan_.claiming_ranks > 1     ? "plan: stealing"
                                   : dynamic && options_.validate ? "--validate"
                                                                  : "";
        if (beside.empty()) return;
        plan_.sharing = LaneSharing::weighted;
        plan_.notes.push_back(fmt::format("sharing: {} does not go with {}: lanes share as with weighted",
                                          dynamic ? "dynamic" : "adaptive", beside));
    }

    /// The first operation on another rank than the others think.
    void tamper() {
        BlockGrid& grid = plan_.operations.front().points;
        grid.first = Rank((grid.first.value + 1) % world_.size());
    }

    /// A plan that people made, or that has been made to fit, is proved before it runs; others are by the same rules, and
    /// `maniple check` proves them.
    void prove_by_hand() {
        if (asked_.from.empty() && !plan_.tight) return;
        together(world_, [&] {
            if (world_.is_root())
                prove(graph_, plan_, constraints().memory,
                      lanes_of_ranks(graph_, plan_, {machine_, history_.history, lane_use_}));
        });
    }

    /// Whether what has been rehearsed is what will be run.
    bool rehearsal_holds(const LaneChoice& lanes, const std::string& identity) const {
        if (!prepared_.rehearsal) return false;
        const Layout& layout = prepared_.rehearsal->layout;
        return layout.rank == world_.rank() && lanes.lanes.empty() && lanes.gpus.empty() &&
               lanes.cpus_alone == layout.lanes.cpus_alone && lanes.threads == layout.lanes.threads &&
               lanes.point_ns == layout.lanes.point_ns && prepared_.rehearsal->identity == identity;
    }

    /// What has been rehearsed, if that holds; else the first program is built while memory and files are being made.
    void begin_first_program() {
        if (takes_rehearsal_) {
            std::promise<Program> built;
            built.set_value(std::move(prepared_.rehearsal->first_program));
            first_program_ = built.get_future();
            if (is_alike(prepared_.rehearsal->machine, machine_))
                rehearsed_seconds_ = prepared_.rehearsal->predicted_seconds;
            prepared_.rehearsal.reset();
            return;
        }
        prepared_.rehearsal.reset();
        first_program_ = std::async([this] {
            StepBlock block;
            set_first_block(graph_, layout_.versions, block);
            return build_program(graph_, plan_, layout_, block.shape);
        });
    }

    /// The facts of all ranks; of their devices no more than `max_devices` are opened.
    void find_machine() {
        RankFacts facts = facts_without_gpus(threads_, *topology_);
        facts.gpus = gpus_.facts();
        for (const std::string& bytes : world_.gather(serialize(facts)))
            machine_.ranks.push_back(deserialize_rank_facts(bytes));
        share_rates();
        if (!job_.plan.max_devices) return;
        const bool needed = lane_use_ == LaneUse::gpu || lane_use_ == LaneUse::both;
        if (needed && *job_.plan.max_devices < world_.size()) {
            throw UnavailableError(
                job_.plan.place_of("max_devices"),
                fmt::format("max_devices: {}: --lanes {} needs a gpu lane on each rank, at least {}",
                            *job_.plan.max_devices, lane_use_ == LaneUse::gpu ? "gpu" : "both", world_.size()));
        }
        machine_ = with_devices(std::move(machine_), *job_.plan.max_devices);
        const std::size_t kept = machine_.ranks[world_.rank().index()].gpus.size();
        if (kept < gpus_.devices.size())
            gpus_.note = fmt::format("max_devices: {}: gpu lanes beyond that are left idle", *job_.plan.max_devices);
        gpus_.devices.resize(kept);
    }

    /// The rates that were measured, as rank 0 has them: what messages are made of follows from them, on every rank alike.
    void share_rates() {
        if (world_.is_root()) machine_.rates = read_rates(cache_folder()).value_or(Rates{});
        if (world_.size() == 1) return;
        const std::string rates = world_.is_root() ? text_of(machine_.rates) : std::string();
        MANIPLE_CHECK(parse_rates(world_.broadcast(rates), machine_.rates), "rates that are not what was sent");
    }

    Constraints constraints() const {
        return constraints_of(job_,
                              memory_limit(job_, topology_->memory_bytes(), machine_.ranks_on_node_of(world_.rank())));
    }

    /// Of the rank that may have least: nodes may differ.
    Constraints least_constraints() const {
        Constraints least = constraints();
        for (const std::string& bytes : world_.gather(std::to_string(least.memory.bytes)))
            least.memory.bytes = std::min(least.memory.bytes, *parse_count(bytes));
        return least;
    }

    /// Whether all ranks have.
    bool has_room() const {
        const std::int64_t lacking = constraints().has_memory_for(layout_.host_bytes()) ? 0 : 1;
        return world_.sum(lacking) == 0;
    }

    /// Reuse, recomputing, spilling: as rank 0 finds. Changes nothing where they do not help.
    void make_room() {
        const Constraints least = least_constraints();
        std::string means, note;
        together(world_, [&] {
            if (!world_.is_root()) return;
            const PlannedGraph planned{graph_, plan_};
            const Fit fit = fit_memory(planned, {machine_, history_.history, lane_use_}, least);
            if (fit.means.none() || !least.has_memory_for(fit.bytes)) return;
            means = serialize(fit.means);
            note = fit_text(planned, fit);
        });
        means = world_.broadcast(means);
        note = world_.broadcast(note);
        if (means.empty()) return;
        PlannedGraph fitted = with_means({std::move(graph_), std::move(plan_)}, deserialize_means(means));
        graph_ = std::move(fitted.graph);
        plan_ = std::move(fitted.plan);
        plan_.notes.push_back(note);
        plan_text_ = print_plan(graph_, plan_);
        const std::string identity = plan_identity(graph_, plan_);
        world_.require_equal(identity, "the plan");
        together(world_, [&] { make_layout(machine_.ranks[world_.rank().index()], identity); });
    }

    /// All ranks, or none, go on. What would be enough is found out by rank 0 alone.
    void require_room() {
        if (has_room()) return;
        const Constraints least = least_constraints();
        together(world_, [&] {
            if (world_.is_root()) {
                refuse_memory(build_graph(job_, catalogue_, *registry_), asked_,
                              {machine_, history_.history, lane_use_}, least);
            }
            require_memory(layout_, constraints().memory);
        });
    }

    /// With the text of the plan file, which rank 0 reads.
    PlanRequest asked_request() {
        PlanRequest asked = plan_request(job_.plan);
        if (asked.from.empty()) return asked;
        together(world_, [&] {
            if (world_.is_root()) asked.from_text = read_plan_text(job_.plan);
        });
        asked.from_text = world_.broadcast(asked.from_text);
        return asked;
    }

    /// What the job asks for; instead of `auto`, what rank 0 finds best.
    PlanRequest chosen_request() {
        asked_ = asked_request();
        const std::string folder = options_.no_history ? "" : cache_folder();
        const PredictionRequest request{machine_, history_.history, lane_use_};
        return chosen_together(world_, graph_, asked_, request, constraints(), folder, choice_);
    }

    /// The devices that this rank's gpu lanes will be on.
    void open_gpus() {
        const World::NodePlace place = world_.place_on_node();
        together(world_, [&] {
            GpuRequest request;
            request.gpus = options_.gpus;
            request.use = parse_lane_use(job_.plan.lanes.empty() ? "auto" : job_.plan.lanes);
            const auto pinned =
                std::find_if(graph_.operations.begin(), graph_.operations.end(),
                             [](const Operation& operation) { return operation.pin.lane == LanePin::Lane::gpu; });
            if (pinned != graph_.operations.end()) request.pinned = pinned->pin.place;
            request.validate = options_.validate;
            request.local_rank = place.rank;
            request.local_ranks = place.ranks;
            request.threads = threads_;
            lane_use_ = request.use;
            gpus_ = choose_gpus(request);
        });
    }

    /// A schedule holds for the programs that it was kept of: these follow from the job, not from what runs have
    /// measured.
    bool is_scheduled() const { return !options_.record.empty() || !options_.replay.empty(); }

    LaneChoice shared_lanes(Rank rank, const RankFacts& facts) const {
        LaneChoice choice = informed_lanes(graph_, plan_, rank, facts, lane_use_, history_.history);
        choice.cpus_alone = has_cpus_alone(machine_);
        if (is_scheduled()) choice.point_ns.clear();
        return choice;
    }

    /// The lanes of each operation, and the storage that they need.
    void make_layout(const RankFacts& facts, const std::string& identity) {
        RankFacts mine = facts;
        LaneChoice lanes = shared_lanes(world_.rank(), mine);
        takes_rehearsal_ = !takes_rehearsal_ && rehearsal_holds(lanes, identity);  // once: its layout is gone after
        if (takes_rehearsal_) {
            layout_ = std::move(prepared_.rehearsal->layout);
            layout_.lanes = std::move(lanes);
            return;
        }
        layout_ = build_layout(graph_, plan_, world_.rank(), lanes);
        const bool too_large = std::any_of(mine.gpus.begin(), mine.gpus.end(), [&](const GpuFacts& gpu) {
            const DeviceDescription& device = gpus_.instance->devices()[static_cast<std::size_t>(gpu.device)];
            const std::int64_t room = device.available_bytes < 0 ? device.memory_bytes : device.available_bytes;
            return gpu.unified && layout_.host_bytes() > room / 8 * 7;
        });
        if (!too_large) return;
        // The driver's part of the memory does not hold all of it: the gpu gets what it computes, by copies.
        for (GpuFacts& gpu : mine.gpus) gpu.unified = false;
        layout_ = build_layout(graph_, plan_, world_.rank(), shared_lanes(world_.rank(), mine));
    }

    /// Before anything is computed, so that hours of work do not end with a folder that cannot be made.
    void check_report() {
        together(world_, [&] {
            if (world_.is_root() && !options_.no_report) require_report_folder(report_folder(options_, job_));
        });
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

    /// Beside the first output: where there is room for results.
    std::string scratch_folder() const {
        const std::string folder = std::filesystem::path(job_.outputs.front().to.path).parent_path().string();
        return folder.empty() ? "." : folder;
    }

    void execute() {
        Progress progress(job_.name, graph_.steps, progress_mode(options_.quiet || !world_.is_root()));
        progress.say(fmt::format(
            "{}: {} {} on {} {}, {} {} each", job_.name, graph_.steps, graph_.steps == 1 ? "step" : "steps",
            world_.size(), world_.size() == 1 ? "rank" : "ranks", threads_, threads_ == 1 ? "thread" : "threads"));
        say_lanes(progress);
        say_libraries(progress);
        together(world_, [&] {
            open_schedules();
            make_memory();
        });
        outputs_ =
            std::make_unique<OutputFiles>(world_.files(), job_, catalogue_, output_datasets(graph_, job_, catalogue_),
                                          provenance(), options_.overwrite);
        for (const std::string& notice : outputs_->notices()) progress.say(notice);
        const Mailboxes mailboxes(world_, has_shared_memory(std::getenv(mpi_ways_variable)));
        std::optional<InputFiles> opened_inputs;
        std::optional<CpuLane> cpu_lane;
        std::optional<NetLane> net_lane;
        std::optional<FileLane> file_lane;
        together(world_, [&] {
            opened_inputs.emplace(job_, catalogue_);
            cpu_lane.emplace(graph_, *arena_, instruction_set_, threads_);
            net_lane.emplace(world_, *arena_, &mailboxes);
            file_lane.emplace(graph_, *arena_, *opened_inputs, outputs_.get(), scratch_folder());
        });
        InputFiles& inputs = *opened_inputs;
        CpuLane& cpu = *cpu_lane;
        NetLane& net = *net_lane;
        FileLane& file = *file_lane;
        std::vector<Lane*> gpus;
        for (const auto& lane : gpu_lanes_) gpus.push_back(lane.get());
        std::optional<Stealing> stealing;
        cpu.slow_down(hooks_.slowness * hooks_.cpu_slowness);
        cpu.slow_down_kernel(hooks_.slow_kernel, hooks_.kernel_slowness, hooks_.slow_kernel_step);
        if (hooks_.slow_gpu >= 0 && hooks_.slow_gpu < static_cast<int>(gpu_lanes_.size()))
            gpu_lanes_[static_cast<std::size_t>(hooks_.slow_gpu)]->slow_down(hooks_.gpu_slowness);
        if (claim_memory_) stealing.emplace(world_, claim_context(), *claim_memory_, *arena_);
        Executor executor(graph_, plan_, *arena_, cpu, net, file, gpus, threads_, [&](int worker) {
            if (first_core_) topology_->pin_to(*first_core_ + worker);
        });
        executor.expect(std::move(first_program_));
        executor.follow_costs();
        std::optional<Exchange> exchange;
        if (may_move_borders()) {
            exchange.emplace(world_);
            executor.move_borders({&*exchange, constraints().memory.bytes});
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
        return plan_.moves_borders && !is_scheduled() && world_.sum(layout_.lanes.gpus.empty() ? 0 : 1) == 0;
    }

    /// What ranks need that compute each other's chunks.
    ClaimContext claim_context() const {
        const auto lanes_of = [this](Rank rank) { return shared_lanes(rank, machine_.ranks[rank.index()]); };
        return {graph_,
                plan_,
                lanes_of,
                instruction_set_,
                threads_,
                hooks_.slowness * hooks_.cpu_slowness,
                hooks_.claims_by_messages};
    }

    void measure_lanes(const CpuLane& cpu, const Stealing* stealing) {
        WorkTimes on_cpu = cpu.work_times();
        if (stealing != nullptr) stealing->add_work_times(on_cpu);
        std::vector<WorkTimes> gpus;
        for (const auto& lane : gpu_lanes_) gpus.push_back(lane->work_times());
        const RankFacts& facts = machine_.ranks[world_.rank().index()];
        add_measured(graph_, plan_, world_.rank(), facts, on_cpu, gpus, measured_);
    }

    void open_schedules() {
        if (!is_scheduled()) return;
        const ScheduleKey key{world_.rank().value, world_.size(), threads_,
                              fingerprint(print_graph(graph_) + plan_text_)};
        if (!options_.replay.empty()) replayed_.emplace(schedule_path(options_.replay, key.rank), key);
        if (!options_.record.empty()) recorded_.emplace(schedule_path(options_.record, key.rank), key);
    }

    /// What is not as the user may expect, one line each.
    void say_lanes(Progress& progress) const {
        if (choice_ && !choice_->note().empty()) progress.say(choice_->note());
        for (const std::string& note : plan_.notes) progress.say(note);
        for (const std::string& note : layout_.lanes.notes) progress.say(note);
        if (is_scheduled() && !history_.history.empty())
            progress.say("--record and --replay: tiles are cut as if nothing had been measured");
        if (plan_.claiming_ranks > 1 && is_scheduled())
            progress.say("every rank computes its own tiles: which thread starts what is kept or followed");
        if (plan_.claiming_ranks > 1 && !layout_.lanes.gpus.empty())
            progress.say("what a gpu computes is not claimed by other ranks");
        if (!history_.note.empty()) progress.say(history_.note);
        if (gpus_.devices.empty() && !gpus_.note.empty())
            progress.say("no gpu: " + gpus_.note + "; the cpu computes everything");
        if (!gpus_.devices.empty() && !gpus_.note.empty()) progress.say(gpus_.note);
    }

    /// Opens what kernels call on this rank; what is not there, one line for each kind of rank.
    void say_libraries(Progress& progress) const {
        std::string lines;
        together(world_, [&] { lines = join(open_fast_code(graph_, layout_), "\n"); });
        std::set<std::string> said;
        for (const std::string& of_rank : world_.gather(lines)) {
            if (!of_rank.empty() && said.insert(of_rank).second) progress.say(of_rank);
        }
    }

    /// The gpu lanes first: they give the host the memory that both see.
    void make_memory() {
        const std::size_t used = layout_.lanes.gpus.size();
        for (std::size_t i = 0; i < used; ++i) {
            gpu_lanes_.push_back(
                std::make_unique<GpuLane>(*gpus_.instance, gpus_.devices[i], static_cast<int>(i), graph_, layout_));
        }
        const auto mapped = [&](BufferId buffer) {
            return gpu_lanes_[static_cast<std::size_t>(layout_[buffer].memory.gpu)]->mapped(buffer);
        };
        if (plan_.claiming_ranks > 1) {
            claim_memory_.emplace(layout_);
            arena_ = std::make_unique<Arena>(layout_, claim_memory_->storage(), mapped);
        } else {
            arena_ = std::make_unique<Arena>(layout_, mapped);
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
        const double busy_seconds = static_cast<double>(computed.busy_ns) / 1e9 / threads_;
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
        summary_.moved_bytes = totals_.moved_bytes;
        summary_.read_bytes = inputs.bytes_read();
        summary_.spilled_bytes = file.spilled_bytes();
        summary_.host_peak_bytes = arena_->peak_bytes();
        summary_.device_peak_bytes = layout_.device_bytes();
    }

    void finish() {
        std::vector<std::int64_t> rows;
        for (const GraphOutput& output : graph_.outputs)
            rows.push_back(output.every > 0 ? totals_.steps / output.every : 0);
        // Beside what has to be done anyway: a processor has nothing to do.
        std::future<std::optional<double>> predicted;
        const bool tells = world_.is_root() && (!options_.quiet || !options_.no_report || choice_);
        if (tells) predicted = std::async([this] { return predicted_steps(); });
        outputs_->finish(rows);
        summary_.written_bytes = outputs_->bytes_written();
        summary_.wall_seconds = static_cast<double>(now_ns() - begin_ns_) / 1e9;
        if (!options_.no_history) keep_history();
        Summary summary = summary_of_all();
        if (!world_.is_root()) return;
        const std::optional<double> steps = tells ? predicted.get() : std::nullopt;
        if (steps) summary.predicted_seconds = *steps + overhead().seconds(history_.history);
        if (steps && choice_) {
            const auto keep = [choice = *choice_, predicted = *steps, took = steps_seconds_] {
                choice.keep(predicted, took);
            };
            closing_.push_back(std::async(keep));
        }
        summary.previous_wall_seconds = read_previous_wall_seconds(summary, report_folder(options_, job_));
        if (!options_.quiet) std::fputs(summary_table(summary).c_str(), stderr);
        if (options_.no_report) return;
        const std::string folder = report_folder(options_, job_);
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
        summary.job = job_.name;
        summary.version = version_number();
        summary.strategy = plan_.strategy;
        summary.steps = totals_.steps;
        summary.recomputed = recomputed_names(graph_);
        for (const std::string& bytes : world_.gather(serialize(summary_)))
            summary.ranks.push_back(deserialize_rank_summary(bytes));
        for (const OutputSpec& output : job_.outputs) {
            std::vector<std::string>& names = summary.outputs;
            if (std::find(names.begin(), names.end(), output.to.path) == names.end()) names.push_back(output.to.path);
        }
        return summary;
    }

    /// By what was asked for, and whether several plans were weighed.
    Overhead overhead() const {
        const bool weighed = choice_ && choice_->is_weighed();
        return {job_.name, asked_.strategy + (weighed ? " weighed" : ""), world_.size()};
    }

    void keep_history() {
        if (world_.is_root()) overhead().add(summary_.wall_seconds - steps_seconds_, measured_);
        measure_links(world_, machine_, history_.history, measured_);
        closing_.push_back(add_to_history(world_, cache_folder(), measured_));
    }

    /// Of the steps, from what was known before the run. Nothing where that fails: the results are complete by now.
    std::optional<double> predicted_steps() const {
        try {
            if (rehearsed_seconds_) return rehearsed_seconds_;
            return predicted_step_seconds(graph_, plan_, {machine_, history_.history, lane_use_}, totals_.steps);
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
        auto pieces = std::make_unique<Pieces>(
            Pieces{std::move(job_), std::move(graph_), std::move(plan_), std::move(history_.history)});
        closing_.push_back(std::async([pieces = std::move(pieces)]() mutable { pieces.reset(); }));
    }

    const World& world_;
    Watch& watch_;
    RunOptions options_;
    std::unique_ptr<const Topology> topology_;
    Prepared prepared_;
    std::int64_t begin_ns_;
    Closing& closing_;
    TestHooks hooks_;
    std::unique_ptr<const KernelRegistry> registry_;
    std::string instruction_set_;
    HistoryReading history_;
    int threads_ = 1;
    std::string threads_origin_;
    std::optional<int> first_core_;
    Job job_;
    Catalogue catalogue_;
    Graph graph_;
    Machine machine_;
    PlanRequest asked_;                ///< as the job says it
    std::optional<OwnChoice> choice_;  ///< of `auto`, on rank 0
    Plan plan_;
    std::string plan_text_;
    GpuChoice gpus_;
    LaneUse lane_use_ = LaneUse::automatic;
    Layout layout_;
    std::future<Program> first_program_;  ///< borrows what stands above
    bool takes_rehearsal_ = false;        ///< layout_ and the first program are those of prepared_
    std::optional<double> rehearsed_seconds_;
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
    // MPI takes longer to start than many a job to run, and a process that nobody launched has nobody to talk to.
    const bool alone = !was_launched();
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
    std::optional<MpiSession> session;
    if (!alone) session.emplace(argc, argv);
    const std::int64_t begin_ns = now_ns();
    const World world = session ? World(MPI_COMM_WORLD) : World();
    try {
        if (wrong_options) std::rethrow_exception(wrong_options);
        Prepared prepared = preparation->take(world);
        facts.wait();
        without_plugins.reset();
        if (world.is_root() && !options.quiet) print_messages(unknown_variables());
        Watch watch(world, options.stall_seconds);
        JobRun(world, watch, std::move(options), std::move(topology), std::move(prepared), begin_ns, closing).run();
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
