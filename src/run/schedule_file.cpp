#include "run/schedule_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "base/error.hpp"

namespace maniple {

namespace {

constexpr std::uint64_t fnv_offset = 0xcbf29ce484222325;

std::uint64_t continued(std::uint64_t hash, std::string_view bytes) {
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    return hash;
}

std::string instruction_text(const Instruction& instruction) {
    std::string text =
        fmt::format("{} {} {} {} {} {} {} {} {}", name_of(instruction.kind), name_of(instruction.lane), instruction.gpu,
                    instruction.step, instruction.operation.value, instruction.tensor.value, to_string(instruction.box),
                    instruction.peer.value, instruction.tag);
    for (const InstructionId before : instruction.after) text += fmt::format(" {}", before.value);
    return text + "\n";
}

std::string header(const ScheduleKey& key) {
    return fmt::format("maniple-schedule 1\nrank {} of {}\nthreads {}\ngraph {:016x}\n", key.rank, key.ranks,
                       key.threads, key.graph);
}

/// Takes one line off the front of `text`, without its end.
std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    return line;
}

}  // namespace

std::uint64_t fingerprint(std::string_view bytes) { return continued(fnv_offset, bytes); }

std::uint64_t fingerprint(const Program& program) {
    std::uint64_t hash = fnv_offset;
    for (const Instruction& instruction : program.instructions) hash = continued(hash, instruction_text(instruction));
    for (const Chunk& chunk : program.chunks) {
        std::string text = "chunk";
        for (const InstructionId id : chunk.instructions) text += fmt::format(" {}", id.value);
        for (const ChunkId dependent : chunk.dependents) text += fmt::format(" >{}", dependent.value);
        hash = continued(hash, text + "\n");
    }
    return hash;
}

std::string schedule_path(const std::string& path, int rank) { return path + "." + std::to_string(rank); }

ScheduleWriter::ScheduleWriter(std::string path, const ScheduleKey& key)
    : path_(std::move(path)), temporary_(path_ + "." + std::to_string(getpid()) + ".tmp"), file_(temporary_),
      hash_(fnv_offset) {
    if (!file_) throw CreateError("cannot create the schedule '" + path_ + "'");
    put(header(key));
}

ScheduleWriter::~ScheduleWriter() {
    std::error_code ignored;
    if (file_.is_open()) std::filesystem::remove(temporary_, ignored);
}

void ScheduleWriter::put(const std::string& line) {
    hash_ = continued(hash_, line);
    file_ << line;
    if (!file_) throw FileError("cannot write the schedule '" + path_ + "'");
}

void ScheduleWriter::add(std::int64_t first_step, int steps, std::uint64_t program,
                         std::span<const ChunkStart> starts) {
    std::string text =
        fmt::format("block {} steps {} program {:016x} chunks {}\n", first_step, steps, program, starts.size());
    for (const ChunkStart& start : starts)
        text += fmt::format("{}{}:{}", &start == starts.data() ? "" : " ", start.worker, start.chunk.value);
    put(text + "\n");
}

void ScheduleWriter::finish() {
    put(fmt::format("end {:016x}\n", hash_));
    file_.close();
    std::error_code failure;
    if (file_) std::filesystem::rename(temporary_, path_, failure);
    if (!file_ || failure) throw FileError("cannot write the schedule '" + path_ + "'");
}

ScheduleReader::ScheduleReader(std::string path, const ScheduleKey& key) : path_(std::move(path)) {
    const std::ifstream file(path_, std::ios::binary);
    if (!file) throw DataError("cannot read the schedule '" + path_ + "'");
    std::ostringstream bytes;
    bytes << file.rdbuf();
    const std::string text = bytes.str();
    const std::size_t last = text.rfind("end ");
    const bool whole =
        last != std::string::npos &&
        text.substr(last) == fmt::format("end {:016x}\n", fingerprint(std::string_view(text).substr(0, last)));
    if (!whole) refuse("is damaged or none of maniple's");
    read(std::string_view(text).substr(0, last), key);
}

void ScheduleReader::refuse(const std::string& what) const { throw DataError("the schedule '" + path_ + "' " + what); }

void ScheduleReader::read(std::string_view text, const ScheduleKey& key) {
    ScheduleKey recorded;
    const std::string all(text);
    int length = 0;
    const int found = std::sscanf(all.c_str(), "maniple-schedule 1\nrank %d of %d\nthreads %d\ngraph %" SCNx64 "\n%n",
                                  &recorded.rank, &recorded.ranks, &recorded.threads, &recorded.graph, &length);
    if (found != 4 || length == 0) refuse("is damaged or none of maniple's");
    const auto counted = [](int count, const char* what) {
        return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
    };
    if (recorded.rank != key.rank || recorded.ranks != key.ranks)
        refuse(fmt::format("is of rank {} of {}, not of rank {} of {}", recorded.rank, recorded.ranks, key.rank,
                           key.ranks));
    if (recorded.threads != key.threads)
        refuse("was recorded with " + counted(recorded.threads, "thread") + " a rank, this run has " +
               std::to_string(key.threads));
    if (recorded.graph != key.graph) refuse("was recorded with another graph or plan");
    text.remove_prefix(static_cast<std::size_t>(length));
    while (!text.empty()) {
        Block block;
        std::size_t chunks = 0;
        const std::string head(take_line(text));
        if (std::sscanf(head.c_str(), "block %" SCNd64 " steps %d program %" SCNx64 " chunks %zu", &block.first_step,
                        &block.steps, &block.program, &chunks) != 4)
            refuse("is damaged: '" + head + "'");
        std::istringstream starts{std::string(take_line(text))};
        ChunkStart start;
        char colon = 0;
        while (starts >> start.worker >> colon >> start.chunk.value && colon == ':') block.starts.push_back(start);
        if (!starts.eof() || block.starts.size() != chunks) refuse("is damaged: '" + head + "'");
        blocks_.push_back(std::move(block));
    }
}

std::vector<ChunkStart> ScheduleReader::next(std::int64_t first_step, int steps, std::uint64_t program) {
    if (at_ == blocks_.size()) refuse("ends before step " + std::to_string(first_step));
    const Block& block = blocks_[at_++];
    if (block.first_step != first_step || block.steps != steps)
        refuse(fmt::format("has {} steps from step {} on, this run {} from step {} on", block.steps, block.first_step,
                           steps, first_step));
    if (block.program != program)
        refuse(fmt::format("was recorded with another program of the {} steps from step {} on", steps, first_step));
    return block.starts;
}

void ScheduleReader::finish() const {
    if (at_ != blocks_.size()) refuse("goes on after this run's last step");
}

}  // namespace maniple
