// lanes/arguments.hpp: a kernel's arguments as the ABI wants them, from blocks of memory and a bound signature.
#pragma once

#include "graph/graph.hpp"
#include "kernel/abi.hpp"
#include "tensor/buffer.hpp"

namespace maniple {

/// `block` as input number `argument` of `operation`. The view borrows the block's bytes.
maniple_tensor input_view(const Operation& operation, int argument, const Block& block);

/// `block` as output number `output`.
maniple_tensor output_view(const Operation& operation, int output, const Block& block);

/// `block` [parts, kept…] as fold states by loop indices, at leading coordinate `part`.
maniple_tensor state_view(const Operation& operation, const Block& block, std::int64_t part);

/// A call over `points` without tensors and parameters.
maniple_call call_over(const Operation& operation, const Box& points);

}  // namespace maniple
