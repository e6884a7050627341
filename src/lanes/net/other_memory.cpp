#include "lanes/net/other_memory.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/error.hpp"

namespace maniple {

namespace {

/// Of one call: the system takes no more pieces, and of a few gigabytes only a part.
constexpr std::size_t most_pieces = 1024;
constexpr std::size_t most_bytes = std::size_t{1} << 26;

/// Where one is in runs of bytes, in their order.
class RunsCursor {
public:
    RunsCursor(std::uint64_t data, std::int64_t run_bytes, std::span<const BoxRuns::Axis> axes)
        : run_(data), left_(static_cast<std::size_t>(run_bytes)), run_bytes_(left_), axes_(axes) {}

    std::uint64_t address() const { return run_ + (run_bytes_ - left_); }
    std::size_t left_in_run() const { return is_over_ ? 0 : left_; }
    bool is_over() const { return is_over_; }

    /// Requires: as many are left in the run.
    void advance(std::size_t bytes) {
        left_ -= bytes;
        if (left_ > 0) return;
        left_ = run_bytes_;
        for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
            run_ += static_cast<std::uint64_t>(axes_[axis].stride_bytes);
            if (++at_[axis] < axes_[axis].count) return;
            run_ -= static_cast<std::uint64_t>(axes_[axis].count * axes_[axis].stride_bytes);
            at_[axis] = 0;
        }
        is_over_ = true;
    }

private:
    std::uint64_t run_;
    std::size_t left_;
    std::size_t run_bytes_;
    std::span<const BoxRuns::Axis> axes_;
    std::array<std::int64_t, 8> at_{};
    bool is_over_ = false;
};

iovec piece_at(std::uint64_t address, std::size_t bytes) { return {reinterpret_cast<void*>(address), bytes}; }

bool read_word(pid_t process, std::uint64_t address, std::uint64_t& word) {
    const iovec to = piece_at(reinterpret_cast<std::uint64_t>(&word), sizeof word);
    const iovec from = piece_at(address, sizeof word);
    return process_vm_readv(process, &to, 1, &from, 1, 0) == static_cast<ssize_t>(sizeof word);
}

bool reads_byte(const std::byte* byte) {
    std::byte read{};
    const iovec to{&read, 1};
    const iovec from{const_cast<std::byte*>(byte), 1};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;
}

}  // namespace

RemoteRuns::RemoteRuns(const BoxRuns& runs)
    : data_(reinterpret_cast<std::uint64_t>(runs.data())), run_bytes_(runs.run_bytes()),
      axis_count_(std::ssize(runs.axes())) {
    MANIPLE_CHECK(runs.axes().size() <= most_axes, "a box of more axes than tensors have");
    std::copy(runs.axes().begin(), runs.axes().end(), axes_.begin());
}

bool can_read(pid_t process, std::uint64_t address, std::uint64_t expected) {
    std::uint64_t word = ~expected;
    return read_word(process, address, word) && word == expected;
}

bool is_readable(const BoxRuns& runs) {
    std::int64_t last = runs.run_bytes() - 1;
    for (const BoxRuns::Axis& axis : runs.axes()) last += (axis.count - 1) * axis.stride_bytes;
    return reads_byte(runs.data()) && reads_byte(runs.data() + last);
}

void read_runs(pid_t process, const RemoteRuns& from, const BoxRuns& to) {
    RunsCursor there(from.data(), from.run_bytes(), from.axes());
    RunsCursor here(reinterpret_cast<std::uint64_t>(to.data()), to.run_bytes(), to.axes());
    std::array<iovec, most_pieces> sources, targets;
    while (!here.is_over()) {
        std::size_t pieces = 0, bytes = 0;
        for (; pieces < most_pieces && bytes < most_bytes && !here.is_over(); ++pieces) {
            const std::size_t length = std::min({there.left_in_run(), here.left_in_run(), most_bytes - bytes});
            MANIPLE_CHECK(length > 0, "a message whose ends differ in length");
            sources[pieces] = piece_at(there.address(), length);
            targets[pieces] = piece_at(here.address(), length);
            there.advance(length);
            here.advance(length);
            bytes += length;
        }
        const ssize_t read = process_vm_readv(process, targets.data(), pieces, sources.data(), pieces, 0);
        if (read == static_cast<ssize_t>(bytes)) continue;
        throw LinkError("a message of another process could not be read: " +
                        std::string(read < 0 ? std::strerror(errno) : "only a part of it is there"));
    }
}

}  // namespace maniple
