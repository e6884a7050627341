// Takes the place of what allocates and locks, for the whole program. Not for the sanitizers, which do so too.
#include "own_calls.hpp"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::atomic<std::int64_t> allocations{0};
std::atomic<std::int64_t> locks{0};

struct AddressRange {
    std::uintptr_t begin = 0, end = 0;
    bool holds(const void* address) const {
        const auto at = reinterpret_cast<std::uintptr_t>(address);
        return at >= begin && at < end;
    }
};
AddressRange program, standard_library;

int find_ranges(dl_phdr_info* info, std::size_t, void*) {
    AddressRange range{UINTPTR_MAX, 0};
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const ElfW(Phdr)& segment = info->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD) continue;
        const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
        if (begin < range.begin) range.begin = begin;
        if (begin + segment.p_memsz > range.end) range.end = begin + segment.p_memsz;
    }
    if (info->dlpi_name[0] == 0) program = range;
    if (std::strstr(info->dlpi_name, "libstdc++") != nullptr) standard_library = range;
    return 0;
}

[[gnu::constructor]] void find_program() { dl_iterate_phdr(find_ranges, nullptr); }

void count_allocation(const void* caller) {
    if (program.holds(caller) || standard_library.holds(caller)) allocations.fetch_add(1, std::memory_order_relaxed);
}

void count_lock(const void* caller) {
    if (program.holds(caller)) locks.fetch_add(1, std::memory_order_relaxed);
}

using MutexCall = int (*)(pthread_mutex_t*);
MutexCall next_one(const char* name) { return reinterpret_cast<MutexCall>(dlsym(RTLD_NEXT, name)); }

void* allocated(std::size_t bytes) {
    void* const result = std::malloc(bytes > 0 ? bytes : 1);
    if (result == nullptr) std::abort();
    return result;
}

}  // namespace

namespace maniple::testing {

OwnCalls own_calls() { return {allocations.load(), locks.load()}; }

}  // namespace maniple::testing

void* operator new(std::size_t bytes) {
    count_allocation(__builtin_return_address(0));
    return allocated(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    count_allocation(__builtin_return_address(0));
    return std::malloc(bytes > 0 ? bytes : 1);
}
void* operator new[](std::size_t bytes) {
    count_allocation(__builtin_return_address(0));
    return allocated(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    count_allocation(__builtin_return_address(0));
    const auto unit = static_cast<std::size_t>(alignment);
    void* const result = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
    if (result == nullptr) std::abort();
    return result;
}
void operator delete(void* bytes) noexcept { std::free(bytes); }
void operator delete[](void* bytes) noexcept { std::free(bytes); }
void operator delete(void* bytes, std::size_t) noexcept { std::free(bytes); }
void operator delete[](void* bytes, std::size_t) noexcept { std::free(bytes); }
void operator delete(void* bytes, std::align_val_t) noexcept { std::free(bytes); }
void operator delete(void* bytes, std::size_t, std::align_val_t) noexcept { std::free(bytes); }

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) {
    static const MutexCall next = next_one("pthread_mutex_lock");
    count_lock(__builtin_return_address(0));
    return next(mutex);
}
extern "C" int pthread_mutex_trylock(pthread_mutex_t* mutex) {
    static const MutexCall next = next_one("pthread_mutex_trylock");
    count_lock(__builtin_return_address(0));
    return next(mutex);
}
