#include "plan/plan_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "base/text.hpp"
#include "job/reading.hpp"
#include "plan/data_plan.hpp"
#include "plan/plan_table.hpp"

namespace maniple {

namespace {

/// Why `index` of `operation` may not be cut.
std::string rule_against(const Operation& operation, int index) {
    const BoundSignature::Index& loop = operation.bound->indices[static_cast<std::size_t>(index)];
    if (loop.whole) return fmt::format("'{}' needs all of it at once", operation.kernel->name);
    if (loop.points() < 2) return fmt::format("it has {}", loop.points() == 1 ? "one point" : "no points");
    if (!operation.kernel->is_fold()) return fmt::format("'{}' adds up along it in one go", operation.kernel->name);
    return fmt::format("'{}' folds in order: of what it folds only the outermost index may be cut",
                       operation.kernel->name);
}

/// There may be more than a grid has that can be carried out.
std::int64_t blocks_of(const BlockGrid& grid) {
    std::int64_t count = 1;
    for (const Cut& cut : grid.cuts) count *= cut.parts;
    return count;
}

/// "{data: 2, pipeline: 4}": each of the three at most once.
std::optional<PlanRequest::Hybrid> parse_hybrid(std::string_view text) {
    if (text.size() < 2 || text.front() != '{' || text.back() != '}') return std::nullopt;
    PlanRequest::Hybrid hybrid{0, 0, 0};
    const std::pair<std::string_view, int*> known[] = {
        {"data: ", &hybrid.data}, {"pipeline: ", &hybrid.pipeline}, {"model: ", &hybrid.model}};
    for (text = text.substr(1, text.size() - 2); !text.empty();) {
        const std::string_view part = text.substr(0, text.find(", "));
        const auto found = std::find_if(std::begin(known), std::end(known),
                                        [&](const auto& one) { return part.starts_with(one.first); });
        if (found == std::end(known) || *found->second != 0) return std::nullopt;
        const std::int64_t count = parse_count(part.substr(found->first.size())).value_or(0);
        if (count < 1 || count > 1 << 20) return std::nullopt;
        *found->second = static_cast<int>(count);
        text.remove_prefix(std::min(text.size(), part.size() + 2));
    }
    for (const auto& one : known) *one.second = std::max(*one.second, 1);
    return hybrid;
}

class PlanFileReader {
public:
    PlanFileReader(const Graph& graph, const PlanRequest& request, int ranks)
        : graph_(graph), request_(request), ranks_(ranks), keys_(plan_keys(graph)) {}

    PlanOutline read() {
        try {
            const YamlNode root = compose_yaml(request_.from_text, request_.from, reading_.errors);
            read_root(root);
        } catch (const TooManyErrors&) {}
        if (!reading_.errors.empty()) throw JobError(by_place(std::move(reading_.errors)));
        require_ranks();
        outline_.plan.ranks = ranks_;
        return std::move(outline_);
    }

private:
    void read_root(const YamlNode& root) {
        const Section top(reading_, root, "",
                          {"maniple_plan", "job", "graph", "strategy", "ranks", "pipeline", "operations", "outputs"},
                          {"maniple_plan", "graph", "ranks", "operations"});
        if (root.kind != YamlNode::Kind::mapping) return;
        top.read("maniple_plan", [](const YamlNode& node) {
            if (read_count(node, 1) != 1) refuse(node, "this version reads plans of format 1");
        });
        top.read("graph", [&](const YamlNode& node) {
            const std::string& made_for = read_text(node, "the fingerprint of a graph");
            if (made_for != plan_fingerprint(graph_))
                refuse(node, fmt::format("this plan is of another graph: that of '{}' is {}", graph_.name,
                                         plan_fingerprint(graph_)));
        });
        const YamlNode* pipeline = top.find("pipeline");
        outline_.plan.strategy = pipeline != nullptr ? "pipeline" : "data";
        top.read("strategy", [&](const YamlNode& node) { read_strategy(node, pipeline != nullptr); });
        top.read("ranks", [&](const YamlNode& node) {
            planned_ranks_ = static_cast<int>(std::min<std::int64_t>(read_count(node, 1), 1 << 20));
            ranks_place_ = node.place;
        });
        if (pipeline != nullptr) {
            begin_pipeline(*pipeline);
            if (top.find("strategy") == nullptr) share_ranks_out();
        }
        top.read("operations", [&](const YamlNode& node) { read_operations(node); });
        if (pipeline != nullptr && reading_.errors.empty()) read_tables(*pipeline);
        read_outputs(root, top);
    }

    void read_strategy(const YamlNode& node, bool in_stages) {
        static const std::vector<std::string> all = {"data", "model", "pipeline", "stealing"};
        const std::string& text = read_text(node, "what the plan is called");
        const std::optional<PlanRequest::Hybrid> hybrid = parse_hybrid(text);
        if (!hybrid && std::find(all.begin(), all.end(), text) == all.end())
            refuse(node,
                   fmt::format("expected one of {} or a grid like {{data: 2, pipeline: 4}}, found {}", join(all, ", "),
                               in_quotes(text)),
                   nearest_word(text, all));
        if (in_stages && (hybrid ? hybrid->pipeline < 2 : text != "pipeline"))
            refuse(
                node,
                fmt::format("a plan with 'pipeline:' is a pipeline or a grid like {{data: 2, pipeline: 4}}, found {}",
                            in_quotes(text)),
                "pipeline");
        outline_.plan.strategy = text;
        if (hybrid) column_ranks_ = std::int64_t{hybrid->data} * hybrid->model;
    }

    void require_ranks() const {
        if (planned_ranks_ > ranks_)
            throw UnavailableError(ranks_place_, fmt::format("the plan takes {} ranks, there {} {}", planned_ranks_,
                                                             ranks_ == 1 ? "is" : "are", ranks_));
        if (ranks_for(request_, ranks_) < planned_ranks_)
            throw UnavailableError(request_.max_ranks_place,
                                   fmt::format("max_ranks: {}: the plan in {} takes {} ranks", request_.max_ranks,
                                               request_.from, planned_ranks_));
    }

    // --- Operations ----------------------------------------------------------------------------------------------

    void read_operations(const YamlNode& node) {
        Plan& plan = outline_.plan;
        plan.operations.resize(graph_.operations.size());
        std::map<std::string, std::size_t> numbers;
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            if (!keys_[i].empty()) numbers.emplace(keys_[i], i);
        }
        std::set<std::string> meant;  // also by those who misspell it
        std::vector<std::string> written;
        for (const YamlEntry* entry : reading_.entries(node, "operations")) {
            const std::string& key = entry->first.value;
            written.push_back(key);
            const auto found = numbers.find(key);
            if (found == numbers.end()) {
                const std::string near = nearest_word(key, keys_);
                meant.insert(near);
                reading_.error(entry->first.place,
                               fmt::format("{} is no operation of graph '{}'", in_quotes(key), graph_.name), near);
                continue;
            }
            meant.insert(key);
            reading_.attempt([&] { read_operation(entry->second, OperationId(found->second)); });
        }
        for (const auto& [key, number] : numbers) {
            if (!meant.contains(key))
                reading_.error(node.place, fmt::format("operation '{}' is missing", key), nearest_word(key, written));
        }
    }

    void read_operation(const YamlNode& node, OperationId id) {
        const Operation& operation = graph_[id];
        std::vector<std::string> known = {"cut", "rank"}, required;
        if (outline_.pipeline) {
            known.emplace_back("stage");
            required.emplace_back("stage");
        }
        const Section section(reading_, node, keys_[id.index()], known, required);
        std::vector<std::string> names;
        for (const BoundSignature::Index& index : operation.bound->indices) names.push_back(index.name);
        BlockGrid grid = read_grid(section, [&](const YamlNode& key, int parts) {
            const auto found = std::find(names.begin(), names.end(), key.value);
            if (found == names.end())
                refuse(key,
                       fmt::format("'{}' has no index {}; it has {}", operation.kernel->name, in_quotes(key.value),
                                   join(names, ", ")),
                       nearest_word(key.value, names));
            const int index = static_cast<int>(found - names.begin());
            if (!may_cut(operation, index))
                refuse(key, fmt::format("index '{}' of '{}' may not be cut: {}", key.value, keys_[id.index()],
                                        rule_against(operation, index)));
            require_points(key, operation.bound->indices[static_cast<std::size_t>(index)].points(), parts);
            return index;
        });
        if (outline_.pipeline)
            section.read("stage", [&](const YamlNode& value) { read_stage(value, id, section, grid); });
        if (is_in_ranks(section, node, grid)) place_operation(graph_, outline_.plan, id, grid);
    }

    /// `index_of` finds what a key of `cut` means, or refuses it.
    template <class IndexOf>
    BlockGrid read_grid(const Section& section, IndexOf&& index_of) {
        BlockGrid grid;
        section.read("cut", [&](const YamlNode& cuts) {
            for (const YamlEntry* cut : reading_.entries(cuts, "cut")) {
                reading_.attempt([&] {
                    const auto parts = static_cast<int>(std::min<std::int64_t>(read_count(cut->second, 2), 1 << 20));
                    grid.cuts.push_back({index_of(cut->first, parts), parts});
                });
            }
            if (grid.cuts.size() > most_cuts)
                refuse(cuts, fmt::format("at most {} indices may be cut, found {}", most_cuts, grid.cuts.size()));
        });
        section.read("rank", [&](const YamlNode& value) {
            grid.first = Rank(static_cast<std::int32_t>(std::min<std::int64_t>(read_count(value, 0), 1 << 20)));
        });
        return grid;
    }

    static void require_points(const YamlNode& key, std::int64_t points, int parts) {
        if (parts > points)
            refuse(key, fmt::format("'{}' has {} points: it cannot be cut into {} parts", key.value, points, parts));
    }

    static std::string ranks_text(std::int64_t first, std::int64_t count) {
        return count == 1 ? fmt::format("rank {}", first) : fmt::format("ranks {} to {}", first, first + count - 1);
    }

    /// Whether the blocks have ranks; else an error says so.
    bool is_in_ranks(const Section& section, const YamlNode& node, const BlockGrid& grid) {
        if (grid.cuts.size() > most_cuts || planned_ranks_ == 0) return false;  // there is an error already
        const std::int64_t count = blocks_of(grid);
        if (grid.first.value + count <= planned_ranks_) return true;
        const YamlNode* at = section.find("rank");
        if (at == nullptr) at = section.find("cut");
        reading_.error(at != nullptr ? at->place : node.place,
                       fmt::format("this takes {}, and the plan has {} (ranks:)", ranks_text(grid.first.value, count),
                                   planned_ranks_));
        return false;
    }

    void read_stage(const YamlNode& node, OperationId id, const Section& section, const BlockGrid& grid) {
        const std::int64_t stage = read_count(node, 0);
        PipelineOutline& pipeline = *outline_.pipeline;
        if (stage >= static_cast<std::int64_t>(pipeline.column_of.size()))
            refuse(node, fmt::format("there is no stage {}: 'columns' has {}", stage, pipeline.column_of.size()));
        pipeline.stage_of[id.index()] = static_cast<int>(stage);
        if (grid.cuts.size() > most_cuts) return;  // there is an error already
        const int column = pipeline.column_of[static_cast<std::size_t>(stage)];
        const std::int64_t first = column * column_ranks_, end = first + column_ranks_;
        if (grid.first.value >= first && grid.first.value + blocks_of(grid) <= end) return;
        const YamlNode* at = section.find("rank");
        refuse(at != nullptr ? *at : node,
               fmt::format("stage {} is on column {}, which is {}; this takes {}", stage, column,
                           ranks_text(first, column_ranks_), ranks_text(grid.first.value, blocks_of(grid))),
               column_ranks_ == 1 && grid.first.value != first ? fmt::format("{}", first) : "");
    }

    // --- Pipelines -----------------------------------------------------------------------------------------------

    void begin_pipeline(const YamlNode& node) {
        PipelineOutline pipeline;
        pipeline.stage_of.resize(graph_.operations.size(), 0);
        batch_ = find_batch(graph_);
        const Section section(reading_, node, "pipeline",
                              {"microbatches", "depth", "schedule", "splits_inputs", "columns", "tables"},
                              {"microbatches", "depth", "columns", "tables"});
        if (batch_.rows < 2)
            reading_.error(node.place, "no leading index of this graph can be cut: it has no pipeline");
        section.read("microbatches", [&](const YamlNode& value) {
            const std::int64_t count = read_count(value, 2);
            if (count > batch_.rows)
                refuse(value, fmt::format("the batch has {} rows: that many microbatches at most", batch_.rows));
            pipeline.microbatches = static_cast<int>(count);
        });
        section.read("depth", [&](const YamlNode& value) {
            pipeline.depth = static_cast<int>(std::min<std::int64_t>(read_count(value, 1), pipeline.microbatches));
        });
        section.read("schedule", [&](const YamlNode& value) {
            pipeline.alternates = read_choice(value, {"gpipe", "1f1b"}) == "1f1b";
        });
        section.read("splits_inputs", [&](const YamlNode& value) { pipeline.splits_inputs = read_boolean(value); });
        section.read("columns", [&](const YamlNode& value) {
            if (value.kind != YamlNode::Kind::sequence || value.items.empty())
                refuse(value, "expected a list: the column of ranks of each stage");
            for (const YamlNode& item : value.items)
                pipeline.column_of.push_back(static_cast<int>(std::min<std::int64_t>(read_count(item, 0), 1 << 20)));
        });
        if (pipeline.column_of.empty()) pipeline.column_of = {0};
        outline_.pipeline = std::move(pipeline);
    }

    /// Where nothing says of how many ranks a column is: of as many as the others.
    void share_ranks_out() {
        const std::vector<int>& columns = outline_.pipeline->column_of;
        const std::int64_t count = std::int64_t{1} + *std::max_element(columns.begin(), columns.end());
        column_ranks_ = std::max<std::int64_t>(1, planned_ranks_ / count);
    }

    void read_tables(const YamlNode& node) {
        PipelineOutline& pipeline = *outline_.pipeline;
        for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
            const OperationId original = graph_.operations[i].twin_of;
            if (original.valid()) pipeline.stage_of[i] = pipeline.stage_of[original.index()];
        }
        const YamlNode& tables = *node.find("tables");
        if (tables.kind != YamlNode::Kind::sequence || tables.items.size() != static_cast<std::size_t>(batch_.phases)) {
            reading_.error(tables.place, fmt::format("expected a list of {}: one table for each time that the batch "
                                                     "goes through",
                                                     batch_.phases));
            return;
        }
        for (int phase = 0; phase < batch_.phases; ++phase) {
            pipeline.tables.push_back(
                read_table(reading_, tables.items[static_cast<std::size_t>(phase)], graph_, batch_, pipeline, phase));
        }
    }

    // --- Outputs -------------------------------------------------------------------------------------------------

    void read_outputs(const YamlNode& root, const Section& top) {
        outline_.plan.outputs.resize(graph_.outputs.size());
        std::vector<std::string> names;
        for (const GraphOutput& output : graph_.outputs) {
            if (is_placed_output(graph_, output)) names.push_back(graph_[output.tensor].name);
        }
        const YamlNode* node = top.find("outputs");
        if (node == nullptr && !names.empty())
            reading_.error(root.place, fmt::format("missing key 'outputs': who writes {}", join(names, ", ")));
        if (node == nullptr) return;
        const Section section(reading_, *node, "outputs", names, names);
        for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
            const GraphOutput& output = graph_.outputs[i];
            if (!is_placed_output(graph_, output)) continue;
            section.read(graph_[output.tensor].name, [&](const YamlNode& value) {
                const Section one(reading_, value, graph_[output.tensor].name, {"cut", "rank"});
                outline_.plan.outputs[i] = read_grid(one, [&](const YamlNode& key, int parts) {
                    const Shape& shape = graph_[output.tensor].shape;
                    const std::int64_t axis = read_count(key, 0);
                    if (axis >= shape.rank())
                        refuse(key, fmt::format("there is no axis {}: it has {}", axis, shape.rank()));
                    require_points(key, shape[static_cast<int>(axis)], parts);
                    return static_cast<int>(axis);
                });
                is_in_ranks(one, value, outline_.plan.outputs[i]);
            });
        }
    }

    const Graph& graph_;
    const PlanRequest& request_;
    int ranks_;
    int planned_ranks_ = 0;          ///< 0: not known
    std::int64_t column_ranks_ = 1;  ///< of a pipeline
    Place ranks_place_;
    std::vector<std::string> keys_;
    Batch batch_;
    Reading reading_;
    PlanOutline outline_;
};

}  // namespace

PlanOutline read_plan_file(const Graph& graph, const PlanRequest& request, int ranks) {
    return PlanFileReader(graph, request, ranks).read();
}

}  // namespace maniple
