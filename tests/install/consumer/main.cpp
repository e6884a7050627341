// Uses what `cmake --install` puts in place: headers, libraries, the kernel compiler. Ends with 0 where all is as expected.
#include <maniple/kernel/kernel.hpp>
#include <maniple/kernel/signature.hpp>
#include <maniple/tensor/box.hpp>

#include <cstdio>
#include <string>
#include <vector>

extern "C" const maniple_pack maniple_pack_own;

namespace {

int failures = 0;

void expect(bool good, const char* what) {
    std::printf("%s %s\n", good ? "good " : "WRONG", what);
    failures += good ? 0 : 1;
}

}  // namespace

int main() {
    const maniple::Signature heat = maniple::parse_signature("u[y±1, x], u[y, x±1] -> v[y, x]");
    expect(heat.has_halo(), "a stencil's signature has a halo");
    expect(heat.index_names() == std::vector<std::string>{"y", "x"}, "its indices are y and x");
    expect(maniple::element_count({540, 1081}) == 583740, "a shape has so many elements");

    const maniple::KernelRegistry own(maniple_pack_own);
    const maniple::Kernel* twice = own.find("twice");
    expect(twice != nullptr && !twice->types.empty(), "the kernel built here is registered");
    const maniple::KernelRegistry standard(maniple::standard_kernels());
    expect(standard.find("heat_step") != nullptr, "the standard kernels are there");
    return failures == 0 ? 0 : 1;
}
