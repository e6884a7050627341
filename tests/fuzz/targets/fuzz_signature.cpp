// Any bytes as a kernel's signature: a Signature, or one error that stands in it.
#include <cstdint>

#include "expect_presentable.hpp"
#include "kernel/signature.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    try {
        const maniple::Signature signature = maniple::parse_signature(text);
        MANIPLE_CHECK(!signature.outputs.empty(), std::string("a signature without an output"));
        signature.index_names();
    } catch (const maniple::JobError& error) {
        for (const maniple::Diagnostic& diagnostic : error.diagnostics()) {
            maniple::expect_place(diagnostic.place, {text});
            maniple::render(diagnostic);
        }
    }
    return 0;
}
