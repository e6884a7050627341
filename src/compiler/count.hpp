// compiler/count.hpp: what one point of a kernel costs, and whether its bits depend on the device.
#pragma once

#include <optional>

#include "compiler/check.hpp"

namespace maniple::compiler {

/// Operations of one point.
struct FlopsPerPoint {
    double declared = 0;            ///< what the description says, else what was counted or estimated
    std::optional<double> counted;  ///< absent where there are estimates
};

/// Operations of one point: + - * / min max and functions on reals (on integers, where the kernel has no reals) in the
/// body, or in `accumulate`. Loops over constant ranges count; the rest is estimated: the dearer branch, one turn of a
/// while, a range over a parameter at its default.
/// Errors: JobError if the description's `flops:` contradicts a body without estimates; else what it says is taken.
FlopsPerPoint count_flops(const Variant& variant, const KernelFile& file);

/// One element of each distinct input and output.
double count_bytes(const Variant& variant);

/// What makes a kernel `exact`: reals meet + - * comparisons min max abs and conversions alone, and are folded by min and
/// max alone.
bool is_exact(const Variant& variant, const Signature& signature);

}  // namespace maniple::compiler
