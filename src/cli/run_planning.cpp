#include "cli/run_planning.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/job_loading.hpp"
#include "cli/messages.hpp"
#include "cli/options.hpp"
#include "cli/rates_file.hpp"
#include "cli/stages.hpp"
#include "cli/this_rank.hpp"
#include "graph/twins.hpp"
#include "lanes/vulkan/cache_file.hpp"
#include "program/blocks.hpp"
#include "program/fit_memory.hpp"
#include "program/point_costs.hpp"
#include "program/refuse_plan.hpp"

namespace maniple {

namespace {

/// Stage by stage.
class RunPlanning {
public:
    RunPlanning(const World& world, const RunOptions& options, Prepared prepared, PlannedRun& run)
        : world_(world), options_(options), prepared_(std::move(prepared)), run_(run) {}

    void find() {
        together(world_, [&] {
            run_.registry = std::move(prepared_.registry);
            if (run_.registry == nullptr) run_.registry = std::make_unique<KernelRegistry>(standard_kernels());
            if (run_.topology == nullptr) run_.topology = std::make_unique<const Topology>();
            run_.hooks = read_test_hooks(world_.rank());
        });
        run_.is_scheduled = options_.is_scheduled();
        load_job();
        make_graph_and_plan();
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
                if (world_.is_root()) refuse_job(std::move(reading), *run_.registry);
            });
        }
        run_.job = std::move(reading.job);
        std::string facts;
        together(world_, [&] {
            if (world_.is_root()) facts = serialize(read_catalogue(run_.job));
        });
        run_.catalogue = deserialize_catalogue(world_.broadcast(facts));
        // What the command line and the environment say stands above the job file.
        if (options_.lanes) run_.job.plan.lanes = *options_.lanes;
    }

    void make_graph_and_plan() {
        run_.graph =
            prepared_.graph ? std::move(*prepared_.graph) : build_graph(run_.job, run_.catalogue, *run_.registry);
        if (options_.validate) run_.graph = with_twins(std::move(run_.graph));
        if (world_.is_root() && !options_.quiet) print_messages(run_.graph.warnings);
        together(world_, [&] {
            run_.instruction_set = choose_instruction_set(run_.registry->all().front().instruction_sets);
            const ThreadCount count = choose_threads(options_, *run_.topology);
            run_.threads = count.threads;
            run_.threads_origin = count.origin;
        });
        open_gpus();
        find_machine();
        if (!options_.no_history) run_.history = read_history(world_, cache_folder(), std::move(prepared_.history));
        const PlanRequest request = chosen_request();
        PlannedGraph planned = plan_graph(std::move(run_.graph), run_.machine, request);
        run_.graph = std::move(planned.graph);
        run_.plan = std::move(planned.plan);
        settle_sharing();
        run_.plan_text = print_plan(run_.graph, run_.plan);
        if (run_.hooks.tampers) tamper();
        const std::string identity = plan_identity(run_.graph, run_.plan);
        world_.require_equal(identity, "the plan");
        run_.first_core = run_.machine.first_core(world_.rank());
        together(world_, [&] { make_layout(run_.machine.ranks[world_.rank().index()], identity); });
        if (!has_room()) {
            make_room();
            require_room();
        }
        prove_by_hand();
        begin_first_program();
    }

    /// Where something else decides which lane computes what, earlier runs do. The same on every rank.
    void settle_sharing() {
        const bool scheduled = run_.is_scheduled;
        const bool dynamic = run_.plan.sharing == LaneSharing::dynamic;
        if (!dynamic && run_.plan.sharing != LaneSharing::adaptive) return;
        const std::string beside = scheduled                      ? "--record and --replay"
                                   : run_.plan.claiming_ranks > 1 ? "plan: stealing"
                                   : dynamic && options_.validate ? "--validate"
                                                                  : "";
        if (beside.empty()) return;
        run_.plan.sharing = LaneSharing::weighted;
        run_.plan.notes.push_back(fmt::format("sharing: {} does not go with {}: lanes share as with weighted",
                                              dynamic ? "dynamic" : "adaptive", beside));
    }

    /// The first operation, or without one what is written first, on another rank than the others think.
    void tamper() {
        Plan& plan = run_.plan;
        if (plan.operations.empty() && plan.outputs.empty()) return;
        BlockGrid& grid = plan.operations.empty() ? plan.outputs.front() : plan.operations.front().points;
        grid.first = Rank((grid.first.value + 1) % world_.size());
    }

    /// A plan that people made, or that has been made to fit, is proved before it runs; others are by the same rules, and
    /// `maniple check` proves them.
    void prove_by_hand() {
        if (run_.asked.from.empty() && !run_.plan.tight) return;
        together(world_, [&] {
            if (world_.is_root())
                prove(run_.graph, run_.plan, run_.constraints(world_.rank()).memory,
                      lanes_of_ranks(run_.graph, run_.plan, {run_.machine, run_.history.history, run_.lane_use}));
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
            run_.first_program = built.get_future();
            if (is_alike(prepared_.rehearsal->machine, run_.machine))
                run_.predicted_seconds = prepared_.rehearsal->predicted_seconds;
            prepared_.rehearsal.reset();
            return;
        }
        prepared_.rehearsal.reset();
        run_.first_program = std::async([&run = run_] {
            StepBlock block;
            set_first_block(run.graph, run.layout.versions, block);
            return build_program(run.graph, run.plan, run.layout, block.shape);
        });
    }

    /// The facts of all ranks; of their devices no more than `max_devices` are opened.
    void find_machine() {
        RankFacts facts = facts_without_gpus(run_.threads, *run_.topology);
        facts.gpus = run_.gpus.facts();
        for (const std::string& bytes : world_.gather(serialize(facts)))
            run_.machine.ranks.push_back(deserialize_rank_facts(bytes));
        share_rates();
        if (!run_.job.plan.max_devices) return;
        const bool needed = run_.lane_use == LaneUse::gpu || run_.lane_use == LaneUse::both;
        if (needed && *run_.job.plan.max_devices < world_.size()) {
            throw UnavailableError(
                run_.job.plan.place_of("max_devices"),
                fmt::format("max_devices: {}: --lanes {} needs a gpu lane on each rank, at least {}",
                            *run_.job.plan.max_devices, run_.lane_use == LaneUse::gpu ? "gpu" : "both", world_.size()));
        }
        run_.machine = with_devices(std::move(run_.machine), *run_.job.plan.max_devices);
        const std::size_t kept = run_.machine.ranks[world_.rank().index()].gpus.size();
        if (kept < run_.gpus.devices.size())
            run_.gpus.note =
                fmt::format("max_devices: {}: gpu lanes beyond that are left idle", *run_.job.plan.max_devices);
        run_.gpus.devices.resize(kept);
    }

    /// The rates that were measured, as rank 0 has them: what messages are made of follows from them, on every rank alike.
    void share_rates() {
        if (world_.is_root()) run_.machine.rates = read_rates(cache_folder()).value_or(Rates{});
        if (world_.size() == 1) return;
        const std::string rates = world_.is_root() ? text_of(run_.machine.rates) : std::string();
        MANIPLE_CHECK(parse_rates(world_.broadcast(rates), run_.machine.rates), "rates that are not what was sent");
    }

    /// Of the rank that may have least: nodes may differ.
    Constraints least_constraints() const {
        Constraints least = run_.constraints(world_.rank());
        for (const std::string& bytes : world_.gather(std::to_string(least.memory.bytes)))
            least.memory.bytes = std::min(least.memory.bytes, *parse_count(bytes));
        return least;
    }

    /// Whether all ranks have.
    bool has_room() const {
        const std::int64_t lacking = run_.constraints(world_.rank()).has_memory_for(run_.layout.host_bytes()) ? 0 : 1;
        return world_.sum(lacking) == 0;
    }

    /// Reuse, recomputing, spilling: as rank 0 finds. Changes nothing where they do not help.
    void make_room() {
        const Constraints least = least_constraints();
        std::string means, note;
        together(world_, [&] {
            if (!world_.is_root()) return;
            const PlannedGraph planned{run_.graph, run_.plan};
            const Fit fit = fit_memory(planned, {run_.machine, run_.history.history, run_.lane_use}, least);
            if (fit.means.none() || !least.has_memory_for(fit.bytes)) return;
            means = serialize(fit.means);
            note = fit_text(planned, fit);
        });
        means = world_.broadcast(means);
        note = world_.broadcast(note);
        if (means.empty()) return;
        PlannedGraph fitted = with_means({std::move(run_.graph), std::move(run_.plan)}, deserialize_means(means));
        run_.graph = std::move(fitted.graph);
        run_.plan = std::move(fitted.plan);
        run_.plan.notes.push_back(note);
        run_.plan_text = print_plan(run_.graph, run_.plan);
        const std::string identity = plan_identity(run_.graph, run_.plan);
        world_.require_equal(identity, "the plan");
        together(world_, [&] { make_layout(run_.machine.ranks[world_.rank().index()], identity); });
    }

    /// All ranks, or none, go on. What would be enough is found out by rank 0 alone.
    void require_room() {
        if (has_room()) return;
        const Constraints least = least_constraints();
        together(world_, [&] {
            if (world_.is_root()) {
                refuse_memory(build_graph(run_.job, run_.catalogue, *run_.registry), run_.asked,
                              {run_.machine, run_.history.history, run_.lane_use}, least);
            }
            require_memory(run_.layout, run_.constraints(world_.rank()).memory);
        });
    }

    /// With the text of the plan file, which rank 0 reads.
    PlanRequest asked_request() {
        PlanRequest asked = plan_request(run_.job.plan, world_.size());
        if (asked.from.empty()) return asked;
        together(world_, [&] {
            if (world_.is_root()) asked.from_text = read_plan_text(run_.job.plan);
        });
        asked.from_text = world_.broadcast(asked.from_text);
        return asked;
    }

    /// What the job asks for; instead of `auto`, what rank 0 finds best.
    PlanRequest chosen_request() {
        run_.asked = asked_request();
        // A schedule is replayed where others may have been measured since.
        const bool measured = !options_.no_history && !run_.is_scheduled;
        const std::string folder = measured ? cache_folder() : "";
        const ThroughputHistory none;
        const PredictionRequest request{run_.machine, measured ? run_.history.history : none, run_.lane_use};
        return chosen_together(world_, run_.graph, run_.asked, request, run_.constraints(world_.rank()), folder,
                               run_.choice);
    }

    /// The devices that this rank's gpu lanes will be on.
    void open_gpus() {
        const World::NodePlace place = world_.place_on_node();
        together(world_, [&] {
            GpuRequest request;
            request.gpus = options_.gpus;
            request.use = parse_lane_use(run_.job.plan.lanes.empty() ? "auto" : run_.job.plan.lanes);
            const auto pinned =
                std::find_if(run_.graph.operations.begin(), run_.graph.operations.end(),
                             [](const Operation& operation) { return operation.pin.lane == LanePin::Lane::gpu; });
            if (pinned != run_.graph.operations.end()) request.pinned = pinned->pin.place;
            request.validate = options_.validate;
            request.local_rank = place.rank;
            request.local_ranks = place.ranks;
            request.threads = run_.threads;
            run_.lane_use = request.use;
            run_.gpus = choose_gpus(request);
        });
    }

    /// The lanes of each operation, and the storage that they need.
    void make_layout(const RankFacts& facts, const std::string& identity) {
        RankFacts mine = facts;
        LaneChoice lanes = run_.lanes_of(world_.rank(), mine);
        takes_rehearsal_ = !takes_rehearsal_ && rehearsal_holds(lanes, identity);  // once: its layout is gone after
        if (takes_rehearsal_) {
            run_.layout = std::move(prepared_.rehearsal->layout);
            run_.layout.lanes = std::move(lanes);
            return;
        }
        run_.layout = build_layout(run_.graph, run_.plan, world_.rank(), lanes);
        const bool too_large = std::any_of(mine.gpus.begin(), mine.gpus.end(), [&](const GpuFacts& gpu) {
            const DeviceDescription& device = run_.gpus.instance->devices()[static_cast<std::size_t>(gpu.device)];
            const std::int64_t room = device.available_bytes < 0 ? device.memory_bytes : device.available_bytes;
            return gpu.unified && run_.layout.host_bytes() > room / 8 * 7;
        });
        if (!too_large) return;
        // The driver's part of the memory does not hold all of it: the gpu gets what it computes, by copies.
        for (GpuFacts& gpu : mine.gpus) gpu.unified = false;
        run_.layout = build_layout(run_.graph, run_.plan, world_.rank(), run_.lanes_of(world_.rank(), mine));
    }

    const World& world_;
    const RunOptions& options_;
    Prepared prepared_;
    PlannedRun& run_;
    bool takes_rehearsal_ = false;  ///< the layout and the first program are those of prepared_
};

}  // namespace

Constraints PlannedRun::constraints(Rank rank) const {
    return constraints_of(job, memory_limit(job, topology->memory_bytes(), machine.ranks_on_node_of(rank)));
}

LaneChoice PlannedRun::lanes_of(Rank rank, const RankFacts& facts) const {
    LaneChoice lanes = informed_lanes(graph, plan, rank, facts, lane_use, history.history);
    lanes.cpus_alone = has_cpus_alone(machine);
    if (is_scheduled) lanes.point_ns.clear();
    return lanes;
}

void plan_run(const World& world, const RunOptions& options, Prepared prepared, PlannedRun& run) {
    RunPlanning(world, options, std::move(prepared), run).find();
}

}  // namespace maniple
