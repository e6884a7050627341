#include "compiler/check.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "compiler/checker.hpp"
#include "compiler/count.hpp"

namespace maniple::compiler {

// Statements and names.

void Checker::run() {
    check_body(function_.body);
    check_outputs_written();
}

void Checker::check_body(Body& body) {
    const std::size_t outer = locals_.size();
    for (Statement& statement : body) check_statement(statement);
    locals_.resize(outer);
}

void Checker::check_statement(Statement& statement) {
    switch (statement.kind) {
        case Statement::Kind::declare: check_declaration(statement); break;
        case Statement::Kind::assign: check_assignment(statement); break;
        case Statement::Kind::branch:
            check_condition(statement.value);
            check_body(statement.body);
            check_body(statement.otherwise);
            break;
        case Statement::Kind::range: check_range(statement); break;
        case Statement::Kind::whole: check_whole(statement); break;
        case Statement::Kind::loop:
            check_condition(statement.value);
            check_body(statement.body);
            break;
    }
}

void Checker::check_declaration(Statement& statement) {
    const std::optional<ValueType> type = type_of_word(statement.type_word);
    if (!type) {
        Spot spot = statement.spot;
        spot.length = static_cast<int>(statement.type_word.size());
        fail(spot, "unknown type '" + statement.type_word + "': real, int, index or bool");
    }
    statement.type = *type;
    check_value_as(statement.value, *type);
    declare({statement.name, *type, false, {}, {}}, statement.spot);
}

void Checker::check_assignment(Statement& statement) {
    check_target(statement.target);
    statement.type = statement.target.type;
    check_value(statement.value);
    if (is_half(statement.target, function_) && statement.value.type == ValueType::f64) {
        // By way of f32 it would round twice.
        fail(start_of(statement.value), "f64 does not become f16 by itself: convert it, as in output(…) or f16(…)");
    }
    coerce(statement.value, statement.type);
}

void Checker::check_target(Expression& target) {
    if (target.kind == Expression::Kind::element) {
        check_element(target, true);
        return;
    }
    if (target.role == Role::other) fail(target.spot, "'other' is read only: the state itself becomes the result");
    if (!find_variable(target)) {
        fail(target.spot, "unknown name '" + target.name + "'", nearest_word(target.name, visible_names()));
    }
    if (target.role == Role::tensor) {
        check_element(target, true);
    } else if (target.role == Role::local) {
        if (local(target.name)->loop) fail(target.spot, "the loop variable '" + target.name + "' cannot be changed");
    } else if (target.role != Role::state || function_.kind == FunctionKind::finish) {
        fail(target.spot, "'" + target.name + "' cannot be changed here");
    }
}

void Checker::check_condition(Expression& condition) {
    check_value(condition);
    if (condition.type != ValueType::boolean) {
        fail(start_of(condition), "a condition is a bool, this is " + name_of(condition.type) + ": compare it");
    }
}

void Checker::check_range(Statement& statement) {
    check_value_as(statement.from, ValueType::i64);
    check_value_as(statement.to, ValueType::i64);
    const std::size_t outer = locals_.size();
    declare({statement.name, ValueType::i64, true, affine(statement.from), affine(statement.to)}, statement.spot);
    check_body(statement.body);
    locals_.resize(outer);
}

void Checker::check_whole(Statement& statement) {
    if (!sees_indices() || !is_whole(statement.name)) {
        fail(statement.spot, "'" + statement.name +
                                 "' is not declared whole(…) in the signature; a range is written "
                                 "for (index " +
                                 statement.name + " in a..b)");
    }
    if (local(statement.name) != nullptr) fail(statement.spot, "'" + statement.name + "' is looped over already");
    statement.number = index_number(statement.name);
    const std::size_t outer = locals_.size();
    locals_.push_back({statement.name, ValueType::i64, true, {}, {}});
    check_body(statement.body);
    locals_.resize(outer);
}

void Checker::declare(const Local& new_local, const Spot& spot) {
    const std::vector<std::string> names = visible_names();
    const bool index = index_number(new_local.name) >= 0;
    if (index || std::find(names.begin(), names.end(), new_local.name) != names.end()) {
        fail(spot, "the name '" + new_local.name + "' is taken already");
    }
    locals_.push_back(new_local);
}

const Local* Checker::local(std::string_view name) const {
    for (const Local& candidate : locals_) {
        if (candidate.name == name) return &candidate;
    }
    return nullptr;
}

std::vector<std::string> Checker::visible_names() const {
    std::vector<std::string> names;
    for (const Local& candidate : locals_) names.push_back(candidate.name);
    for (const ParameterDeclaration& parameter : file_.parameters) names.push_back(parameter.name);
    for (const FunctionTensor& tensor : function_.tensors) {
        if (!tensor.is_state) names.push_back(tensor.name);
    }
    if (sees_state()) {
        for (const TypedMember& member : variant_.members) names.push_back(member.name);
    }
    if (sees_indices()) {
        for (const std::string& index : file_.signature.index_names()) names.push_back(index);
    }
    return names;
}

std::optional<ValueType> Checker::type_of_word(const std::string& word) const {
    return compiler::type_of_word(word, variant_);
}

namespace {

/// Whether every path through `body` assigns to `name`. A whole index has at least one element.
bool always_assigns(const Body& body, const std::string& name) {
    for (const Statement& statement : body) {
        if (statement.kind == Statement::Kind::assign && statement.target.name == name &&
            statement.target.role != Role::local) {
            return true;
        }
        if (statement.kind == Statement::Kind::whole && always_assigns(statement.body, name)) return true;
        if (statement.kind == Statement::Kind::branch && always_assigns(statement.body, name) &&
            always_assigns(statement.otherwise, name)) {
            return true;
        }
    }
    return false;
}

}  // namespace

void Checker::check_outputs_written() const {
    const Spot spot = function_.body.empty() ? file_.signature_spot : function_.body.front().spot;
    for (const FunctionTensor& tensor : function_.tensors) {
        if (tensor.written && !tensor.is_state && !always_assigns(function_.body, tensor.name)) {
            fail(spot, "output '" + tensor.name + "' is not assigned on every path");
        }
    }
    if (function_.kind != FunctionKind::init) return;
    for (const TypedMember& member : variant_.members) {
        if (!always_assigns(function_.body, member.name)) {
            fail(spot, "init does not assign '" + member.name + "' on every path");
        }
    }
}

bool is_half(const Expression& expression, const Function& function) {
    return expression.kind == Expression::Kind::element &&
           function.tensors[static_cast<std::size_t>(expression.number)].type == DType::f16;
}

Spot start_of(const Expression& expression) {
    const bool infix = expression.kind == Expression::Kind::binary || expression.kind == Expression::Kind::conditional;
    return infix ? start_of(expression.operands.front()) : expression.spot;
}

// Variants.

namespace {

/// The floating type of the tensors' values; f64 where they have several or none.
ValueType real_type(const Combination& combination) {
    if (const auto found = combination.variables.find("real"); found != combination.variables.end()) {
        const ValueType type = value_type(found->second);
        if (is_float(type)) return type;
    }
    bool f32 = false;
    bool f64 = false;
    for (const std::vector<DType>* types : {&combination.inputs, &combination.outputs}) {
        for (const DType type : *types) {
            f32 = f32 || value_type(type) == ValueType::f32;
            f64 = f64 || type == DType::f64;
        }
    }
    return f32 && !f64 ? ValueType::f32 : ValueType::f64;
}

std::vector<FunctionTensor> tensors_of(const KernelFile& file, const Combination& combination, FunctionKind kind) {
    std::vector<FunctionTensor> result;
    const auto add = [&](const std::vector<std::string>& names, const std::vector<DType>& types, bool written) {
        for (std::size_t i = 0; i < names.size(); ++i) result.push_back({names[i], false, types[i], written});
    };
    const bool outputs = kind == FunctionKind::compute || kind == FunctionKind::finish;
    if (outputs) add(file.signature.output_names(), combination.outputs, true);
    if (kind != FunctionKind::compute) result.push_back({"", true, DType::f32, kind != FunctionKind::finish});
    if (kind == FunctionKind::merge) result.push_back({"other", true, DType::f32, false});
    const bool inputs = kind == FunctionKind::compute || kind == FunctionKind::accumulate;
    if (inputs) add(file.signature.input_names(), combination.inputs, false);
    return result;
}

/// A member shares the name space of what stands beside it in a body.
void check_member_name(const KernelFile& file, const StateMember& member) {
    const Signature& signature = file.signature;
    bool taken = file.parameter(member.name) != nullptr || (file.dtype && file.dtype->name == member.name) ||
                 member.name == "other" || member.name == "position";
    for (const auto& names : {signature.input_names(), signature.output_names(), signature.index_names()}) {
        taken = taken || std::find(names.begin(), names.end(), member.name) != names.end();
    }
    if (taken) fail(member.spot, "the name '" + member.name + "' of this member is taken already");
}

void add_members(const KernelFile& file, Variant& variant) {
    int largest = 1;
    for (const StateMember& member : file.fold.members) {
        check_member_name(file, member);
        const std::optional<ValueType> type = type_of_word(member.type_word, variant);
        if (!type) fail(member.spot, "unknown type '" + member.type_word + "': acc, real, int, index or bool");
        variant.members.push_back({member.name, *type});
        const int size = size_of(*type);
        largest = std::max(largest, size);
        variant.state_bytes = (variant.state_bytes + size - 1) / size * size + size;
    }
    variant.state_bytes = (variant.state_bytes + largest - 1) / largest * largest;
}

void add_function(const KernelFile& file, Variant& variant, FunctionKind kind, const Body& body) {
    Function function;
    function.kind = kind;
    function.body = body;
    function.tensors = tensors_of(file, variant.combination, kind);
    Checker(file, variant, function).run();
    variant.functions.push_back(std::move(function));
}

Variant check_variant(const KernelFile& file, const Combination& combination) {
    Variant variant;
    variant.combination = combination;
    variant.real = real_type(combination);
    if (!file.is_fold()) {
        add_function(file, variant, FunctionKind::compute, file.body);
    } else {
        add_members(file, variant);
        add_function(file, variant, FunctionKind::init, file.fold.init);
        add_function(file, variant, FunctionKind::accumulate, file.fold.accumulate);
        add_function(file, variant, FunctionKind::merge, file.fold.merge);
        add_function(file, variant, FunctionKind::finish, file.fold.finish);
    }
    variant.exact = is_exact(variant, file.signature);
    variant.bytes_per_point = count_bytes(variant);
    return variant;
}

/// A mistake that shows for some types only is hard to see without them.
[[noreturn]] void fail_for_types(const JobError& error, const Combination& combination) {
    std::vector<Diagnostic> diagnostics = error.diagnostics();
    diagnostics.front().message += " (for the types " + combination.text() + ")";
    throw JobError(std::move(diagnostics));
}

}  // namespace

std::optional<ValueType> type_of_word(const std::string& word, const Variant& variant) {
    const Combination& combination = variant.combination;
    if (const auto found = combination.variables.find(word); found != combination.variables.end()) {
        return value_type(found->second);
    }
    if (word == "real") return variant.real;
    if (word == "int") return ValueType::i32;
    if (word == "index") return ValueType::i64;
    if (word == "input" && !combination.inputs.empty()) return value_type(combination.inputs.front());
    if (word == "output") return value_type(combination.outputs.front());
    if (word == "acc" && !combination.inputs.empty()) {
        return is_float(value_type(combination.inputs.front())) ? ValueType::f64 : ValueType::i64;
    }
    const std::optional<DType> type = parse_dtype(word);
    return type ? std::optional(value_type(*type)) : std::nullopt;
}

bool names_half(const std::string& word, const Variant& variant) {
    const Combination& combination = variant.combination;
    if (const auto found = combination.variables.find(word); found != combination.variables.end()) {
        return found->second == DType::f16;
    }
    if (word == "input") return !combination.inputs.empty() && combination.inputs.front() == DType::f16;
    if (word == "output") return combination.outputs.front() == DType::f16;
    return word == "f16";
}

const Function* Variant::function(FunctionKind kind) const {
    for (const Function& candidate : functions) {
        if (candidate.kind == kind) return &candidate;
    }
    return nullptr;
}

TypedKernel check_kernel(const KernelFile& file) {
    TypedKernel kernel;
    kernel.file = &file;
    kernel.exact = true;
    for (const Combination& combination : file.combinations) {
        try {
            kernel.variants.push_back(check_variant(file, combination));
        } catch (const JobError& error) {
            if (kernel.variants.empty()) throw;
            fail_for_types(error, combination);
        }
        kernel.exact = kernel.exact && kernel.variants.back().exact;
    }
    const FlopsPerPoint flops = count_flops(kernel.variants.front(), file);
    kernel.flops_per_point = flops.declared;
    kernel.counted_flops_per_point = flops.counted;
    return kernel;
}

}  // namespace maniple::compiler
