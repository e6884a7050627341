// report/progress.hpp: how far a run has come: one line that is rewritten on a terminal, dated lines in a log.
#pragma once

#include <cstdint>
#include <string>

namespace maniple {

/// Writes to standard error. Threads: one.
class Progress {
public:
    enum class Mode { quiet, terminal, log };

    Progress(std::string job, std::int64_t steps, Mode mode);
    ~Progress();  ///< Ends a line that is still open.

    /// `done` steps are done. Cheap: prints at most ten times a second on a terminal, every 30 s in a log.
    void update(std::int64_t done);
    /// A line of its own, dated in a log.
    void say(const std::string& text);

private:
    void clear_line();

    std::string job_;
    std::int64_t steps_;
    Mode mode_;
    std::int64_t begin_ns_;
    std::int64_t printed_ns_;
    bool line_open_ = false;
};

/// The mode for standard error as it is: `terminal` only if it is one.
Progress::Mode progress_mode(bool quiet);

}  // namespace maniple
