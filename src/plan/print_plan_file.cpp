#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "plan/plan_file.hpp"

namespace maniple {

namespace {

/// FNV-1a.
class Fingerprint {
public:
    void add(std::string_view text) {
        for (const char letter : text) hash_ = (hash_ ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
        hash_ = (hash_ ^ 0xffU) * 0x100000001b3ULL;
    }
    std::string text() const { return fmt::format("x{:016x}", hash_); }

private:
    std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

/// "{cut: {y: 2, x: 3}, rank: 4}", what `name_of` says of indices.
template <class NameOf>
std::string grid_text(const BlockGrid& grid, NameOf&& name_of, const std::string& before = "") {
    std::string text = before;
    if (!grid.cuts.empty()) {
        std::vector<std::string> cuts;
        for (const Cut& cut : grid.cuts) cuts.push_back(fmt::format("{}: {}", name_of(cut.index), cut.parts));
        text += fmt::format("cut: {{{}}}, ", fmt::join(cuts, ", "));
    }
    return fmt::format("{{{}rank: {}}}", text, grid.first.value);
}

/// "heat_step: y 540, x 1081": what may be cut.
std::string indices_text(const Operation& operation) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < operation.bound->indices.size(); ++i) {
        const BoundSignature::Index& index = operation.bound->indices[i];
        if (may_cut(operation, static_cast<int>(i))) names.push_back(fmt::format("{} {}", index.name, index.points()));
    }
    return names.empty() ? fmt::format("{}: nothing to cut", operation.kernel->name)
                         : fmt::format("{}: {}", operation.kernel->name, fmt::join(names, ", "));
}

/// "rank 0", "ranks 2 to 3": who computes the stages of a column.
std::string ranks_of_column(const PlanOutline& outline, int column) {
    int first = -1, last = -1;
    for (std::size_t i = 0; i < outline.plan.operations.size(); ++i) {
        const auto stage = static_cast<std::size_t>(outline.pipeline->stage_of[i]);
        if (outline.pipeline->column_of[stage] != column) continue;
        const BlockGrid& grid = outline.plan.operations[i].points;
        const int end = grid.first.value + grid.count() - 1;
        first = first < 0 ? grid.first.value : std::min(first, grid.first.value);
        last = std::max(last, end);
    }
    if (first < 0) return "no rank";
    return first == last ? fmt::format("rank {}", first) : fmt::format("ranks {} to {}", first, last);
}

std::string table_text(const PlanOutline& outline, const std::vector<ScheduledTask>& tasks) {
    std::map<int, std::map<int, std::string>> cells;  // by column and time
    std::size_t width = 1;
    int last = 0;
    for (const ScheduledTask& task : tasks) {
        std::string cell = fmt::format("{}:{}", task.stage, task.microbatch);
        width = std::max(width, cell.size());
        last = std::max(last, task.time);
        cells[outline.pipeline->column_of[static_cast<std::size_t>(task.stage)]][task.time] = std::move(cell);
    }
    if (cells.empty()) return "  - {}\n";
    std::string text;
    for (const auto& [column, row] : cells) {
        std::string line;
        for (int time = 0; time <= last; ++time) {
            const auto found = row.find(time);
            line += fmt::format("{}{:>{}}", time > 0 ? " " : "", found == row.end() ? "." : found->second, width);
        }
        text += fmt::format("  {} {}: \"{}\"  # {}\n", text.empty() ? "-" : " ", column, line,
                            ranks_of_column(outline, column));
    }
    return text;
}

std::string pipeline_text(const PlanOutline& outline) {
    const PipelineOutline& pipeline = *outline.pipeline;
    std::string text = fmt::format(
        "pipeline:\n"
        "  microbatches: {}  # pieces of the batch\n"
        "  depth: {}  # of them have memory between two stages\n"
        "  schedule: {}\n",
        pipeline.microbatches, pipeline.depth, pipeline.alternates ? "1f1b" : "gpipe");
    if (pipeline.splits_inputs) text += "  splits_inputs: true  # ranks that share rows load theirs alone\n";
    text += fmt::format(
        "  columns: [{}]  # of ranks, that compute stage 0, 1, …\n"
        "  tables:  # what each column does when: STAGE:MICROBATCH, or . for nothing\n",
        fmt::join(pipeline.column_of, ", "));
    for (const std::vector<ScheduledTask>& table : pipeline.tables) text += table_text(outline, table);
    return text;
}

std::string head_text(const Graph& graph, const PlanOutline& outline, const std::string& file) {
    std::string text = fmt::format(
        "# A plan of '{0}' for {1} {2}. As it is, or edited, run it with\n"
        "#     mpirun -n {1} maniple run JOB --plan '{{from: {3}}}'\n"
        "# or `plan: {{from: FILE}}` in the job, FILE as seen from its folder. It is proved again before it runs.\n"
        "# sharing, comm and memory_use are not part of it: they are written beside `from`.\n"
        "# operations: each of the graph once. `cut` names indices and in how many parts each is cut; the blocks go to as many\n"
        "# ranks from `rank` on, those of the last index named side by side. Behind # is what may be cut, and how long it is.\n",
        graph.name, outline.plan.ranks, outline.plan.ranks == 1 ? "rank" : "ranks", file);
    for (const std::string& note : outline.plan.notes) text += "# note: " + note + "\n";
    return text + fmt::format(
                      "maniple_plan: 1\njob: \"{}\"\ngraph: {}  # of another graph this is not a plan\n"
                      "strategy: \"{}\"\nranks: {}\n",
                      graph.name, plan_fingerprint(graph), outline.plan.strategy, outline.plan.ranks);
}

}  // namespace

std::vector<std::string> plan_keys(const Graph& graph) {
    std::map<std::string, int> of_name, of_key;
    for (const Operation& operation : graph.operations) {
        if (!operation.twin_of.valid()) ++of_name[operation.name];
    }
    std::vector<std::string> keys;
    for (const Operation& operation : graph.operations) {
        if (operation.twin_of.valid()) {
            keys.emplace_back();
            continue;
        }
        std::string key = operation.name;
        if (of_name[operation.name] > 1) key += "." + operation.kernel->name;
        const int number = ++of_key[key];
        keys.push_back(number > 1 ? fmt::format("{}.{}", key, number) : key);
    }
    return keys;
}

std::string plan_fingerprint(const Graph& graph) {
    const std::vector<std::string> keys = plan_keys(graph);
    Fingerprint print;
    for (std::size_t i = 0; i < graph.operations.size(); ++i) {
        if (keys[i].empty()) continue;
        const Operation& operation = graph.operations[i];
        print.add(keys[i]);
        print.add(operation.kernel->name);
        for (const BoundSignature::Index& index : operation.bound->indices)
            print.add(fmt::format("{} {}", index.name, index.extent));
        for (const TensorId input : operation.inputs) {
            const OperationId producer = graph[input].producer;
            const bool computed = graph[input].kind == Tensor::Kind::computed;
            print.add(computed ? keys[producer.index()] : graph[input].name);
            print.add(to_string(Box::whole(graph[input].shape)));
        }
    }
    for (const Carry& carry : graph.carries) print.add(graph[carry.input].name + " = " + graph[carry.value].name);
    for (const GraphOutput& output : graph.outputs) print.add(graph[output.tensor].name);
    return print.text();
}

bool is_placed_output(const Graph& graph, const GraphOutput& output) {
    return graph[output.tensor].kind != Tensor::Kind::computed && !computed_source(graph, output.tensor).valid();
}

std::string print_plan_file(const Graph& graph, const PlanOutline& outline, const std::string& file) {
    std::string text = head_text(graph, outline, file);
    if (outline.pipeline) text += pipeline_text(outline);
    text += "operations:\n";
    const std::vector<std::string> keys = plan_keys(graph);
    std::size_t width = 0;
    for (const std::string& key : keys) width = std::max(width, key.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].empty()) continue;
        const Operation& operation = graph.operations[i];
        const auto name_of = [&](int index) { return operation.bound->indices[static_cast<std::size_t>(index)].name; };
        const std::string stage =
            outline.pipeline ? fmt::format("stage: {}, ", outline.pipeline->stage_of[i]) : std::string();
        text += fmt::format("  {:<{}} {}  # {}\n", keys[i] + ":", width + 1,
                            grid_text(outline.plan.operations[i].points, name_of, stage), indices_text(operation));
    }
    std::string outputs;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        const GraphOutput& output = graph.outputs[i];
        if (!is_placed_output(graph, output)) continue;
        outputs += fmt::format("  {}: {}\n", graph[output.tensor].name,
                               grid_text(outline.plan.outputs[i], [](int axis) { return axis; }));
    }
    if (!outputs.empty())
        text += "outputs:  # what nobody computes: who writes it, cut along its axes 0, 1, …\n" + outputs;
    return text;
}

}  // namespace maniple
