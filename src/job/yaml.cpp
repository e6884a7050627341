#include "job/yaml.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/text.hpp"
#include "job/yaml_events.hpp"
#include "job/yaml_place.hpp"
#include "job/yaml_text.hpp"

namespace maniple {

namespace {

constexpr std::string_view standard_tags = "tag:yaml.org,2002:";
constexpr std::size_t max_depth = 64;
/// Errors after which composing goes on; far more than are ever printed.
constexpr std::size_t max_errors = 1000;
constexpr std::size_t max_aliases = 1000;
constexpr std::size_t max_nodes = 1'000'000;
/// Values and source lines together, after expansion: a few aliases of one long scalar could else fill the memory.
constexpr std::size_t max_expanded_bytes = std::size_t{64} << 20;
constexpr std::size_t max_line_bytes = std::size_t{32} << 20;

std::string text_of(const yaml_char_t* text) {
    return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text));
}

/// One step from a collection to a node in it.
struct Step {
    std::size_t index = 0;
    bool key = false;
};

/// A node with an anchor: where it is in the tree, and what a copy of it costs.
struct Anchor {
    std::vector<Step> path;
    std::size_t nodes = 0;
    std::size_t bytes = 0;
    std::size_t height = 0;  ///< collections on its longest path down
    bool complete = false;
};

/// A collection that is not closed yet. `node` stays valid while it is open: its parent gets no other child so long.
struct Frame {
    YamlNode* node;
    Step step;
    std::string anchor;
    std::size_t nodes_before = 0;
    std::size_t bytes_before = 0;
    std::size_t height = 1;
    bool has_key = false;                               ///< of a mapping: the next node is a value
    std::unordered_map<std::string, std::size_t> keys;  ///< of a mapping: its keys and their entries
};

/// Builds the tree from events. An alias of a collection is only counted at first and filled in, as a copy out of
/// the tree itself, when the whole text is read: a document that would grow too large is refused before it does.
class Composer {
public:
    Composer(std::shared_ptr<const SourceText> source, std::vector<Diagnostic>& errors)
        : source_(std::move(source)), errors_(errors), parser_(source_->text()) {}

    YamlNode compose();

private:
    Place place_of(const yaml_mark_t& mark) const { return source_->place(source_->byte_of_character(mark.index)); }
    int length_to(const Place& from, const yaml_mark_t& end) const;
    void count_nodes() const;
    void next(YamlEvent& event);
    void handle(const YamlEvent& event);
    void add_scalar(const YamlEvent& event);
    void open(const YamlEvent& event, YamlNode::Kind kind, const yaml_char_t* anchor, const yaml_char_t* tag,
              bool flow);
    void close(const YamlEvent& event);
    void add_alias(const YamlEvent& event);

    YamlNode& slot();
    Step step_of_slot() const;
    void placed(YamlNode& node, std::size_t height);
    void check_key(const YamlNode& key);
    void count(const Place& place, std::size_t nodes, std::size_t bytes);
    void fill_place(YamlNode& node, const yaml_mark_t& mark);
    void refuse_tag(const yaml_char_t* tag, Place place);
    std::vector<Step> path_to(Step last) const;
    YamlNode& resolve(const std::vector<Step>& path);
    void fill_aliases();
    std::string shown_name(const std::string& anchor) const { return "'" + anchor.substr(0, 60) + "'"; }
    [[noreturn]] void fail(const Place& place, std::string message, std::vector<Diagnostic::Note> notes = {});

    std::shared_ptr<const SourceText> source_;
    std::vector<Diagnostic>& errors_;
    YamlParser parser_;
    YamlNode root_;
    bool has_root_ = false;
    bool has_duplicates_ = false;
    std::vector<Frame> open_;
    std::unordered_map<std::string, Anchor> anchors_;
    std::vector<std::pair<std::vector<Step>, std::vector<Step>>> unfilled_;  ///< from the alias to its anchor
    std::size_t nodes_ = 0;
    std::size_t aliases_ = 0;
    std::size_t bytes_ = 0;
    std::size_t line_bytes_ = 0;
};

void Composer::fail(const Place& place, std::string message, std::vector<Diagnostic::Note> notes) {
    errors_.push_back({place, std::move(message), {}, std::move(notes), false});
    throw JobError(errors_);
}

/// Characters from `from` to `end`, or 1 where that is on another line.
int Composer::length_to(const Place& from, const yaml_mark_t& end) const {
    const std::size_t first = source_->line_start(from.line);
    const std::size_t last = source_->byte_of_character(end.index);
    if (last < first || (from.line < source_->line_count() && last >= source_->line_start(from.line + 1))) return 1;
    const std::size_t column = source_->character_of_byte(last) - source_->character_of_byte(first) + 1;
    return std::max(1, static_cast<int>(column) - from.column);
}

/// A large text is read once without a tree, so that one with too many nodes is refused before they fill the memory.
/// An error of YAML's syntax is left to compose(), which says more about it.
void Composer::count_nodes() const {
    if (source_->text().size() < max_nodes / 2) return;  // `?,` in a list is three nodes, nothing makes more of less
    YamlParser parser(source_->text());
    std::size_t nodes = 0;
    for (bool done = false; !done;) {
        YamlEvent event;
        if (!event.parse(parser)) return;
        const yaml_event_type_t type = event->type;
        done = type == YAML_STREAM_END_EVENT;
        const bool node = type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
                          type == YAML_MAPPING_START_EVENT || type == YAML_ALIAS_EVENT;
        if (!node || ++nodes <= max_nodes) continue;
        throw JobError(place_of(event->start_mark), "more than 1000000 nodes: what a job file may hold at most");
    }
}

void Composer::next(YamlEvent& event) {
    if (event.parse(parser_)) return;
    const yaml_parser_t& parser = *parser_.get();
    if (parser.error == YAML_MEMORY_ERROR) throw std::bad_alloc();
    const bool in_flow = std::any_of(open_.begin(), open_.end(), [](const Frame& f) { return f.node->flow; });
    const std::size_t byte = source_->byte_of_character(parser.problem_mark.index);
    const char found = byte < source_->text().size() ? source_->text()[byte] : '\0';
    std::vector<Diagnostic::Note> notes;
    if (parser.context != nullptr && parser.context_mark.line != parser.problem_mark.line) {
        notes.push_back({place_of(parser.context_mark), explain_yaml_context(parser.context)});
    }
    fail(source_->place(byte), explain_yaml_problem(parser.problem, parser.context, found, in_flow), std::move(notes));
}

YamlNode Composer::compose() {
    count_nodes();
    for (bool done = false; !done;) {
        YamlEvent event;
        next(event);
        if (event->type == YAML_DOCUMENT_START_EVENT && has_root_) {
            fail(place_of(event->start_mark), "a second YAML document: expected one document in the file");
        }
        if (event->type == YAML_STREAM_END_EVENT) done = true;
        handle(event);
    }
    if (!has_root_ || root_.absent()) {
        fail(source_->place(1, 1, 1), "the file is empty: expected a mapping of keys and values");
    }
    fill_aliases();
    if (has_duplicates_) drop_duplicates(root_);
    return std::move(root_);
}

void Composer::handle(const YamlEvent& event) {
    switch (event->type) {
        case YAML_SCALAR_EVENT: return add_scalar(event);
        case YAML_ALIAS_EVENT: return add_alias(event);
        case YAML_SEQUENCE_START_EVENT: {
            const auto& start = event->data.sequence_start;
            const bool flow = start.style == YAML_FLOW_SEQUENCE_STYLE;
            return open(event, YamlNode::Kind::sequence, start.anchor, start.tag, flow);
        }
        case YAML_MAPPING_START_EVENT: {
            const auto& start = event->data.mapping_start;
            const bool flow = start.style == YAML_FLOW_MAPPING_STYLE;
            return open(event, YamlNode::Kind::mapping, start.anchor, start.tag, flow);
        }
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT: return close(event);
        default: return;
    }
}

/// Where the next node goes. Requires: step_of_slot() was asked before.
YamlNode& Composer::slot() {
    if (open_.empty()) {
        has_root_ = true;
        return root_;
    }
    YamlNode& parent = *open_.back().node;
    if (parent.kind == YamlNode::Kind::sequence) return parent.items.emplace_back();
    if (open_.back().has_key) return parent.entries.back().second;
    return parent.entries.emplace_back().first;
}

Step Composer::step_of_slot() const {
    if (open_.empty()) return {};
    const YamlNode& parent = *open_.back().node;
    if (parent.kind == YamlNode::Kind::sequence) return {parent.items.size(), false};
    if (open_.back().has_key) return {parent.entries.size() - 1, false};
    return {parent.entries.size(), true};
}

/// Notes that `node`, now complete, stands in the open collection.
void Composer::placed(YamlNode& node, std::size_t height) {
    if (open_.empty()) return;
    Frame& frame = open_.back();
    frame.height = std::max(frame.height, height + 1);
    if (frame.node->kind == YamlNode::Kind::sequence) return;
    if (!frame.has_key) check_key(node);
    frame.has_key = !frame.has_key;
}

void Composer::check_key(const YamlNode& key) {
    if (key.kind != YamlNode::Kind::scalar) {
        std::string message = "a list or mapping as a key: expected a word";
        if (open_.back().node->flow) message += "; " + std::string(quoting_rule);
        fail(key.place, message);
    }
    if (key.plain && key.value == "<<") fail(key.place, "merge keys ('<<') are not supported: write the keys out");
    Frame& frame = open_.back();
    const auto [first, is_new] = frame.keys.emplace(key.value, frame.node->entries.size() - 1);
    if (is_new) return;
    has_duplicates_ = true;
    if (errors_.size() >= max_errors) fail(key.place, "duplicate key '" + key.value + "'");
    const Place& first_place = frame.node->entries[first->second].first.place;
    const std::string message = "duplicate key '" + key.value + "'";
    errors_.push_back({key.place, message, {}, {{first_place, "first written here"}}, false});
}

void Composer::count(const Place& place, std::size_t nodes, std::size_t bytes) {
    nodes_ += nodes;
    bytes_ += bytes;
    if (nodes_ > max_nodes) fail(place, "more than 1000000 nodes after the expansion of aliases");
    if (bytes_ > max_expanded_bytes) fail(place, "more than 64 MiB of text after the expansion of aliases");
}

void Composer::fill_place(YamlNode& node, const yaml_mark_t& mark) {
    node.source = source_;
    node.place = place_of(mark);
    line_bytes_ += node.place.line_text.size();
    if (line_bytes_ > max_line_bytes) node.place.line_text = std::string();
}

void Composer::refuse_tag(const yaml_char_t* tag, Place place) {
    if (tag == nullptr) return;
    if (errors_.size() >= max_errors) fail(place, "tags are not supported");
    std::string name = text_of(tag);
    if (name.starts_with(standard_tags)) name.replace(0, standard_tags.size(), "!!");
    place.length = static_cast<int>(count_characters(name));  // as it is written, but for one in full
    errors_.push_back({place, "the tag '" + name + "' is not supported: remove it", {}, {}, false});
}

void Composer::add_scalar(const YamlEvent& event) {
    const auto& scalar = event->data.scalar;
    const Step step = step_of_slot();
    const bool in_flow = !open_.empty() && open_.back().node->flow;
    YamlNode& node = slot();
    fill_place(node, event->start_mark);
    refuse_tag(scalar.tag, node.place);
    std::size_t start = source_->byte_of_character(event->start_mark.index);
    const std::size_t end = source_->byte_of_character(event->end_mark.index);
    if (scalar.anchor != nullptr || scalar.tag != nullptr) {
        start = skip_properties(source_->text(), start, end);
        node.place = source_->place(start);
    }
    node.value.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    node.plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node.flow = in_flow;
    node.stretches = stretches_of(*source_, start, end, node.value);
    node.place.length = length_to(node.place, event->end_mark);
    const std::size_t bytes = node.value.size() + node.place.line_text.size();
    count(node.place, 1, bytes);
    if (scalar.anchor != nullptr) anchors_[text_of(scalar.anchor)] = {path_to(step), 1, bytes, 0, true};
    placed(node, 0);
}

void Composer::open(const YamlEvent& event, YamlNode::Kind kind, const yaml_char_t* anchor, const yaml_char_t* tag,
                    bool flow) {
    Frame frame;
    frame.step = step_of_slot();
    frame.nodes_before = nodes_;
    frame.bytes_before = bytes_;
    frame.anchor = text_of(anchor);
    YamlNode& node = slot();
    fill_place(node, event->start_mark);
    refuse_tag(tag, node.place);
    if (open_.size() >= max_depth) fail(node.place, "nested deeper than 64 levels");
    node.kind = kind;
    node.flow = flow;
    count(node.place, 1, node.place.line_text.size());
    if (anchor != nullptr) anchors_[frame.anchor] = {path_to(frame.step), 0, 0, 0, false};
    frame.node = &node;
    open_.push_back(std::move(frame));
}

void Composer::close(const YamlEvent& event) {
    const Frame frame = std::move(open_.back());
    open_.pop_back();
    if (!frame.anchor.empty()) {
        Anchor& anchor = anchors_[frame.anchor];
        // The same anchor may have been given again inside: then that one is the latest.
        if (!anchor.complete) {
            anchor.nodes = nodes_ - frame.nodes_before;
            anchor.bytes = bytes_ - frame.bytes_before;
            anchor.height = frame.height;
            anchor.complete = true;
        }
    }
    if (frame.node->flow) frame.node->place.length = length_to(frame.node->place, event->end_mark);
    placed(*frame.node, frame.height);
}

void Composer::add_alias(const YamlEvent& event) {
    const std::string name = text_of(event->data.alias.anchor);
    Place place = place_of(event->start_mark);
    place.length = length_to(place, event->end_mark);
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) fail(place, "no anchor " + shown_name(name) + " before this alias");
    const Anchor& anchor = found->second;
    if (!anchor.complete) fail(place, "the alias " + shown_name(name) + " stands inside of what it names");
    if (++aliases_ > max_aliases) fail(place, "more than 1000 aliases");
    if (open_.size() + anchor.height > max_depth) fail(place, "nested deeper than 64 levels");
    count(place, anchor.nodes, anchor.bytes);
    const Step step = step_of_slot();
    YamlNode& node = slot();
    if (anchor.height == 0) {
        node = YamlNode(resolve(anchor.path));  // only now: a new slot may have moved the nodes beside it
    } else {
        node.kind = YamlNode::Kind::sequence;
        node.place = place;
        unfilled_.emplace_back(path_to(step), anchor.path);
    }
    placed(node, anchor.height);
}

void Composer::fill_aliases() {
    // In the order of the text: an anchor stands before its aliases, so those inside of it are filled by then.
    for (const auto& [alias, anchor] : unfilled_) resolve(alias) = YamlNode(resolve(anchor));
}

std::vector<Step> Composer::path_to(Step last) const {
    std::vector<Step> path;
    for (const Frame& frame : open_) path.push_back(frame.step);
    path.push_back(last);
    path.erase(path.begin());  // the step to the root
    return path;
}

YamlNode& Composer::resolve(const std::vector<Step>& path) {
    YamlNode* node = &root_;
    for (const Step& step : path) {
        if (node->kind == YamlNode::Kind::sequence) {
            node = &node->items[step.index];
        } else {
            auto& entry = node->entries[step.index];
            node = step.key ? &entry.first : &entry.second;
        }
    }
    return *node;
}

}  // namespace

YamlNode compose_yaml(std::string_view text, const std::string& file, std::vector<Diagnostic>& errors) {
    check_yaml_text(text, file);
    return Composer(std::make_shared<const SourceText>(text, file), errors).compose();
}

YamlNode compose_yaml(std::string_view text, const std::string& file) {
    std::vector<Diagnostic> errors;
    YamlNode root = compose_yaml(text, file, errors);
    if (!errors.empty()) throw JobError(std::move(errors));
    return root;
}

}  // namespace maniple
