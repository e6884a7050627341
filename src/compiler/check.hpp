// compiler/check.hpp: a kernel with all its types, accesses and counts known: what the back ends print.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/kernel_file.hpp"
#include "compiler/types.hpp"

namespace maniple::compiler {

enum class FunctionKind { compute, init, accumulate, merge, finish };

/// One tensor that a function sees; its number is the one in maniple_call::tensors.
struct FunctionTensor {
    std::string name;  ///< empty for a state, "other" for the second one
    bool is_state = false;
    DType type = DType::f32;  ///< of an input or output
    bool written = false;
};

/// One function of the ABI. In its body every expression has its type, every name its role, every element the
/// number of its tensor and its subscripts, checked against the signature.
struct Function {
    FunctionKind kind = FunctionKind::compute;
    std::vector<FunctionTensor> tensors;
    Body body;
};

struct TypedMember {
    std::string name;
    ValueType type = ValueType::f64;
};

/// One combination of element types.
struct Variant {
    Combination combination;
    ValueType real = ValueType::f64;   ///< what `real` means, also the type of real parameters
    std::vector<TypedMember> members;  ///< of the state, in the order of the struct
    int state_bytes = 0;
    std::vector<Function> functions;
    bool exact = false;
    double bytes_per_point = 0;

    const Function* function(FunctionKind kind) const;
};

/// Whether `expression` is an element of an f16 tensor of `function`, to be converted where it is loaded or stored.
bool is_half(const Expression& expression, const Function& function);

/// Borrows the KernelFile.
struct TypedKernel {
    const KernelFile* file = nullptr;
    std::vector<Variant> variants;
    double flops_per_point = 0;
    std::optional<double> counted_flops_per_point;  ///< absent: the body could only be estimated
    bool exact = false;                             ///< every variant is
};

/// Checks the bodies for every combination of types and counts their work.
/// Errors: JobError at the first place that is wrong.
TypedKernel check_kernel(const KernelFile& file);

}  // namespace maniple::compiler
