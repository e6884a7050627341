#include "lanes/cpu/topology.hpp"

#include <hwloc.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>

#include "base/error.hpp"

namespace maniple {

namespace {

/// Nothing but cores and memory is asked for: caches, devices and what a processor says of itself take most of the time.
bool load_cores(hwloc_topology_t topology) {
    hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_type_filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
#ifdef __linux__
    hwloc_topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
#endif
    return hwloc_topology_load(topology) == 0;
}

}  // namespace

Topology::Topology() {
    hwloc_topology_t topology = nullptr;
    if (hwloc_topology_init(&topology) != 0) throw UnavailableError("hwloc cannot find out this machine's topology");
    const std::unique_ptr<hwloc_topology, void (*)(hwloc_topology_t)> owner(topology, hwloc_topology_destroy);
    if (!load_cores(topology)) throw UnavailableError("hwloc cannot find out this machine's topology");
    const std::unique_ptr<hwloc_bitmap_s, void (*)(hwloc_bitmap_t)> mask(hwloc_bitmap_alloc(), hwloc_bitmap_free);
    if (hwloc_get_cpubind(topology, mask.get(), HWLOC_CPUBIND_PROCESS) != 0)
        hwloc_bitmap_copy(mask.get(), hwloc_topology_get_allowed_cpuset(topology));
    const int cores = hwloc_get_nbobjs_inside_cpuset_by_type(topology, mask.get(), HWLOC_OBJ_CORE);
    for (int i = 0; i < cores; ++i) {
        const hwloc_obj_t core =
            hwloc_get_obj_inside_cpuset_by_type(topology, mask.get(), HWLOC_OBJ_CORE, static_cast<unsigned>(i));
        Units& units = cores_.emplace_back();
        for (int unit = hwloc_bitmap_first(core->cpuset); unit >= 0; unit = hwloc_bitmap_next(core->cpuset, unit))
            units.push_back(static_cast<unsigned>(unit));
    }
    memory_bytes_ = static_cast<std::int64_t>(hwloc_get_root_obj(topology)->total_memory);
}

Topology::~Topology() = default;

int Topology::cores() const { return std::max(1, static_cast<int>(cores_.size())); }

std::int64_t Topology::memory_bytes() const { return memory_bytes_; }

std::vector<int> Topology::core_numbers() const {
    std::vector<int> numbers;
    for (const Units& units : cores_) numbers.push_back(static_cast<int>(units.front()));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

void Topology::pin_to(int core) const {
    const Units& units = cores_[static_cast<std::size_t>(core)];
    const std::size_t count = units.back() + 1;
    cpu_set_t* const set = CPU_ALLOC(count);
    if (set == nullptr) return;
    CPU_ZERO_S(CPU_ALLOC_SIZE(count), set);
    for (const unsigned unit : units) CPU_SET_S(unit, CPU_ALLOC_SIZE(count), set);
    // Of this thread. A refusal (a container, a restricted mask) costs speed, not correctness.
    (void)sched_setaffinity(0, CPU_ALLOC_SIZE(count), set);
    CPU_FREE(set);
}

namespace {

constexpr const char* plugins_variable = "HWLOC_PLUGINS_PATH";

}  // namespace

WithoutHwlocPlugins::WithoutHwlocPlugins() : set_(std::getenv(plugins_variable) == nullptr) {
    if (set_) setenv(plugins_variable, "", 0);
}

WithoutHwlocPlugins::~WithoutHwlocPlugins() {
    if (set_) unsetenv(plugins_variable);
}

std::int64_t peak_resident_bytes() {
    // Not getrusage: that counts what was resident in whoever became this process, too.
    std::ifstream status("/proc/self/status");
    const std::string key = "VmHWM:";
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(key)) return std::atoll(line.c_str() + key.size()) * 1024;
    }
    return 0;
}

std::string host_name() {
    char name[256] = {};
    if (gethostname(name, sizeof name - 1) != 0) return "unknown";
    const std::string host(name);
    return host.substr(0, host.find('.'));
}

}  // namespace maniple
