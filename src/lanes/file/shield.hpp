// lanes/file/shield.hpp: reading a damaged file in a process that may crash.
#pragma once

#include <functional>
#include <string>

#include "base/error.hpp"

namespace maniple {

/// Runs `work`, which reads the file `path`, in a child process and returns its result, so that a file on which the
/// HDF5 library crashes (1.10 does on damaged metadata) ends in a DataError at `place` and not in a signal.
/// In a process of an MPI run with several ranks, or where no process can be made, it runs here under a CrashNotice: a
/// fork beside registered network memory is not safe everywhere. Changes that `work` makes in memory are lost.
/// Work that computes for 1 s without a call of still_working() counts as caught in an endless loop.
/// Errors: what `work` throws; DataError where the child crashed, or for an exception that is not an Error.
std::string shielded(const std::string& path, const Place& place, const std::function<std::string()>& work);

/// Says that long work goes on. Does nothing outside of shielded().
void still_working();

/// While it lives, a crash of this thread ends the process with one line, that `path` is damaged, and exit code 66: for
/// reading that cannot be done by a child. Outputs keep their previous content, but hidden files of the run are left.
/// Notices nest. The first one of a process takes the signals of crashes over; a crash outside of any goes to whoever
/// had them before.
class CrashNotice {
public:
    enum class Patience { endless, bounded };  ///< bounded: an endless loop, as above, is a crash too

    CrashNotice(const std::string& path, const Place& place, Patience patience = Patience::endless);
    ~CrashNotice();
    CrashNotice(const CrashNotice&) = delete;
    CrashNotice& operator=(const CrashNotice&) = delete;

    const std::string& text() const { return text_; }

private:
    const CrashNotice* outer_;
    std::string text_;
    bool bounded_;
};

}  // namespace maniple
