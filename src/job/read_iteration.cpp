// loop:, train: and checkpoint:

#include <algorithm>

#include "base/text.hpp"
#include "job/file_reference.hpp"
#include "job/sections.hpp"

namespace maniple {

namespace {

void read_carry(Reading& reading, const YamlNode& node, LoopSpec& loop) {
    for (const YamlEntry* entry : reading.entries(node, "carry")) {
        const YamlNode& key = entry->first;
        const YamlNode& value = entry->second;
        reading.attempt([&] { loop.carry.push_back({read_name(key), read_name(value), key.place, value.place}); });
    }
}

struct Optimizer {
    std::string name;
    std::vector<std::string> parameters;  ///< the first one is required
};

const std::vector<Optimizer>& optimizers() {
    static const std::vector<Optimizer> all = {{"sgd", {"rate", "momentum"}},
                                               {"adam", {"rate", "beta1", "beta2", "eps"}}};
    return all;
}

const Optimizer& find_optimizer(const Expression& call) {
    std::vector<std::string> names;
    for (const Optimizer& optimizer : optimizers()) {
        const bool written_as_call = call.kind == Expression::Kind::call && !call.from_operator;
        if (written_as_call && optimizer.name == call.name) return optimizer;
        names.push_back(optimizer.name);
    }
    throw JobError(call.place, "expected an optimizer: sgd(rate=0.1, momentum=0) or adam(rate=0.001)",
                   nearest_word(call.name, names));
}

/// Replaces the value by the number that it stands for, so that nobody else need know the constants.
void settle(Expression::Parameter& parameter, const Constants& constants) {
    const std::optional<Number> number = evaluate(parameter.value, constants);
    if (!number) throw JobError(parameter.value.place, "expected a number or a constant's name");
    Expression settled;
    settled.kind = number->is_integer ? Expression::Kind::integer : Expression::Kind::real;
    settled.integer = number->integer;
    settled.real = number->real;
    settled.place = parameter.value.place;
    parameter.value.kind = Expression::Value::Kind::expression;
    parameter.value.word.clear();
    parameter.value.expression = {settled};
}

Expression read_optimizer(const YamlNode& node, const Constants& constants) {
    read_text(node, "an optimizer like sgd(rate=0.1)");
    Expression call = parse_expression(node);
    const Optimizer& optimizer = find_optimizer(call);
    const std::string takes = "'" + call.name + "' takes " + join(optimizer.parameters, ", ");
    if (!call.arguments.empty()) {
        throw JobError(call.arguments.front().place, takes + " as name=value, found an argument without a name");
    }
    bool rated = false;
    for (Expression::Parameter& parameter : call.parameters) {
        const auto& known = optimizer.parameters;
        if (std::find(known.begin(), known.end(), parameter.name) == known.end()) {
            throw JobError(parameter.place, "unknown parameter '" + parameter.name + "': " + takes,
                           nearest_word(parameter.name, known));
        }
        settle(parameter, constants);
        rated = rated || parameter.name == "rate";
    }
    if (!rated) throw JobError(call.place, "'" + call.name + "' needs a rate: write " + call.name + "(rate=0.01)");
    return call;
}

void read_over(const YamlNode& node, TrainSpec& train) {
    if (node.kind != YamlNode::Kind::sequence) {
        refuse(node, "expected a list of inputs like [images, labels], found " + describe(node));
    }
    if (node.items.empty()) refuse(node, "'over' is empty: expected at least one input");
    for (const YamlNode& item : node.items) {
        train.over.push_back(read_name(item));
        train.over_places.push_back(item.place);
    }
}

std::optional<std::uint64_t> read_shuffle(const YamlNode& node) {
    if (node.kind == YamlNode::Kind::scalar && node.plain && node.value == "false") return std::nullopt;
    std::optional<std::int64_t> seed;
    if (node.kind == YamlNode::Kind::scalar && node.plain) seed = parse_count(node.value);
    if (!seed) {
        refuse(node, "expected a seed (an integer of at least 0) or false, found " + describe(node),
               node.value == "no" || node.value == "off" ? "false" : "");
    }
    return static_cast<std::uint64_t>(*seed);
}

/// "200 steps", also with a constant's name as the number; nothing for anything else.
std::optional<std::int64_t> read_steps(const YamlNode& node, const Constants& constants) {
    static constexpr std::string_view units[] = {" steps", " step"};
    const std::string& text = node.value;
    for (const std::string_view unit : units) {
        if (!text.ends_with(unit)) continue;
        YamlNode number = node;
        number.plain = true;
        number.value = text.substr(0, text.size() - unit.size());
        while (!number.value.empty() && number.value.back() == ' ') number.value.pop_back();
        return read_count(number, 1, &constants);
    }
    return std::nullopt;
}

void read_checkpoint_interval(const YamlNode& node, const Constants& constants, CheckpointSpec& checkpoint) {
    const std::string expected = "steps or a time, like 200 steps or 10 min";
    read_text(node, expected);
    checkpoint.every_steps = read_steps(node, constants);
    if (checkpoint.every_steps) return;
    if (!parse_seconds(node.value)) refuse(node, "expected " + expected + ", found " + describe(node));
    checkpoint.every_seconds = read_seconds(node);
}

}  // namespace

void read_loop(Reading& reading, const YamlNode& node, Job& job) {
    LoopSpec loop;
    loop.place = node.place;
    const Section section(reading, node, "loop", {"steps", "until", "check", "carry"}, {"steps"});
    section.read("steps", [&](const YamlNode& steps) {
        loop.steps_place = steps.place;
        loop.steps = read_count(steps, 1, &reading.constants);
    });
    section.read("check", [&](const YamlNode& check) { loop.check = read_count(check, 1, &reading.constants); });
    section.read("until", [&](const YamlNode& until) {
        read_text(until, "an expression");
        loop.until = parse_expression(until);
    });
    section.read("carry", [&](const YamlNode& carry) { read_carry(reading, carry, loop); });
    job.loop = std::move(loop);
}

void read_train(Reading& reading, const YamlNode& node, Job& job) {
    TrainSpec train;
    train.place = node.place;
    const std::vector<std::string> required = {"over", "loss", "optimizer", "epochs", "batch"};
    std::vector<std::string> known = required;
    known.emplace_back("shuffle");
    const Section section(reading, node, "train", known, required);
    section.read("over", [&](const YamlNode& over) { read_over(over, train); });
    section.read("loss", [&](const YamlNode& loss) {
        train.loss_place = loss.place;
        train.loss = read_name(loss);
    });
    section.read("optimizer",
                 [&](const YamlNode& optimizer) { train.optimizer = read_optimizer(optimizer, reading.constants); });
    section.read("epochs", [&](const YamlNode& epochs) { train.epochs = read_count(epochs, 1, &reading.constants); });
    section.read("batch", [&](const YamlNode& batch) { train.batch = read_count(batch, 1, &reading.constants); });
    section.read("shuffle", [&](const YamlNode& shuffle) { train.shuffle = read_shuffle(shuffle); });
    job.train = std::move(train);
}

void read_checkpoint(Reading& reading, const YamlNode& node, Job& job) {
    CheckpointSpec checkpoint;
    checkpoint.place = node.place;
    const Section section(reading, node, "checkpoint", {"to", "every", "keep"}, {"to"});
    section.read("to", [&](const YamlNode& to) { checkpoint.to = read_whole_file(to, reading); });
    section.read("every",
                 [&](const YamlNode& every) { read_checkpoint_interval(every, reading.constants, checkpoint); });
    section.read("keep", [&](const YamlNode& keep) { checkpoint.keep = read_count(keep, 1, &reading.constants); });
    job.checkpoint = std::move(checkpoint);
}

}  // namespace maniple
