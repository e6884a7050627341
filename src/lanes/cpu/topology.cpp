#include "lanes/cpu/topology.hpp"

#include <hwloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"

namespace maniple {

struct Topology::State {
    hwloc_topology_t topology = nullptr;
    hwloc_bitmap_t mask = nullptr;

    int cores() const { return hwloc_get_nbobjs_inside_cpuset_by_type(topology, mask, HWLOC_OBJ_CORE); }
    hwloc_obj_t core(int number) const {
        return hwloc_get_obj_inside_cpuset_by_type(topology, mask, HWLOC_OBJ_CORE, static_cast<unsigned>(number));
    }
};

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

Topology::Topology() : state_(std::make_unique<State>()) {
    if (hwloc_topology_init(&state_->topology) != 0 || !load_cores(state_->topology)) {
        throw UnavailableError("hwloc cannot find out this machine's topology");
    }
    state_->mask = hwloc_bitmap_alloc();
    if (hwloc_get_cpubind(state_->topology, state_->mask, HWLOC_CPUBIND_PROCESS) != 0) {
        hwloc_bitmap_copy(state_->mask, hwloc_topology_get_allowed_cpuset(state_->topology));
    }
}

Topology::~Topology() {
    hwloc_bitmap_free(state_->mask);
    hwloc_topology_destroy(state_->topology);
}

int Topology::cores() const { return std::max(1, state_->cores()); }

std::int64_t Topology::memory_bytes() const {
    return static_cast<std::int64_t>(hwloc_get_root_obj(state_->topology)->total_memory);
}

std::vector<int> Topology::core_numbers() const {
    std::vector<int> numbers;
    for (int i = 0; i < state_->cores(); ++i) numbers.push_back(hwloc_bitmap_first(state_->core(i)->cpuset));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

void Topology::pin_to(int core) const {
    // A refusal (a container, a restricted mask) costs speed, not correctness.
    (void)hwloc_set_cpubind(state_->topology, state_->core(core)->cpuset, HWLOC_CPUBIND_THREAD);
}

void keep_hwloc_plugins_out() { setenv("HWLOC_PLUGINS_PATH", "", 0); }

std::string host_name() {
    char name[256] = {};
    if (gethostname(name, sizeof name - 1) != 0) return "unknown";
    const std::string host(name);
    return host.substr(0, host.find('.'));
}

}  // namespace maniple
