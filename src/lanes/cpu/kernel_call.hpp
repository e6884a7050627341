// lanes/cpu/kernel_call.hpp: a kernel's function with its arguments, ready to be called again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/graph.hpp"
#include "kernel/abi.hpp"

namespace maniple {

/// A kernel function with its arguments. Addresses inside stay valid while the owning list is not resized.
struct KernelCall {
    maniple_function function = nullptr;
    maniple_call call{};
    std::vector<maniple_tensor> tensors = {};
    int scratch = -1;  ///< the tensor that is a state in the worker's own memory
    /// A tensor that is a piece of a chain, in the worker's own memory: the first or the second of two.
    struct Piece {
        std::size_t tensor = 0;
        std::int64_t half = 0;
        std::int64_t offset = 0;  ///< of the tensor where the piece is the tile's first
    };
    std::vector<Piece> pieces = {};

    void run(const std::vector<maniple_parameter>& parameters, std::byte* states) {
        if (scratch >= 0) tensors[static_cast<std::size_t>(scratch)].data = states;
        call.tensors = tensors.data();
        call.parameters = parameters.data();
        function(&call);
    }
};

/// The functions of one instruction, in order: init and accumulate; init and merge after merge; of a fold computed wholly
/// init, accumulate and finish of one piece after the other; or one alone.
struct KernelWork {
    const Operation* operation = nullptr;
    std::vector<KernelCall> calls;
};

}  // namespace maniple
