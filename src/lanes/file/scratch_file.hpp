// lanes/file/scratch_file.hpp: what a rank has no room for, in a file that nobody else sees.
#pragma once

#include <memory>
#include <string>

#include "program/layout.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// An HDF5 file with a data set for each buffer that is kept. It is made when it is first written to, and has no name from
/// then on: however the process ends, the system takes it back. Threads: one at a time, as all of HDF5.
class ScratchFile {
public:
    /// In `folder`, which is looked at when the file is made.
    explicit ScratchFile(std::string folder);
    ~ScratchFile();

    /// Keeps the elements of `from` at `source` as those of `use` (the coordinates of `spec`, its buffer).
    /// Errors: FileError.
    void write(const Use& use, const BufferSpec& spec, const ConstBlock& from, const Box& source);
    /// The other way. Requires: they have been written. Errors: FileError.
    void read(const Use& use, const BufferSpec& spec, const Block& to, const Box& target);

    std::int64_t bytes_written() const { return bytes_written_; }

private:
    struct State;
    State& open(const Use& use, const BufferSpec& spec);

    std::string folder_;
    std::unique_ptr<State> state_;
    std::int64_t bytes_written_ = 0;
};

}  // namespace maniple
