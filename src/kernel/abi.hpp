/* kernel/abi.hpp: what a compiled kernel and the program that calls it agree on. Plain C layout.
 *
 * This is the only header that code under kernels/ may include. The kernel compiler prints the same
 * declarations into the files it generates, which include nothing; MANIPLE_ABI_VERSION changes whenever
 * a layout here does.
 */
#pragma once

#include <stdint.h>

#define MANIPLE_ABI_VERSION 5
#define MANIPLE_MAX_RANK 8
#define MANIPLE_MAX_GPU_TENSORS 8
#define MANIPLE_MAX_GPU_PARAMETERS 16

#ifdef __cplusplus
extern "C" {
#endif

/* One tensor argument, seen by global coordinates. Element c is data[offset + sum of c[d]*stride[d]], counted in
 * elements of the argument's type. A broadcast axis has stride 0. [lo, hi) are the coordinates that are there;
 * only the checked variant looks at them, and every variant on the axes that the signature reads whole (`*`), where
 * hi - lo is the extent of the axis. Where the signature has an ellipsis, the first axes of every tensor are the loop
 * indices of the ellipsis (the caller inserts axes of stride 0 for broadcasting, for contracted indices, and for an
 * access without the ellipsis); behind them, and without an ellipsis, they are the tensor's own. */
typedef struct maniple_tensor {
    void* data;
    int64_t offset;
    int32_t rank;
    int64_t stride[MANIPLE_MAX_RANK];
    int64_t lo[MANIPLE_MAX_RANK];
    int64_t hi[MANIPLE_MAX_RANK];
} maniple_tensor;

/* The value of one parameter, in the order of the kernel's description. The last ones of a
 * description are not among them: "dtype", "axes", "boundary", "positions" and the boolean keepdims. */
typedef union maniple_parameter {
    double real;
    int64_t integer;
} maniple_parameter;

/* One call: compute every point of the index box [lo, hi). The loop indices are numbered as the kernel's
 * signature is bound: the axes of the ellipsis, if there is one, broadcast; behind them those with names, output indices
 * first, in order, then contracted ones, then others. `extent` is the whole index space. */
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
 * the first output; those of an ellipsis have stride 0 where they are contracted and on no other whose extent
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

/* --- The gpu lane. Shaders see what functions see, by the same global coordinates, but every tensor through a window of
 * at most 2^32 bytes, so that 32-bit arithmetic modulo 2^32 finds each element: what is larger is cut by the caller. */

/* One tensor argument of a shader: storage buffer 1 + its number, of the element's type (a bool is a byte, an f16
 * 16 bits, a state the struct of the C function). Element c is window[offset + sum of c[d]*stride[d]], modulo 2^32. */
typedef struct maniple_gpu_tensor {
    uint32_t offset;
    uint32_t part_stride; /* of a state: from one segment or source to the next */
    uint32_t unused[2];
    uint32_t stride[MANIPLE_MAX_RANK];
    uint32_t extent[MANIPLE_MAX_RANK]; /* hi - lo of maniple_tensor */
} maniple_gpu_tensor;

/* Uniform buffer 0 of every shader: one call. Set 0 holds all bindings, the entry point is "main".
 *
 * A group has 64 invocations along x. Invocation n = (group.y * groups.x + group.x) * 64 + local.x; those from `points`
 * on do nothing. Invocations number the points of the box (without the indices that the body loops over itself),
 * the last index fastest.
 *
 * An ellipsis before names stands behind them here, though its indices are the slowest: the indices are those with names,
 * then those of the ellipsis; a tensor's axes its own, then those of the ellipsis. No body sees the latter: a caller may
 * join and drop them, and they begin at 0.
 *
 *   compute     outputs, inputs      as the function of that name
 *   accumulate  state, inputs        invocations number kept points and segments: with S = segments and K = points / S,
 *                                    segments_first ? (segment n mod S, kept n div S) : (kept n mod K, segment n div K).
 *                                    Each inits a state, adds its share of the contracted points, and stores the state
 *                                    at its kept point + segment * part_stride. Of C contracted points, numbered the
 *                                    last index fastest, segment s has s, s + S, s + 2S, … where the fold is
 *                                    commutative, else [s*C div S, (s+1)*C div S).
 *   merge       state, other         one invocation a kept point: inits the state where `fresh`, then merges `segments`
 *                                    states, other + 0 * part_stride, other + 1 * part_stride, …, in this order
 *   finish      outputs, state       as the function of that name
 * For merge and finish the index box is that of the outputs, contracted indices have size 1. */
typedef struct maniple_gpu_call {
    uint32_t points;
    uint32_t rank;
    uint32_t contracted; /* mask of the contracted indices */
    uint32_t segments;
    uint32_t segments_first;
    uint32_t fresh;
    uint32_t unused[2];
    uint32_t lo[MANIPLE_MAX_RANK];
    uint32_t lo_high[MANIPLE_MAX_RANK]; /* upper halves */
    uint32_t size[MANIPLE_MAX_RANK];    /* hi - lo */
    uint32_t extent[MANIPLE_MAX_RANK];
    uint32_t extent_high[MANIPLE_MAX_RANK];
    /* A real one as the bits of the variant's real type, f32 in the first word; others as 64 bits, low word first. */
    uint32_t parameters[2 * MANIPLE_MAX_GPU_PARAMETERS];
    maniple_gpu_tensor tensors[MANIPLE_MAX_GPU_TENSORS];
} maniple_gpu_call;

/* What a device must have for a shader. */
#define MANIPLE_GPU_F64 1u
#define MANIPLE_GPU_I64 2u
#define MANIPLE_GPU_STORAGE_8 4u
#define MANIPLE_GPU_STORAGE_16 8u

typedef struct maniple_shader {
    const uint32_t* words; /* SPIR-V; null where there is none */
    int64_t count;
    uint64_t hash; /* FNV-1a of the bytes, to know a damaged one */
} maniple_shader;

/* One type combination on a gpu. */
typedef struct maniple_gpu_variant {
    uint32_t features;
    int32_t uses_coordinates; /* a body uses indices or positions as values: axes must stay as they are */
    int32_t real_bytes;       /* of real parameters: 4 or 8 */
    maniple_shader compute, accumulate, merge, finish;
} maniple_gpu_variant;

typedef struct maniple_gpu_table {
    int32_t abi_version;
    int32_t variant_count;
    const maniple_gpu_variant* variants; /* in the order of maniple_kernel_table; words null: no gpu variant */
} maniple_gpu_table;

/* --- Hand-written code beside a description (`fast:` there), for the cpu lane: what NAME.cpp beside NAME.kernel.yaml exports
 * as `maniple_fast_NAME`. It may stand in for the generated functions wherever the order of a fold need not be kept. */

/* One combination of element types. A null function: the generated one. */
typedef struct maniple_fast_variant {
    const char* types; /* those of a maniple_variant */
    /* As the functions of these names. Of a fold `compute` sees outputs, inputs, too, and its box holds the contracted
     * indices wholly: init, accumulate and finish in one. */
    maniple_function compute, accumulate;
} maniple_fast_variant;

typedef struct maniple_fast_code {
    int32_t abi_version;
    const char* library; /* what it calls, "OpenBLAS"; "" if nothing */
    /* Makes the code ready; null, or why it cannot run here, in words that stay. Threads: any, as often as one likes; only
     * the first call takes time. Null pointer: it always is. No function may be called before. */
    const char* (*open)(void);
    const char* (*describe)(void); /* what was opened, "OpenBLAS 0.3.21"; null: there is nothing to say */
    int32_t variant_count;
    const maniple_fast_variant* variants;
} maniple_fast_code;

/* A kernel's description as the compiler found it, and its code for each instruction set. Strings live for ever. */
typedef struct maniple_parameter_description {
    const char* name;
    const char* type; /* "real", "integer", "boolean", "dtype", "axes", "boundary", "positions" */
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
    double flops_per_point;         /* of one point of the index space, as declared */
    double counted_flops_per_point; /* what the compiler counted in the body; negative: it could only estimate */
    /* How far apart the results of two lanes may be, in eps of the output's type relative to the larger one, of a fold
     * relative to the sum of its terms' magnitudes; negative: not declared. Exact variants agree bit for bit. */
    double tolerance;
    int32_t needs_elements; /* of a fold: there is no result where the axes folded have no elements */
    int32_t exact;          /* for all types: only + - x, comparisons, min, max, abs, integers */
    int32_t table_count;
    const char* const* instruction_sets;       /* "checked", "v2", "v3", "v4" or "checked", "base" */
    const maniple_kernel_table* const* tables; /* as many as instruction_sets */
    const maniple_gpu_table* gpu;              /* null where the pack was built without shaders */
    const maniple_fast_code* fast;             /* null where there is no hand-written code */
    const char* fast_types;                    /* the combinations that `fast:` names, a blank between them */
} maniple_kernel_description;

/* A kernel that is written as expressions over others: the text of its .composite.yaml. */
typedef struct maniple_composite {
    const char* name;
    const char* text;
} maniple_composite;

/* What maniple_add_kernels(NAME …) links together: exported as `maniple_pack_NAME`. */
typedef struct maniple_pack {
    int32_t abi_version;
    int32_t count;
    const maniple_kernel_description* const* kernels;
    int32_t composite_count;
    const maniple_composite* composites;
} maniple_pack;

#ifdef __cplusplus
}
#endif
