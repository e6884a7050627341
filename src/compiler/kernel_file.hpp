// compiler/kernel_file.hpp: one `.kernel.yaml`, read and parsed but not yet type checked.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ast.hpp"
#include "job/yaml.hpp"
#include "kernel/kernel.hpp"
#include "tensor/dtype.hpp"

namespace maniple::compiler {

struct ParameterDeclaration {
    enum class Type { real, integer, boolean };
    std::string name;
    Type type = Type::real;
    bool required = true;
    double real = 0;               ///< the default of a real
    std::int64_t integer = 0;      ///< the default of an integer or a boolean
    std::optional<Formula> value;  ///< of a real: computed from the parameters before it, no call gives it
    std::string documentation;
    Spot spot;
};

/// A parameter of type `dtype`: it chooses among the combinations with the same inputs and is not seen by the body.
struct DtypeDeclaration {
    std::string name;
    std::string documentation;
    Spot spot;
};

/// One combination of element types that the kernel is compiled for.
struct Combination {
    std::vector<DType> inputs;
    std::vector<DType> outputs;
    std::map<std::string, DType> variables;  ///< the type variables of `types:`, by name

    std::string text() const;  ///< "f32,f32->f32"
};

struct StateMember {
    std::string name;
    std::string type_word;
    Spot spot;
};

/// The four pieces of a fold.
struct Fold {
    std::vector<StateMember> members;
    Body init;
    Body accumulate;
    Body merge;
    Body finish;
    bool commutative = false;  ///< the elements may be accumulated in any order, so that lanes can interleave
};

/// Owns the description's text, which all spots point into: not to be copied.
struct KernelFile {
    std::string name;
    std::string documentation;
    Signature signature;
    Spot signature_spot;
    std::vector<ParameterDeclaration> parameters;  ///< those that the body sees
    std::optional<DtypeDeclaration> dtype;
    std::vector<Combination> combinations;
    KernelRules rules;
    std::optional<double> declared_flops;
    Spot flops_spot;
    std::optional<double> tolerance;  ///< in eps of the output's type
    std::vector<std::string> fast;    ///< combinations that have hand-written code in NAME.cpp beside
    bool needs_elements = false;      ///< of a fold: without elements there is no result
    Body body;                        ///< of a kernel without a fold
    Fold fold;

    std::unique_ptr<YamlNode> root;
    std::vector<std::unique_ptr<YamlNode>> shorthand_texts;

    bool is_fold() const { return !signature.fold.empty(); }
    const ParameterDeclaration* parameter(std::string_view name) const;
};

/// Parses the description `text`; `path` is for messages, and its stem must be the kernel's name.
/// Errors: JobError with the place in the file.
KernelFile parse_kernel_file(std::string_view text, const std::string& path);

}  // namespace maniple::compiler
