#include "lanes/file/hdf5_handle.hpp"

#include <cstdlib>
#include <utility>

namespace maniple::hdf5 {
namespace {

std::int64_t fault_countdown = 0;

struct Innermost {
    std::string message;
    int system_error = 0;
};

/// "… errno = 28, error message = 'No space left on device', …" → that message, and 28.
void shorten_driver_message(Innermost& found) {
    const std::string number = "errno = ", text = "error message = '";
    const std::size_t number_at = found.message.find(number);
    const std::size_t text_at = found.message.find(text);
    if (number_at == std::string::npos || text_at == std::string::npos) return;
    found.system_error = std::atoi(found.message.c_str() + number_at + number.size());
    const std::size_t begin = text_at + text.size();
    found.message = found.message.substr(begin, found.message.find('\'', begin) - begin);
}

herr_t keep_innermost(unsigned depth, const H5E_error2_t* error, void* data) {
    auto& found = *static_cast<Innermost*>(data);
    if (depth == 0 && error->desc != nullptr) found.message = error->desc;
    return 0;
}

Innermost innermost_error() {
    Innermost found;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &found);
    shorten_driver_message(found);
    if (found.message.empty()) found.message = "unknown HDF5 error";
    return found;
}

bool start_library() {
    H5dont_atexit();
    H5open();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5PLset_loading_state(0);
    return true;
}

// Before main, and so before MPI_Init: a library that starts after MPI_Init cleans up in MPI_Finalize, where it
// crashes on a file that could not be closed because the disk was full, and waits for other ranks in files that
// were abandoned.
const bool started_early = (start(), true);

}  // namespace

void start() {
    static const bool started = start_library();
    static_cast<void>(started);
}

std::int64_t check(std::int64_t result, std::string_view what) {
    const bool strikes = fault_strikes();
    if (result >= 0 && !strikes) return result;
    const Innermost error = result < 0 ? innermost_error() : Innermost{"injected fault", 0};
    throw Failure(std::string(what) + ": " + error.message, error.system_error);
}

Handle::Handle(hid_t id, Close closing, std::string_view what) : id_(id), close_(closing) {
    try {
        check(id, what);
    } catch (...) {
        if (id_ >= 0) close_(id_);
        throw;
    }
}

Handle::Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}

Handle& Handle::operator=(Handle&& other) noexcept {
    if (this != &other) {
        if (id_ >= 0) close_(id_);
        id_ = std::exchange(other.id_, -1);
        close_ = other.close_;
    }
    return *this;
}

Handle::~Handle() {
    if (id_ >= 0) close_(id_);
}

void Handle::close(std::string_view what) {
    if (id_ < 0) return;
    const hid_t id = std::exchange(id_, -1);
    check(close_(id), what);
}

void arm_fault(std::int64_t nth) { fault_countdown = nth; }

std::int64_t checks_left() { return fault_countdown; }

bool fault_strikes() { return fault_countdown > 0 && --fault_countdown == 0; }

}  // namespace maniple::hdf5
