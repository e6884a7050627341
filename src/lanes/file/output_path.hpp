// lanes/file/output_path.hpp: an output's names, its lock, and the steps that make it appear under its final name.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.hpp"

namespace maniple {

/// The names that belong to one output FILE. Links in its path are followed, so that the file a link leads to is
/// replaced and not the link.
struct OutputPath {
    std::filesystem::path final_name;
    std::filesystem::path temporary;  ///< .NAME.maniple-tmp beside it
    std::filesystem::path lock;       ///< .NAME.maniple-lock beside it
    std::filesystem::path raw;        ///< .NAME.maniple-raw beside it: what several ranks have written to be compressed
};

/// Errors: CreateError at `place`: the folder does not exist, the name is a folder or another kind of special file.
OutputPath resolve_output(const std::string& file, const Place& place);

/// Holds the right to write one output. The lock is flock's on a file of its own, so it ends with the process
/// however that ends; the file may stay behind and hurts nobody.
class OutputLock {
public:
    /// Takes the lock without waiting. Errors: CreateError at `place`: another run holds it, the folder is not
    /// writable.
    OutputLock(const OutputPath& path, const Place& place);
    ~OutputLock();  ///< Removes the lock file, then gives the lock up.
    OutputLock(OutputLock&& other) noexcept;
    OutputLock& operator=(OutputLock&&) = delete;

    /// False where the file system has no locks: then two runs on one output are not noticed.
    bool effective() const { return effective_; }

private:
    std::filesystem::path file_;
    int descriptor_ = -1;
    bool effective_ = true;
};

/// Puts the bytes of `file`, or the entries of a folder, on stable storage. Errors: FileError.
void synchronize(const std::filesystem::path& file);

/// Gives the temporary file its final name. Errors: FileError.
void publish(const OutputPath& path);

/// Removes a file if it is there. Errors: CreateError at `place` where it is there and cannot be removed.
void remove_stale(const std::filesystem::path& file, const Place& place);

/// Whether both names lead to one existing file (device and inode).
bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace maniple
