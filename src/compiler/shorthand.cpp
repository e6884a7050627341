#include "compiler/shorthand.hpp"

#include <utility>

#include "compiler/fields.hpp"
#include "compiler/parser.hpp"

namespace maniple::compiler {

namespace {

/// `text` as a node that has the signature's place.
const YamlNode& shorthand_node(KernelFile& file, std::string text) {
    YamlNode node;
    node.value = std::move(text);
    node.place = file.signature_spot.place();
    file.shorthand_texts.push_back(std::make_unique<YamlNode>(std::move(node)));
    return *file.shorthand_texts.back();
}

/// An access as an element in a body: `x[2*y+p]`; `x` for an ellipsis alone.
std::string element_text(const Access& access) {
    std::string text = access.tensor;
    const std::vector<Subscript> subscripts = access.named();
    if (access.has_ellipsis() && subscripts.empty()) return text;
    text += "[";
    for (std::size_t i = 0; i < subscripts.size(); ++i) {
        if (i > 0) text += ", ";
        const Subscript& subscript = subscripts[i];
        text += std::to_string(subscript.offset);
        for (const Subscript::Term& term : subscript.terms) {
            text += " + " + std::to_string(term.coefficient) + "*" + term.index;
            if (!term.parameter.empty()) text += "*" + term.parameter;
        }
        for (const Subscript::ParameterOffset& each : subscript.parameter_offsets)
            text += " + " + std::to_string(each.coefficient) + "*" + each.parameter;
    }
    return text + "]";
}

std::string guessed_element(const KernelFile& file) {
    const Signature& signature = file.signature;
    if (signature.inputs.size() == 1 && !signature.has_halo()) {
        bool plain = true;
        for (const Subscript& subscript : signature.inputs[0].subscripts) {
            plain = plain && subscript.kind != Subscript::Kind::whole;
        }
        if (plain) return element_text(signature.inputs[0]);
    }
    fail(file.signature_spot, "'" + signature.fold + "' of several elements needs what is folded: fold: {element: …}");
}

/// The output's element: its subscripts are one index each.
std::string output_text(const Access& access) {
    std::string text = access.tensor;
    const std::vector<Subscript> subscripts = access.named();
    if (access.has_ellipsis() && subscripts.empty()) return text;
    text += "[";
    for (std::size_t i = 0; i < subscripts.size(); ++i) {
        text += (i > 0 ? ", " : "") + subscripts[i].terms.front().index;
    }
    return text + "]";
}

}  // namespace

void make_shorthand_fold(KernelFile& file, const YamlNode* node) {
    if (file.signature.output_names().size() != 1) {
        fail(file.signature_spot, "'" + file.signature.fold + "' has one output; several need the whole form, fold(…)");
    }
    const YamlNode* element = nullptr;
    if (node != nullptr) {
        check_keys(*node, {"element"}, "fold");
        element = &required_field(*node, "element", "fold");
        scalar(*element, "element");
    } else {
        element = &shorthand_node(file, guessed_element(file));
    }
    const std::string& kind = file.signature.fold;
    const bool sum = kind == "sum";
    const auto code = [&](const std::string& text) { return parse_body(shorthand_node(file, text)); };
    Fold& fold = file.fold;
    fold.commutative = true;
    fold.members.push_back({"_fold", sum ? "acc" : "output", file.signature_spot});
    fold.init = code(sum ? "_fold = 0;" : kind == "max" ? "_fold = lowest(output);" : "_fold = highest(output);");
    // The element is parsed by itself, so that an error in it has its own place.
    fold.accumulate = code(sum ? "_fold = _fold + 0;" : "_fold = " + kind + "(_fold, 0);");
    fold.accumulate[0].value.operands[1] = parse_element(*element);
    fold.merge = code(sum ? "_fold = _fold + other._fold;" : "_fold = " + kind + "(_fold, other._fold);");
    fold.finish = code(output_text(file.signature.outputs.front()) + " = " + (sum ? "output(_fold);" : "_fold;"));
}

}  // namespace maniple::compiler
