#include "fftw.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

namespace maniple_fftw {

namespace {

// fftw3.h, as far as it is needed: its licence is the GPL, so that nothing of it is there when maniple is built.
constexpr int forward = -1, backward = 1;
constexpr unsigned destroy_input = 1u << 0, estimate = 1u << 6;
using PlanMany = Transforms* (*)(int rank, const int* n, int howmany, Complex* in, const int* inembed, int istride,
                                 int idist, Complex* out, const int* onembed, int ostride, int odist, int sign,
                                 unsigned flags);
using Execute = void (*)(const Transforms* plan, Complex* in, Complex* out);

struct Library {
    PlanMany plan_many = nullptr;
    Execute execute = nullptr;
    std::string description;
    std::string failure;  ///< empty: it is open
};

template <class Function>
bool find(void* handle, const char* name, Function& function) {
    // An object pointer as a function pointer: what dlsym is for.
    void* const address = dlsym(handle, name);
    std::memcpy(&function, &address, sizeof function);
    return address != nullptr;
}

void load(const char* file, Library& library) {
    void* const handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        library.failure = dlerror();
        return;
    }
    const char* version = nullptr;  // "fftw-3.3.10-sse2-avx"
    const bool complete = find(handle, "fftw_plan_many_dft", library.plan_many) &&
                          find(handle, "fftw_execute_dft", library.execute) && find(handle, "fftw_version", version);
    if (!complete || std::strncmp(version, "fftw-3.", 7) != 0) {
        library.failure = std::string(file) + " is not FFTW 3 in double precision";
        dlclose(handle);
        return;
    }
    const std::string number = version + 5;
    library.description = "FFTW " + number.substr(0, number.find('-'));
}

Library load_library() {
    Library library;
    const char* const wanted = std::getenv("MANIPLE_FFTW");
    if (wanted != nullptr && std::strcmp(wanted, "none") == 0) {
        library.failure = "MANIPLE_FFTW=none";
    } else {
        load(wanted != nullptr && *wanted != '\0' ? wanted : "libfftw3.so.3", library);
    }
    return library;
}

const Library& the_library() {
    static const Library library = load_library();
    return library;
}

}  // namespace

const char* open() {
    const Library& library = the_library();
    return library.failure.empty() ? nullptr : library.failure.c_str();
}

const char* describe() { return the_library().description.c_str(); }

const Transforms* plan(int length, int count, Strides from, Strides to, bool inverse) {
    static std::mutex planner;  // FFTW's is one for the process, and not thread-safe
    const std::lock_guard<std::mutex> lock(planner);
    // With FFTW_ESTIMATE these are not touched; a plan holds for all arrays that begin like them.
    const std::size_t elements = static_cast<std::size_t>(length) * static_cast<std::size_t>(count);
    std::vector<Aligned> x(elements / 4 + 1), y(elements / 4 + 1);
    return the_library().plan_many(1, &length, count, x[0].elements, nullptr, from.element, from.transform,
                                   y[0].elements, nullptr, to.element, to.transform, inverse ? backward : forward,
                                   estimate | destroy_input);
}

void execute(const Transforms* transforms, Complex* from, Complex* to) { the_library().execute(transforms, from, to); }

}  // namespace maniple_fftw
