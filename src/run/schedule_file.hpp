// run/schedule_file.hpp: a schedule as text: the starts of a run's chunks on the cpu, block by block (`--record`, `--replay`).
//
//   maniple-schedule 1
//   rank 0 of 2
//   threads 2
//   graph 8d1f0c…                         of the graph and the plan
//   block 0 steps 16 program 45a0… chunks 3
//   0:0 1:2 0:1                           worker:chunk, in the order in which they started
//   end 99b0…                             of all before
#pragma once

#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "program/program.hpp"
#include "run/start_log.hpp"

namespace maniple {

/// A number that differs where the bytes do, but for accidents (FNV-1a, 64 bits).
std::uint64_t fingerprint(std::string_view bytes);
/// Of what a program's chunks are and wait for.
std::uint64_t fingerprint(const Program& program);

/// What has to be the same for a schedule to be carried out again.
struct ScheduleKey {
    int rank = 0;
    int ranks = 1;
    int threads = 1;
    std::uint64_t graph = 0;  ///< fingerprint of the graph's and the plan's text
};

/// The file of one rank.
std::string schedule_path(const std::string& path, int rank);

/// Appends block after block; the file has its name when finish() returns, and none is left without it.
class ScheduleWriter {
public:
    /// Errors: CreateError.
    ScheduleWriter(std::string path, const ScheduleKey& key);
    ~ScheduleWriter();
    ScheduleWriter(const ScheduleWriter&) = delete;
    ScheduleWriter& operator=(const ScheduleWriter&) = delete;

    /// Errors: FileError.
    void add(std::int64_t first_step, int steps, std::uint64_t program, std::span<const ChunkStart> starts);
    void finish();

private:
    void put(const std::string& line);

    std::string path_;
    std::string temporary_;
    std::ofstream file_;
    std::uint64_t hash_;
};

/// A whole file in memory.
class ScheduleReader {
public:
    /// Errors: DataError where it is not there, damaged, or was recorded with another graph, plan, ranks or threads.
    ScheduleReader(std::string path, const ScheduleKey& key);

    /// The starts of the next block. Errors: DataError if it is another block, or of another program.
    std::vector<ChunkStart> next(std::int64_t first_step, int steps, std::uint64_t program);
    /// Errors: DataError if there are blocks left.
    void finish() const;
    [[noreturn]] void refuse(const std::string& what) const;

private:
    struct Block {
        std::int64_t first_step = 0;
        int steps = 0;
        std::uint64_t program = 0;
        std::vector<ChunkStart> starts;
    };
    void read(std::string_view text, const ScheduleKey& key);

    std::string path_;
    std::vector<Block> blocks_;
    std::size_t at_ = 0;
};

}  // namespace maniple
