// lanes/file/hdf5_handle.hpp: HDF5 identifiers that close themselves, and HDF5's failures as exceptions.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace maniple::hdf5 {

/// A failed HDF5 call, with the innermost message of HDF5's error stack. It never leaves lanes/file: whoever knows
/// what the call was for turns it into a DataError, CreateError or FileError.
class Failure : public std::runtime_error {
public:
    Failure(const std::string& message, int system_error) : std::runtime_error(message), system_error_(system_error) {}
    /// The errno of the file driver, or 0 where the failure did not come from the operating system.
    int system_error() const { return system_error_; }

private:
    int system_error_;
};

/// Sets the library up, once: no printing of its own, no plugins, no clean-up at exit (which crashed on a leaked
/// property list). Every entry of lanes/file calls it before any other HDF5 call.
void start();

/// `result` of an HDF5 call, if it is not negative. Requires: no HDF5 call between that one and this.
/// Errors: Failure("WHAT: innermost message").
std::int64_t check(std::int64_t result, std::string_view what);

/// Owns one HDF5 identifier. Moves, does not copy. Threads: one at a time, as all of HDF5.
class Handle {
public:
    using Close = herr_t (*)(hid_t);

    Handle() = default;
    /// Takes `id`, the result of a call that opened or created something. Errors: Failure, as check().
    Handle(hid_t id, Close closing, std::string_view what);
    /// Takes `id` unchecked: check(handle, …) is to follow. For what must not be closed by one rank alone.
    Handle(hid_t id, Close closing) noexcept : id_(id), close_(closing) {}
    Handle(Handle&& other) noexcept;
    Handle& operator=(Handle&& other) noexcept;
    ~Handle();  ///< Closes; a failure goes unnoticed. What must not fail calls close().

    operator hid_t() const { return id_; }
    bool open() const { return id_ >= 0; }
    void close(std::string_view what);    ///< Errors: Failure. Empty afterwards in any case.
    void forget() noexcept { id_ = -1; }  ///< Leaves the identifier open for ever.

private:
    hid_t id_ = -1;
    Close close_ = nullptr;
};

/// A fault for tests: the `nth` check from now (1 is the next) of a call to HDF5 or of the operating system fails;
/// 0 disarms. checks_left() is positive while the fault has not struck.
void arm_fault(std::int64_t nth);
std::int64_t checks_left();
/// Counts one check. True: behave as if the call had failed.
bool fault_strikes();

}  // namespace maniple::hdf5
