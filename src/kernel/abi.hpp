/* kernel/abi.hpp: what a compiled kernel and the program that calls it agree on. Plain C layout.
 *
 * This is the only header that code under kernels/ may include. The kernel compiler prints the same
 * declarations into the files it generates, which include nothing; MANIPLE_ABI_VERSION changes whenever
 * a layout here does.
 */
#pragma once

#include <stdint.h>

#define MANIPLE_ABI_VERSION 1
#define MANIPLE_MAX_RANK 8

#ifdef __cplusplus
extern "C" {
#endif

/* One tensor argument, seen by global coordinates. Element c is data[offset + sum of c[d]*stride[d]], counted in
 * elements of the argument's type. A broadcast axis has stride 0. [lo, hi) are the coordinates that are there;
 * only the checked variant looks at them, and every variant on the axes that the signature reads whole (`*`), where
 * hi - lo is the extent of the axis. For an access with an ellipsis the axes are the loop indices (the
 * caller inserts axes of stride 0 for broadcasting and for contracted indices); else they are the tensor's own. */
typedef struct maniple_tensor {
    void* data;
    int64_t offset;
    int32_t rank;
    int64_t stride[MANIPLE_MAX_RANK];
    int64_t lo[MANIPLE_MAX_RANK];
    int64_t hi[MANIPLE_MAX_RANK];
} maniple_tensor;

/* The value of one parameter, in the order of the kernel's description. The last ones of a
 * description are not among them: "dtype", "axes", "boundary" and the boolean keepdims. */
typedef union maniple_parameter {
    double real;
    int64_t integer;
} maniple_parameter;

/* One call: compute every point of the index box [lo, hi). The loop indices are numbered as the kernel's
 * signature is bound: output indices first, in order, then contracted ones; for an ellipsis the axes of the
 * broadcast shape. `extent` is the whole index space. */
typedef struct maniple_call {
    int32_t rank;
    int64_t lo[MANIPLE_MAX_RANK];
    int64_t hi[MANIPLE_MAX_RANK];
    int64_t extent[MANIPLE_MAX_RANK];
    const maniple_tensor* tensors; /* see maniple_function */
    const maniple_parameter* parameters;
    /* Set by the checked variant only: the first access outside [lo, hi) of a tensor: 1 + its number in `tensors`. */
    int32_t* violation;
} maniple_call;

/* Which tensors a function sees:
 *   compute     outputs, inputs        a kernel without a fold: writes every point of the box
 *   init        state                  a fold: writes the neutral state
 *   accumulate  state, inputs          adds every point of the box to its state
 *   merge       state, other           state := merge(state, other); `other` comes after in the fold's order
 *   finish      outputs, state         the result of each state
 * For init, merge and finish the index box is that of the outputs (contracted indices have extent 1).
 * A state is a tensor whose elements are of state_bytes: strides and the offset count states. Its axes are those of
 * the first output; for an ellipsis the loop indices, with stride 0 on the contracted axes and on no other whose extent
 * is above 1. `accumulate` adds the points of its box to each state in an order that depends on the box along the
 * contracted axes alone: not on how the others are cut, the strides, or the instruction set (`checked` has an order of
 * its own). Outputs and states overlap no input.
 * Functions are pure: no memory but the arguments', no threads, no errors. */
typedef void (*maniple_function)(const maniple_call* call);

/* One combination of element types. */
typedef struct maniple_variant {
    const char* types;   /* "f32,f32->f32": inputs, outputs, as in job files */
    int32_t state_bytes; /* size of one fold state, a multiple of its alignment; 0 without a fold */
    maniple_function compute, init, accumulate, merge, finish; /* null where the kernel has none */
    int32_t exact;          /* for these types: the same bits on every lane; see maniple_kernel_description */
    double bytes_per_point; /* one element of every distinct tensor: the least traffic of one point */
} maniple_variant;

/* What one generated file exports: all type combinations for one instruction set. */
typedef struct maniple_kernel_table {
    int32_t abi_version;
    int32_t variant_count;
    const maniple_variant* variants; /* the same order in every instruction set */
} maniple_kernel_table;

/* A kernel's description as the compiler found it, and its code for each instruction set. Strings live for ever. */
typedef struct maniple_parameter_description {
    const char* name;
    const char* type; /* "real", "integer", "boolean", "dtype", "axes", "boundary" */
    int32_t required; /* else default_value holds */
    maniple_parameter default_value;
    const char* documentation;
} maniple_parameter_description;

typedef struct maniple_kernel_description {
    int32_t abi_version;
    const char* name;
    const char* documentation;
    const char* signature; /* in the language of kernel/signature.hpp */
    int32_t parameter_count;
    const maniple_parameter_description* parameters;
    double flops_per_point; /* of one point of the index space */
    int32_t exact;          /* for all types: only + - x, comparisons, min, max, abs, integers */
    int32_t table_count;
    const char* const* instruction_sets;       /* "checked", "v2", "v3", "v4" or "checked", "base" */
    const maniple_kernel_table* const* tables; /* as many as instruction_sets */
} maniple_kernel_description;

/* What maniple_add_kernels(NAME …) links together: exported as `maniple_pack_NAME`. */
typedef struct maniple_pack {
    int32_t abi_version;
    int32_t count;
    const maniple_kernel_description* const* kernels;
} maniple_pack;

#ifdef __cplusplus
}
#endif
