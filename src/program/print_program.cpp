#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "program/layout.hpp"
#include "program/program.hpp"

namespace maniple {

std::string_view name_of(LaneKind lane) {
    constexpr std::string_view names[] = {"cpu", "gpu", "net", "file"};
    return names[static_cast<std::size_t>(lane)];
}

std::string_view name_of(InstructionKind kind) {
    constexpr std::string_view names[] = {
        "read",  "fill", "copy",   "boundary", "send",     "receive", "compute", "accumulate", "merge",   "finish",
        "write", "pack", "unpack", "upload",   "download", "compare", "check",   "store",      "restore", "decide"};
    return names[static_cast<std::size_t>(kind)];
}

namespace {

/// Consecutive tiles of one operation in one step are printed as one line.
struct Line {
    std::size_t first = 0;
    std::size_t count = 1;
    Box box;
};

bool same_line(const Instruction& a, const Instruction& b) {
    const bool kernel = a.kind == InstructionKind::compute || a.kind == InstructionKind::accumulate;
    return kernel && a.kind == b.kind && a.operation == b.operation && a.step == b.step;
}

std::vector<Line> lines_of(const Program& program) {
    std::vector<Line> lines;
    for (std::size_t i = 0; i < program.instructions.size(); ++i) {
        const Instruction& instruction = program.instructions[i];
        // A tile of another size than its neighbour (a border) has a line of its own.
        const bool joins = !lines.empty() && same_line(program.instructions[lines.back().first], instruction) &&
                           2 * instruction.box.volume() > program.instructions[i - 1].box.volume() &&
                           instruction.box.volume() < 2 * program.instructions[i - 1].box.volume();
        if (joins) {
            lines.back().box = bounding(lines.back().box, instruction.box);
            ++lines.back().count;
        } else {
            lines.push_back({i, 1, instruction.box});
        }
    }
    return lines;
}

std::string what(const Graph& graph, const Layout& layout, const Instruction& instruction) {
    const auto version = [&](BufferId buffer) { return layout[buffer].name; };
    switch (instruction.kind) {
        case InstructionKind::read:
            return fmt::format("read     {} from input {}", version(instruction.writes[0].buffer),
                               graph[instruction.tensor].name);
        case InstructionKind::fill: return fmt::format("fill     {}", version(instruction.writes[0].buffer));
        case InstructionKind::copy:
        case InstructionKind::pack:
        case InstructionKind::unpack:
        case InstructionKind::upload:
        case InstructionKind::download:
        case InstructionKind::store:
        case InstructionKind::restore:
            return fmt::format("{:<8} {} to {}", name_of(instruction.kind), version(instruction.reads[0].buffer),
                               version(instruction.writes[0].buffer));
        case InstructionKind::boundary:
            return fmt::format("boundary {}, {}", version(instruction.writes[0].buffer),
                               instruction.reads.empty() ? "zero" : "clamp");
        case InstructionKind::send:
            return fmt::format("send     {} to rank {}", version(instruction.reads[0].buffer), instruction.peer.value);
        case InstructionKind::receive:
            return fmt::format("receive  {} from rank {}", version(instruction.writes[0].buffer),
                               instruction.peer.value);
        case InstructionKind::compare:
            return fmt::format("compare  {} with {}", version(instruction.reads[0].buffer),
                               version(instruction.reads[1].buffer));
        case InstructionKind::check:
            return fmt::format("check    {} for {}", version(instruction.reads[0].buffer),
                               graph[instruction.operation].kernel->name);
        case InstructionKind::write: return fmt::format("write    {}", version(instruction.reads[0].buffer));
        case InstructionKind::decide: return fmt::format("decide   {}", version(instruction.reads[0].buffer));
        default: break;
    }
    std::set<std::string> inputs;
    for (const Use& use : instruction.reads) inputs.insert(version(use.buffer));
    return fmt::format("{:<8} {} {} -> {}", name_of(instruction.kind), graph[instruction.operation].kernel->name,
                       fmt::join(inputs, ", "), version(instruction.writes[0].buffer));
}

std::string after_text(const Program& program, const std::vector<Line>& lines, const std::vector<std::size_t>& line_of,
                       std::size_t number) {
    std::set<std::size_t> after;
    const Line& line = lines[number];
    for (std::size_t i = line.first; i < line.first + line.count; ++i) {
        for (const InstructionId before : program.instructions[i].after) {
            if (line_of[before.index()] != number) after.insert(line_of[before.index()]);
        }
    }
    return after.empty() ? "-" : fmt::format("{}", fmt::join(after, " "));
}

/// The box that a line is about: what a movement writes or sends, else the points computed.
std::string box_text(const Instruction& instruction, const Line& line) {
    std::string text = to_string(line.box);
    if (instruction.kind == InstructionKind::copy)
        text = to_string(instruction.reads[0].box) + " to " + to_string(instruction.writes[0].box);
    if (line.count > 1) text += fmt::format(" in {} tiles", line.count);
    return text;
}

}  // namespace

std::string print_program(const Graph& graph, const Layout& layout, const Program& program) {
    const std::vector<Line> lines = lines_of(program);
    std::vector<std::size_t> line_of(program.instructions.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
        for (std::size_t k = 0; k < lines[i].count; ++k) line_of[lines[i].first + k] = i;
    }
    std::string text = fmt::format("program of rank {}: {} steps{}, {} instructions in {} chunks\n", program.rank.value,
                                   program.shape.steps, program.shape.loads ? ", loads inputs" : "",
                                   program.instructions.size(), program.chunks.size());
    text += fmt::format("{:<4} {:<46} {:<5} {:<4} {:<36} {}\n", "", "operation", "lane", "step", "box", "after");
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const Instruction& instruction = program.instructions[lines[i].first];
        text += fmt::format("{:<4} {:<46} {:<5} {:<4} {:<36} {}\n", i, what(graph, layout, instruction),
                            name_of(instruction.lane), instruction.step, box_text(instruction, lines[i]),
                            after_text(program, lines, line_of, i));
    }
    return text;
}

}  // namespace maniple
