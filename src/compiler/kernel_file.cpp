#include "compiler/kernel_file.hpp"

#include <algorithm>
#include <filesystem>

#include "compiler/combinations.hpp"
#include "compiler/fields.hpp"
#include "compiler/parser.hpp"
#include "compiler/rules.hpp"
#include "compiler/shorthand.hpp"

namespace maniple::compiler {

namespace {

/// The byte where column `column` of one line of UTF-8 begins.
std::size_t byte_of_column(std::string_view text, int column) {
    int at = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 && ++at == column) return i;
    }
    return text.size();
}

void read_name(KernelFile& file, const YamlNode& root, const std::string& path) {
    const YamlNode& node = required_field(root, "kernel", "the description");
    check_name(node, "the kernel's name");
    file.name = node.value;
    std::string stem = std::filesystem::path(path).filename().string();
    stem = stem.substr(0, stem.find('.'));
    if (stem != file.name) {
        fail(Spot{&node, 0, static_cast<int>(file.name.size())},
             "the kernel '" + file.name + "' must stand in a file " + file.name + ".kernel.yaml");
    }
}

void read_signature(KernelFile& file, const YamlNode& root) {
    const YamlNode& node = required_field(root, "signature", "the description");
    file.signature_spot = Spot{&node, 0, static_cast<int>(scalar(node, "signature").size())};
    try {
        file.signature = parse_signature(node.value);
    } catch (const JobError& error) {
        const int column = error.diagnostics().front().place.column;
        fail(Spot{&node, byte_of_column(node.value, column), 1}, error.what());
    }
}

void read_default(ParameterDeclaration& parameter, const YamlNode& node) {
    parameter.required = false;
    switch (parameter.type) {
        case ParameterDeclaration::Type::real: parameter.real = real_number(node, "this default"); break;
        case ParameterDeclaration::Type::integer: parameter.integer = integer_number(node, "this default"); break;
        case ParameterDeclaration::Type::boolean: parameter.integer = boolean_word(node, "this default"); break;
    }
}

ParameterDeclaration read_parameter(const KernelFile& file, const YamlNode& key, const YamlNode& node) {
    check_name(key, "the parameter");
    check_keys(node, {"type", "doc", "default", "value"}, "the parameter '" + key.value + "'");
    ParameterDeclaration parameter;
    parameter.name = key.value;
    parameter.spot = Spot{&key, 0, static_cast<int>(key.value.size())};
    const YamlNode& type = required_field(node, "type", "the parameter");
    if (scalar(type, "type") == "real") {
        parameter.type = ParameterDeclaration::Type::real;
    } else if (type.value == "integer") {
        parameter.type = ParameterDeclaration::Type::integer;
    } else if (type.value == "boolean") {
        parameter.type = ParameterDeclaration::Type::boolean;
    } else {
        fail(Spot{&type}, "a parameter is real, integer, boolean or dtype, not '" + type.value + "'");
    }
    parameter.documentation = scalar(required_field(node, "doc", "the parameter"), "doc");
    if (const YamlNode* const value = node.find("default")) read_default(parameter, *value);
    if (const YamlNode* const value = node.find("value")) {
        if (!parameter.required) fail(Spot{value}, "a parameter has a default or a value");
        if (parameter.type != ParameterDeclaration::Type::real) fail(Spot{value}, "a parameter with a value is real");
        parameter.value = read_parameter_value(file, *value);
    }
    return parameter;
}

bool is_dtype(const YamlNode& node) {
    const YamlNode* const type = node.kind == YamlNode::Kind::mapping ? node.find("type") : nullptr;
    return type != nullptr && type->value == "dtype";
}

void read_dtype(KernelFile& file, const YamlNode& key, const YamlNode& node) {
    check_name(key, "the parameter");
    if (file.dtype) fail(Spot{&key}, "a kernel has one parameter of type dtype");
    if (const YamlNode* const value = node.find("default")) {
        fail(Spot{value}, "a parameter of type dtype has no default: a call always names the type");
    }
    check_keys(node, {"type", "doc"}, "the parameter '" + key.value + "'");
    file.dtype = DtypeDeclaration{key.value, scalar(required_field(node, "doc", "the parameter"), "doc"),
                                  Spot{&key, 0, static_cast<int>(key.value.size())}};
}

void read_parameters(KernelFile& file, const YamlNode& root) {
    const YamlNode* const node = root.find("parameters");
    if (node == nullptr) return;
    if (node->kind != YamlNode::Kind::mapping) fail(Spot{node}, "parameters must be a mapping");
    for (const auto& [key, value] : node->entries) {
        if (is_dtype(value)) {
            read_dtype(file, key, value);
        } else {
            file.parameters.push_back(read_parameter(file, key, value));
        }
    }
}

/// Tensors, indices, parameters and implied parameters share one name space.
void check_names(const KernelFile& file) {
    std::vector<std::string> taken = file.signature.index_names();
    for (const std::string& name : file.signature.input_names()) taken.push_back(name);
    for (const std::string& name : file.signature.output_names()) taken.push_back(name);
    std::sort(taken.begin(), taken.end());
    const auto twice = std::adjacent_find(taken.begin(), taken.end());
    if (twice != taken.end()) fail(file.signature_spot, "'" + *twice + "' is a tensor and an index");
    const bool stencil = file.signature.may_leave();
    const auto check = [&](const std::string& name, const Spot& spot) {
        if (std::binary_search(taken.begin(), taken.end(), name)) {
            fail(spot, "'" + name + "' is a tensor or an index of the signature");
        }
        if ((stencil && name == "boundary") ||
            (file.signature.contracted_by_axis && (name == "axis" || name == "keepdims"))) {
            fail(spot, "the parameter '" + name + "' follows from the signature already");
        }
    };
    if (file.signature.rearrangement != Rearrangement::none && !file.parameters.empty())
        fail(file.parameters[0].spot, "what is rearranged has no parameters of its own");
    for (const ParameterDeclaration& parameter : file.parameters) check(parameter.name, parameter.spot);
    if (file.dtype) check(file.dtype->name, file.dtype->spot);
}

/// The combinations of `fast:`, and the file beside the description that has their code.
void read_fast(KernelFile& file, const YamlNode& node, const std::string& path) {
    if (node.kind != YamlNode::Kind::sequence || node.items.empty())
        fail(Spot{&node}, "fast must be a list of combinations of types, [\"f32,f32->f32\"]");
    for (const YamlNode& item : node.items) {
        const std::string& text = scalar(item, "the combination");
        const auto same = [&](const Combination& combination) { return combination.text() == text; };
        if (std::none_of(file.combinations.begin(), file.combinations.end(), same))
            fail(Spot{&item}, "the kernel has no combination of types '" + text + "'");
        if (std::find(file.fast.begin(), file.fast.end(), text) != file.fast.end())
            fail(Spot{&item}, "'" + text + "' is named twice");
        file.fast.push_back(text);
    }
    const std::filesystem::path code = std::filesystem::path(path).parent_path() / (file.name + ".cpp");
    if (!std::filesystem::exists(code))
        fail(Spot{&node}, "there is no " + file.name + ".cpp with hand-written code beside this description");
}

Body read_code(const YamlNode& mapping, std::string_view key, const std::string& what) {
    const YamlNode& node = required_field(mapping, key, what);
    scalar(node, std::string(key));
    return parse_body(node);
}

void read_whole_fold(KernelFile& file, const YamlNode& node) {
    check_keys(node, {"state", "init", "accumulate", "merge", "finish", "commutative"}, "fold");
    const YamlNode& state = required_field(node, "state", "fold");
    if (state.kind != YamlNode::Kind::mapping || state.entries.empty()) {
        fail(Spot{&state}, "state must be a mapping of names to types");
    }
    for (const auto& [key, value] : state.entries) {
        check_name(key, "the member");
        file.fold.members.push_back({key.value, scalar(value, "the type"), Spot{&value}});
    }
    file.fold.init = read_code(node, "init", "fold");
    file.fold.accumulate = read_code(node, "accumulate", "fold");
    file.fold.merge = read_code(node, "merge", "fold");
    file.fold.finish = read_code(node, "finish", "fold");
    if (const YamlNode* const word = node.find("commutative")) {
        file.fold.commutative = boolean_word(*word, "commutative");
    }
}

void read_body(KernelFile& file, const YamlNode& root) {
    const YamlNode* const body = root.find("body");
    const YamlNode* const fold = root.find("fold");
    if (!file.is_fold()) {
        if (fold != nullptr) fail(Spot{fold}, "the signature has no fold: write 'body', or ': fold(…)' behind it");
        scalar(required_field(root, "body", "the description"), "body");
        file.body = parse_body(*body);
        return;
    }
    if (body != nullptr) fail(Spot{body}, "the signature has a fold: write 'fold', not 'body'");
    if (file.signature.fold == "fold") {
        read_whole_fold(file, required_field(root, "fold", "the description"));
    } else {
        make_shorthand_fold(file, fold);
    }
}

}  // namespace

const ParameterDeclaration* KernelFile::parameter(std::string_view wanted) const {
    for (const ParameterDeclaration& candidate : parameters) {
        if (candidate.name == wanted) return &candidate;
    }
    return nullptr;
}

KernelFile parse_kernel_file(std::string_view text, const std::string& path) {
    KernelFile file;
    file.root = std::make_unique<YamlNode>(compose_yaml(text, path));
    const YamlNode& root = *file.root;
    std::vector<std::string> keys = {"kernel",    "doc",  "signature", "parameters", "types", "flops",
                                     "tolerance", "fast", "body",      "fold",       "empty"};
    keys.insert(keys.end(), rule_keys.begin(), rule_keys.end());
    check_keys(root, keys, "the description");
    read_name(file, root, path);
    file.documentation = scalar(required_field(root, "doc", "the description"), "doc");
    read_signature(file, root);
    read_parameters(file, root);
    check_names(file);
    file.combinations =
        read_combinations(required_field(root, "types", "the description"), file.signature, file.dtype.has_value());
    read_rules(file, root);
    if (const YamlNode* const flops = root.find("flops")) {
        file.declared_flops = real_number(*flops, "flops");
        file.flops_spot = Spot{flops, 0, static_cast<int>(flops->value.size())};
    }
    if (const YamlNode* const tolerance = root.find("tolerance")) {
        file.tolerance = real_number(*tolerance, "tolerance");
        if (*file.tolerance < 0) fail(Spot{tolerance}, "a tolerance is at least 0");
    }
    if (const YamlNode* const fast = root.find("fast")) read_fast(file, *fast, path);
    if (const YamlNode* const empty = root.find("empty")) {
        if (scalar(*empty, "empty") != "refused" || !file.is_fold())
            fail(Spot{empty}, "empty: refused is what a fold may say: there is no result without elements");
        file.needs_elements = true;
    }
    if (file.signature.fold == "max" || file.signature.fold == "min") file.needs_elements = true;
    read_body(file, root);
    return file;
}

}  // namespace maniple::compiler
