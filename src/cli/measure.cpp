#include "cli/measure.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "lanes/cpu/core_rates.hpp"
#include "lanes/cpu/topology.hpp"
#include "lanes/net/link_rates.hpp"
#include "lanes/net/mailboxes.hpp"

namespace maniple {

namespace {

using Clock = std::chrono::steady_clock;

double ns_since(Clock::time_point begin) {
    return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count());
}

/// A file of the current folder, gone with this.
class ScratchFile {
public:
    ScratchFile() : path_(".maniple-measure." + std::to_string(getpid())) {
        file_ = ::open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (file_ < 0) throw FileError("cannot write in the current folder: " + std::string(std::strerror(errno)));
    }
    ~ScratchFile() {
        ::close(file_);
        ::unlink(path_.c_str());
    }
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;

    void write(const std::vector<char>& bytes, off_t at) const {
        if (::pwrite(file_, bytes.data(), bytes.size(), at) != static_cast<ssize_t>(bytes.size()))
            throw FileError("cannot write in the current folder: " + std::string(std::strerror(errno)));
    }
    void sync() const { ::fsync(file_); }

private:
    std::string path_;
    int file_ = -1;
};

/// Writing, until it is on the disk: that is what ends a run. The second time, when the disk has room for it.
LinkRates measure_files() {
    constexpr std::size_t piece = std::size_t{1} << 20;
    constexpr int pieces = 64;
    const ScratchFile file;
    const std::vector<char> bytes(piece, 'm');
    LinkRates rates;
    for (int round = 0; round < 2; ++round) {
        const auto begin = Clock::now();
        for (int i = 0; i < pieces; ++i) file.write(bytes, static_cast<off_t>(i) * static_cast<off_t>(piece));
        file.sync();
        rates.bytes = static_cast<double>(piece) * pieces / ns_since(begin);
    }
    std::vector<double> times;
    for (int round = 0; round < 11; ++round) {
        const auto begin = Clock::now();
        file.write(std::vector<char>(8, 'm'), 0);
        times.push_back(ns_since(begin));
    }
    std::nth_element(times.begin(), times.begin() + 5, times.end());
    // A stretch of a data set is found and written by HDF5, which takes its own time whatever the file system.
    constexpr double library_ns = 20'000;
    rates.latency_ns = times[5] + library_ns;
    return rates;
}

void measure_gpus(MeasuredMachine& machine) {
    VulkanInstance instance(InstanceOptions::from_environment());
    bool any = false, any_software = false;
    for (const DeviceDescription& device : instance.devices()) {
        if (!device.usable) continue;
        MeasuredGpu gpu{device.number, device.name, {}};
        try {
            gpu.measured = measure_device(instance, device.number);
        } catch (const Error& error) {
            machine.notes.push_back(fmt::format("gpu {}: not measured: {}", device.number, error.what()));
            continue;
        }
        bool& known = device.software ? any_software : any;
        if (!known) (device.software ? machine.rates.software_gpu : machine.rates.gpu) = gpu.measured.lane;
        // A gpu's own, if there is one.
        if (!known && (!device.software || !any)) {
            machine.rates.gpu_copy_bytes = gpu.measured.copy_bytes;
            machine.rates.gpu_chunk_ns = gpu.measured.chunk_ns;
        }
        known = true;
        machine.gpus.push_back(std::move(gpu));
    }
}

}  // namespace

MeasuredMachine measure_machine(const World* world, int threads) {
    MeasuredMachine machine;
    Rates& rates = machine.rates;
    const bool root = world == nullptr || world->is_root();
    const auto measure_alone = [&] {
        if (!root) return;
        const MeasuredCores cores = measure_cores(threads);
        rates.core = cores.core;
        rates.node_bytes = cores.node_bytes;
        rates.files = measure_files();
        measure_gpus(machine);
    };
    if (world == nullptr) {
        measure_alone();
    } else {
        together(*world, measure_alone);
        const bool shares_memory = has_shared_memory(std::getenv(mpi_ways_variable));
        const MeasuredLinks links = measure_links(*world, host_name(), shares_memory);
        if (links.within) rates.within = *links.within;
        if (links.between) rates.between = *links.between;
    }
    rates.origin = host_name() + ", measured";
    return machine;
}

}  // namespace maniple
