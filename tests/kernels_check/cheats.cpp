// Kernels written by hand that do not keep to what they declare, each in one way, and two that do. The kernel compiler
// would refuse most of them. As a library, and as the pack cheats.so.
#include "kernel/abi.hpp"

namespace {

template <class T>
struct View {
    explicit View(const maniple_tensor& tensor)
        : data(static_cast<T*>(tensor.data)), offset(tensor.offset), stride(tensor.stride[0]) {}
    T& operator[](int64_t i) const { return data[offset + i * stride]; }

    T* data;
    int64_t offset;
    int64_t stride;
};

// --- x[i±1] -> y[i]: y = (x[i-1] + x[i]) + x[i+1]

struct Stencil {
    explicit Stencil(const maniple_call* call)
        : lo(call->lo[0]), hi(call->hi[0]), y(call->tensors[0]), x(call->tensors[1]) {}
    float at(int64_t i) const { return (x[i - 1] + x[i]) + x[i + 1]; }

    int64_t lo;
    int64_t hi;
    View<float> y;
    View<float> x;
};

void honest(const maniple_call* call) {
    const Stencil s(call);
    for (int64_t i = s.lo; i < s.hi; ++i) s.y[i] = s.at(i);
}

void reads_far(const maniple_call* call) {
    const Stencil s(call);
    for (int64_t i = s.lo; i < s.hi; ++i) s.y[i] = s.x[i - 2] + s.x[i + 2];
}

void writes_past(const maniple_call* call) {
    honest(call);
    const Stencil s(call);
    if (s.hi > s.lo) s.y[s.hi] = 0;
}

void skips_one(const maniple_call* call) {
    const Stencil s(call);
    for (int64_t i = s.lo; i < s.hi; ++i) {
        if (i != s.lo + 4) s.y[i] = s.at(i);
    }
}

void reads_output(const maniple_call* call) {
    const Stencil s(call);
    for (int64_t i = s.lo; i < s.hi; ++i) s.y[i] = s.at(i) + 0.5f * s.y[i];
}

void another_order(const maniple_call* call) {
    const Stencil s(call);
    for (int64_t i = s.lo; i < s.hi; ++i) s.y[i] = s.x[i - 1] + (s.x[i] + s.x[i + 1]);
}

void knows_its_box(const maniple_call* call) {
    const Stencil s(call);
    for (int64_t i = s.lo; i < s.hi; ++i) s.y[i] = i == s.lo && i > 0 ? 0 : s.at(i);
}

// --- x[i, k] -> y[i] : sum(k), exact in integers

struct Points {
    explicit Points(const maniple_call* made) : call(made) {}
    int64_t& state(int number, int64_t i) const {
        const maniple_tensor& t = call->tensors[number];
        return static_cast<int64_t*>(t.data)[t.offset + i * t.stride[0]];
    }
    int32_t x(int64_t i, int64_t k) const {
        const maniple_tensor& t = call->tensors[1];
        return static_cast<const int32_t*>(t.data)[t.offset + i * t.stride[0] + k * t.stride[1]];
    }
    template <class Visit>
    void each(Visit visit) const {
        for (int64_t i = call->lo[0]; i < call->hi[0]; ++i) visit(i);
    }

    const maniple_call* call;
};

void zero(const maniple_call* call) {
    const Points p(call);
    p.each([&](int64_t i) { p.state(0, i) = 0; });
}

void nothing(const maniple_call*) {}

void add_row(const maniple_call* call) {
    const Points p(call);
    p.each([&](int64_t i) {
        for (int64_t k = call->lo[1]; k < call->hi[1]; ++k) p.state(0, i) += p.x(i, k);
    });
}

void add_state(const maniple_call* call) {
    const Points p(call);
    p.each([&](int64_t i) { p.state(0, i) += p.state(1, i); });
}

void take_state(const maniple_call* call) {
    const Points p(call);
    p.each([&](int64_t i) { p.state(0, i) = p.state(1, i); });
}

// --- Tables

#if defined(__x86_64__)
const char* const instruction_sets[] = {"checked", "v2", "v3"};
#else
const char* const instruction_sets[] = {"checked", "base", "base"};
#endif
constexpr int sets = 3;

/// One kernel, whose last instruction set may have code of its own.
struct Cheat {
    Cheat(const char* name, const char* signature, const maniple_variant& code, const maniple_variant& last,
          double declared = 2, double counted = 2)
        : variants{code, last}, plain{MANIPLE_ABI_VERSION, 1, &variants[0]},
          other{MANIPLE_ABI_VERSION, 1, &variants[1]}, tables{&plain, &plain, &other}, description{
                                                                                           MANIPLE_ABI_VERSION,
                                                                                           name,
                                                                                           "A kernel of the tests.",
                                                                                           signature,
                                                                                           0,
                                                                                           nullptr,
                                                                                           declared,
                                                                                           counted,
                                                                                           -1,
                                                                                           0,
                                                                                           1,
                                                                                           sets,
                                                                                           instruction_sets,
                                                                                           tables,
                                                                                           nullptr,
                                                                                           nullptr,
                                                                                           ""} {}
    Cheat(const Cheat&) = delete;
    Cheat& operator=(const Cheat&) = delete;

    maniple_variant variants[2];
    maniple_kernel_table plain;
    maniple_kernel_table other;
    const maniple_kernel_table* tables[sets];
    maniple_kernel_description description;
};

constexpr const char* stencil_signature = "x[i±1] -> y[i]";
constexpr const char* sum_signature = "x[i, k] -> y[i] : sum(k)";

maniple_variant stencil(maniple_function compute) {
    return {"f32->f32", 0, compute, nullptr, nullptr, nullptr, nullptr, 1, 8};
}

maniple_variant sum(maniple_function init, maniple_function merge) {
    return {"i32->i64", 8, nullptr, init, add_row, merge, take_state, 1, 12};
}

const Cheat cheats[] = {
    {"honest", stencil_signature, stencil(honest), stencil(honest)},
    {"honest_sum", sum_signature, sum(zero, add_state), sum(zero, add_state), 1, 1},
    {"forgets_a_part", sum_signature, sum(zero, nothing), sum(zero, nothing), 1, 1},
    {"keeps_old_states", sum_signature, sum(nothing, add_state), sum(nothing, add_state), 1, 1},
    {"knows_its_box", stencil_signature, stencil(knows_its_box), stencil(knows_its_box)},
    {"lanes_differ", stencil_signature, stencil(honest), stencil(another_order)},
    {"reads_far", stencil_signature, stencil(reads_far), stencil(reads_far)},
    {"reads_output", stencil_signature, stencil(reads_output), stencil(reads_output)},
    {"skips_one", stencil_signature, stencil(skips_one), stencil(skips_one)},
    {"writes_past", stencil_signature, stencil(writes_past), stencil(writes_past)},
    {"wrong_count", stencil_signature, stencil(honest), stencil(honest), 5, 2},
};
constexpr int count = sizeof cheats / sizeof cheats[0];

/// The addresses of the descriptions, in the order of `cheats`.
struct Descriptions {
    Descriptions() {
        for (int i = 0; i < count; ++i) list[i] = &cheats[i].description;
    }
    const maniple_kernel_description* list[count];
} const descriptions;

}  // namespace

extern "C" {
extern const maniple_pack maniple_pack_cheats;
const maniple_pack maniple_pack_cheats = {MANIPLE_ABI_VERSION, count, descriptions.list, 0, nullptr};
}
