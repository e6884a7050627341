// lanes/file/shield.hpp: reading a damaged file in a process that may crash.
#pragma once

#include <functional>
#include <string>

#include "base/error.hpp"

namespace maniple {

/// Runs `work`, which reads the file `path`, in a child process and returns its result, so that a file on which the
/// HDF5 library crashes (1.10 does on damaged metadata) ends in a DataError at `place` and not in a signal.
/// In a process of an MPI run with several ranks, or where no process can be made, it runs here: a fork beside
/// registered network memory is not safe everywhere. Changes that `work` makes in memory are lost.
/// A child that computes for 5 s without a call of still_working() counts as caught in an endless loop.
/// Errors: what `work` throws; DataError where the child crashed, or for an exception that is not an Error.
std::string shielded(const std::string& path, const Place& place, const std::function<std::string()>& work);

/// Says that long work goes on. Does nothing outside a child of shielded().
void still_working();

}  // namespace maniple
