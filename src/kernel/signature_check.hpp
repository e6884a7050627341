// kernel/signature_check.hpp: what a signature must hold beyond its grammar.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/signature.hpp"

namespace maniple {

/// Where the parts of a signature stand in its text, in bytes.
struct SignaturePlaces {
    struct Access {
        std::size_t tensor = 0;
        std::vector<std::size_t> subscripts;
    };
    std::vector<Access> inputs;
    std::vector<Access> outputs;
    std::size_t rearrangement = 0;
    std::size_t fold = 0;
    std::vector<std::size_t> contracted;
    std::vector<std::size_t> whole;
};

/// Reports a message at a byte of the text; does not return.
using SignatureFail = std::function<void(std::size_t offset, const std::string& message)>;

/// Calls `fail` with the first rule that `signature` breaks.
void check_signature(const Signature& signature, const SignaturePlaces& places, const SignatureFail& fail);

}  // namespace maniple
