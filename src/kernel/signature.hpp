// kernel/signature.hpp: which elements a kernel reads to write which; the line that everything else follows from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace maniple {

/// One subscript of an access: `y`, `y±1`, `y±radius`, `2*y+p`, `stride*y+p-pad`, `y+1`, `*`, `...`.
struct Subscript {
    enum class Kind {
        affine,    ///< sum of coefficient × index, plus offsets, plus or minus a halo
        whole,     ///< `*`: the whole axis
        ellipsis,  ///< `...`: any number of axes, broadcast as NumPy does; stands first in its access
    };
    /// coefficient × parameter × index.
    struct Term {
        std::int64_t coefficient = 1;
        std::string index;
        std::string parameter;  ///< an integer parameter; empty: 1
    };
    /// coefficient × parameter.
    struct ParameterOffset {
        std::int64_t coefficient = 1;
        std::string parameter;
    };
    Kind kind = Kind::affine;
    std::vector<Term> terms;
    std::int64_t offset = 0;
    std::vector<ParameterOffset> parameter_offsets;
    std::int64_t halo = 0;       ///< the r of `±r` where r is a number
    std::string halo_parameter;  ///< the r of `±r` where r is a parameter; else empty

    bool has_halo() const { return halo > 0 || !halo_parameter.empty(); }
    /// The name of the index that this subscript is, and nothing else (but a halo); else empty.
    std::string_view index_alone() const;
    /// All integer parameters in it, that of the halo too.
    std::vector<std::string> parameters() const;
};

/// `u[y±1, x]`.
struct Access {
    std::string tensor;
    std::vector<Subscript> subscripts;
    bool has_ellipsis() const;
    std::vector<Subscript> named() const;  ///< without the ellipsis
};

/// How the elements of an output stand otherwise than those of the input that they are.
enum class Rearrangement {
    none,
    permuted,  ///< the parameter `axes` orders the axes
    sliced,    ///< `axis`, `start`, `stop`, `step` choose coordinates
    reshaped,  ///< `shape` counts the same elements, row by row, otherwise
    joined,    ///< of two inputs the second stands behind the first along `axis`; a third says where the first is
};

/// `inputs -> outputs : qualifiers`, as it was written.
///
///   signature  := [accesses] '->' accesses [':' qualifier {',' qualifier}]
///   access     := NAME '[' [subscript {',' subscript}] ']'
///   subscript  := '...' | '*' | term {('+'|'-') term} ['±' (NUMBER | NAME)]
///   term       := factor {'*' factor}, factor := NUMBER | NAME
///   qualifier  := ('sum'|'max'|'min'|'fold') '(' ['...' ','] names ')' | 'whole' '(' names ')' | 'irregular'
///                 | 'permuted' | 'sliced' | 'reshaped' | 'joined'
///
/// `...` are leading axes: those of all inputs, broadcast. An input without it is read for each of their points; outputs
/// have it, all of them, or none: then they are contracted, `fold(...)`.
/// A term has at most one index, and may have one integer parameter. A name in an input's subscript is an index if an
/// output has it or a qualifier names it; a name beside an index may be a parameter else.
/// The names of a fold are contracted indices, or the one word `axis`: then the accesses are ellipses alone and
/// the indices contracted are those that the parameter `axis` selects. '+-' may be written for '±'.
struct Signature {
    std::string text;
    std::vector<Access> inputs;   ///< in order; one tensor may occur several times
    std::vector<Access> outputs;  ///< each tensor once
    std::string fold;             ///< "", "sum", "max", "min" or "fold"
    std::vector<std::string> contracted;
    bool contracted_by_axis = false;  ///< `sum(axis)`
    bool contracts_ellipsis = false;  ///< `sum(...)`
    std::vector<std::string> whole;
    bool irregular = false;
    Rearrangement rearrangement =
        Rearrangement::none;  ///< of `x[...] -> y[...]`, joined: of `a[...], b[...], first[...] -> c[...]`

    std::vector<std::string> input_names() const;  ///< distinct, in order of first occurrence
    std::vector<std::string> output_names() const;
    bool has_halo() const;
    /// Whether an access may leave its tensor: it has a halo, a negative offset, or one that a parameter gives. The
    /// kernel then has a boundary rule.
    bool may_leave() const;
    bool has_ellipsis() const;   ///< in any access
    bool only_ellipses() const;  ///< every access is `[...]`: no index has a name
    /// All index names: those of the outputs in order, then the contracted and other ones. They stand for the last loop
    /// indices; those before them are the axes of the ellipsis.
    std::vector<std::string> index_names() const;
};

/// Parses and checks a signature: every output index is affine with coefficient 1, no offset and no halo;
/// contracted and whole indices exist; a subscript with a parameter has an index; no index is both; an output names no
/// contracted index; an ellipsis is contracted if and only if the outputs lack it.
/// Errors: JobError whose place has line 1 and the column within `text` (the caller moves it).
Signature parse_signature(std::string_view text);

}  // namespace maniple
