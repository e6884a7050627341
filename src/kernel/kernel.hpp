// kernel/kernel.hpp: what the program knows of a kernel at run time, and the registry of all of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/abi.hpp"
#include "kernel/formula.hpp"
#include "kernel/signature.hpp"
#include "tensor/dtype.hpp"

/// What maniple_add_kernels(standard …) links together (kernels/CMakeLists.txt).
extern "C" const maniple_pack maniple_pack_standard;

namespace maniple {

/// What an element outside of the tensor is, for one axis of a stencil.
enum class Boundary : std::uint8_t {
    none,   ///< nothing outside is read
    clamp,  ///< the nearest element inside
    zero,
    periodic,  ///< the other end's
};

std::string_view name_of(Boundary boundary);

/// One parameter as its description declares it.
struct KernelParameter {
    enum class Type {
        real,
        integer,
        boolean,
        dtype,  ///< an element type: KernelTypes::outputs[0] of the combination to call; never has a default
        axes,
        boundary,
        positions,  ///< an integer or a list of them, of a rearrangement; the kernel's code does not see it
    };
    std::string name;
    Type type = Type::real;
    bool required = true;
    maniple_parameter default_value{};
    std::string documentation;
    std::optional<Formula> value;  ///< computed from the parameters before it; no call gives it

    /// Whether it is one of maniple_call::parameters.
    bool seen_by_code() const {
        return type != Type::axes && type != Type::boundary && type != Type::dtype && type != Type::positions &&
               name != "keepdims";
    }
};

/// What a description says of every call beyond its signature, in formulas over integer parameters and inputs' extents.
struct KernelRules {
    struct Extent {
        std::string index;
        Formula formula;
    };
    struct Domain {
        std::string tensor;
        FormulaRange range;
    };
    std::vector<Extent> extents;          ///< of indices whose extents no input gives alone
    std::vector<Condition> requirements;  ///< must hold
    std::vector<Domain> domains;          ///< what the elements of integer inputs may be
    std::optional<Boundary> boundary;     ///< fixed: no call chooses it

    const Formula* extent_of(std::string_view index) const;
};

/// One combination of element types; the functions are found per instruction set by number.
struct KernelTypes {
    std::vector<DType> inputs;   ///< one for each of Signature::input_names()
    std::vector<DType> outputs;  ///< one for each of Signature::output_names()
    std::int64_t state_bytes = 0;
    bool exact = false;          ///< the same bits on every lane, for these types
    double bytes_per_point = 0;  ///< one element of every distinct tensor: the least traffic of one point
    double tolerance = 0;        ///< in eps of the output's type, see kernel/abi.hpp; 0 where exact, else 16 by default
};

/// A kernel: immutable once registered. Threads: any.
struct Kernel {
    std::string name;
    std::string documentation;
    Signature signature;
    KernelRules rules;
    std::vector<KernelParameter> parameters;  ///< all, also `axis`, `keepdims` and `boundary`
    std::vector<KernelTypes> types;
    double flops_per_point = 0;
    double counted_flops_per_point = -1;  ///< by the compiler; negative: it could only estimate
    bool needs_elements = false;          ///< of a fold: without elements there is no result
    bool exact = false;                   ///< for all types; KernelTypes::exact says it for one combination
    std::vector<std::string> instruction_sets;
    std::vector<const maniple_kernel_table*> tables;

    const maniple_gpu_table* gpu_table = nullptr;
    const maniple_fast_code* fast_code = nullptr;            ///< hand-written code for the cpu, or null
    std::vector<const maniple_fast_variant*> fast_variants;  ///< by type combination, null where there is none

    /// The shaders of type combination `types_index`; null if there are none.
    const maniple_gpu_variant* gpu_variant(std::size_t types_index) const;
    /// The hand-written functions of type combination `types_index`, or null. They may run once open_fast_code() said so.
    const maniple_fast_variant* fast_variant(std::size_t types_index) const;
    bool is_fold() const { return !signature.fold.empty(); }
    /// The functions of type combination `types_index` for `instruction_set`; null if it was not built.
    const maniple_variant* variant(std::size_t types_index, std::string_view instruction_set) const;
    const KernelParameter* parameter(std::string_view name) const;
    /// The parameter of type dtype, or null. Where there is one, several of `types` may have the same inputs, and its
    /// value tells them apart; else the inputs alone do (without inputs, the outputs).
    const KernelParameter* dtype_parameter() const;
};

/// Makes the hand-written code of `kernel` ready, which may load a library; empty, or why it cannot run here.
/// Requires: there is some. Threads: any; the first call sets environment variables.
std::string open_fast_code(const Kernel& kernel);

/// A kernel that is written as expressions over others (job/composite.hpp). Strings live for ever.
struct CompositeText {
    std::string name;
    const char* text = nullptr;
};

/// All kernels of one run. Looked into when a Graph or a Program is built, never while it runs.
class KernelRegistry {
public:
    /// Reads the descriptions of `pack`, which maniple_add_kernels() made (cmake/maniple_add_kernels.cmake).
    /// Errors: UnavailableError for another ABI version or a description that contradicts itself.
    explicit KernelRegistry(const maniple_pack& pack);

    /// Null if there is none.
    const Kernel* find(std::string_view name) const;
    const CompositeText* find_composite(std::string_view name) const;
    bool has(std::string_view name) const { return find(name) != nullptr || find_composite(name) != nullptr; }
    std::vector<std::string> names() const;  ///< of both kinds, sorted
    std::span<const Kernel> all() const { return kernels_; }
    std::span<const CompositeText> composites() const { return composites_; }

private:
    std::vector<Kernel> kernels_;            ///< sorted by name
    std::vector<CompositeText> composites_;  ///< sorted by name
};

/// The kernels under kernels/ that are built into every program.
inline const maniple_pack& standard_kernels() { return maniple_pack_standard; }

/// Whether this processor runs code for `instruction_set`; everyone runs "checked".
bool processor_runs(std::string_view instruction_set);

/// The best instruction set of `available` that this processor runs: v4, v3, v2 or base. MANIPLE_ISA overrides.
/// Errors: UnavailableError if MANIPLE_ISA names one that is not built or that the processor lacks.
std::string choose_instruction_set(std::span<const std::string> available);

}  // namespace maniple
