#include "compiler/glsl_main.hpp"

#include <algorithm>

#include "compiler/glsl_body.hpp"
#include "compiler/glsl_prelude.hpp"
#include "compiler/glsl_words.hpp"
#include "kernel/abi.hpp"

namespace maniple::compiler {

namespace {

std::string text_of(std::size_t number) { return std::to_string(number); }

/// An element of one of the uniform block's arrays of words, the number known when the shader runs.
std::string word(const std::string& array) { return array + "[k >> 2][k & 3u]"; }

class MainPrinter {
public:
    MainPrinter(const Function& function, const Variant& variant, const KernelFile& file)
        : variant_(variant), file_(file), lowered_(lower(function, file)), widths_(lowered_.function.body),
          ellipsis_(file.signature.only_ellipses()), leads_(file.signature.has_ellipsis() && !ellipsis_) {}

    std::string print() {
        add("void main() {");
        add("const uint n =");
        add("    (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * 64u + gl_LocalInvocationID.x;");
        add("if (n >= call.points) return;");
        const std::size_t begin = code_.text().size();
        print_code();
        add("}");
        // Of what could be declared, the names that the code uses: a shader asks for no feature in vain.
        const std::set<std::string> used = words_of(code_.text());
        std::string declared;
        for (const auto& [name, line] : declarations()) {
            if (used.contains(name)) declared += "    " + line + "\n";
        }
        std::string text = code_.text();
        return text.insert(begin, declared);
    }

private:
    void add(const std::string& text) { code_.add(text); }
    FunctionKind kind() const { return lowered_.function.kind; }
    const std::vector<FunctionTensor>& tensors() const { return lowered_.function.tensors; }

    std::size_t state_number() const { return kind() == FunctionKind::finish ? tensors().size() - 1 : 0; }

    bool is_contracted(const std::string& name) const {
        const std::vector<std::string>& names = file_.signature.contracted;
        return std::find(names.begin(), names.end(), name) != names.end();
    }

    // What stands before the code: a name, and the line that declares it.

    using Declarations = std::vector<std::pair<std::string, std::string>>;

    void declare_parameter(std::size_t i, Declarations& result) const {
        const ParameterDeclaration& parameter = file_.parameters[i];
        const std::string first = glsl_word("call.parameters", 2 * i);
        const std::string second = glsl_word("call.parameters", 2 * i + 1);
        const std::string v = value_name(parameter.name);
        const std::string u = low_name(parameter.name);
        switch (parameter.type) {
            case ParameterDeclaration::Type::real:
                if (variant_.real == ValueType::f64) {
                    result.emplace_back(
                        v, "const double " + v + " = packDouble2x32(uvec2(" + first + ", " + second + "));");
                } else {
                    result.emplace_back(v, "const float " + v + " = uintBitsToFloat(" + first + ");");
                }
                break;
            case ParameterDeclaration::Type::integer:
                result.emplace_back(v, "const int64_t " + v + " = join_i64(" + first + ", " + second + ");");
                result.emplace_back(u, "const uint " + u + " = " + first + ";");
                break;
            case ParameterDeclaration::Type::boolean:
                result.emplace_back(v, "const bool " + v + " = (" + first + " | " + second + ") != 0u;");
                break;
        }
    }

    Declarations declarations() const {
        Declarations result;
        for (std::size_t i = 0; i < file_.parameters.size(); ++i) declare_parameter(i, result);
        for (std::size_t i = 0; i < tensors().size(); ++i) {
            const std::string number = text_of(i);
            const std::string tensor = "call.tensors[" + number + "]";
            if (!leading_.contains(i))
                result.emplace_back("offset_" + number, "const uint offset_" + number + " = " + tensor + ".head.x;");
            for (std::size_t axis = 0; axis < MANIPLE_MAX_RANK; ++axis) {
                const std::string name = "stride_" + number + "_" + text_of(axis);
                result.emplace_back(name, "const uint " + name + " = " + glsl_word(tensor + ".stride", axis) + ";");
            }
        }
        return result;
    }

    // The code, by kind.

    void print_code() {
        switch (kind()) {
            case FunctionKind::accumulate: print_accumulate(); break;
            case FunctionKind::merge: print_merge(); break;
            default: print_pointwise(); break;
        }
    }

    void print_pointwise() {
        add("uint rest = n;");
        print_kept("(1u << call.rank) - 1u");
        if (kind() == FunctionKind::finish) load_members(member_name, state_place(""));
        print_body(kind());
    }

    void print_accumulate() {
        add("const uint kept = call.points / call.segments;");
        add("const bool across = call.segments_first != 0u;");
        add("const uint segment = across ? n % call.segments : n / kept;");
        add("uint rest = across ? n / call.segments : n % kept;");
        print_kept("((1u << call.rank) - 1u) & ~call.contracted");
        print_count();
        declare_members();
        print_scope(FunctionKind::init);
        if (file_.fold.commutative) {
            add("const uint turns = segment < count ? (count - 1u - segment) / call.segments + 1u : 0u;");
            add("for (uint point = segment, turn = 0u; turn < turns; ++turn, point += call.segments) {");
        } else {
            // Two factors below 2^16 each, so that nothing overflows.
            add("const uint share = count / call.segments, more = count % call.segments;");
            add("const uint end = (segment + 1u) * share + (segment + 1u) * more / call.segments;");
            add("for (uint point = segment * share + segment * more / call.segments; point < end; ++point) {");
        }
        print_contracted();
        print_body(FunctionKind::accumulate);
        add("}");
        store_members(state_place(" + segment * call.tensors[0].head.y"));
    }

    void print_merge() {
        add("uint rest = n;");
        print_kept("(1u << call.rank) - 1u");
        declare_members();
        add("if (call.fresh != 0u) {");
        print_body(FunctionKind::init);
        add("} else {");
        for (const TypedMember& member : variant_.members) {
            const std::string name = member_name(member.name);
            add(name + " = " + glsl_loaded(state_place("") + "." + name, member.type) + ";");
        }
        add("}");
        add("for (uint segment = 0u; segment < call.segments; ++segment) {");
        load_members(other_name, place(1, " + segment * call.tensors[1].head.y"));
        print_body(FunctionKind::merge);
        add("}");
        store_members(state_place(""));
    }

    // Coordinates.

    /// The kept indices from `rest`: those with names as u_x; for an ellipsis the address of every tensor moved there.
    void print_kept(const std::string& mask) {
        if (ellipsis_) {
            std::vector<std::size_t> all;
            for (std::size_t i = 0; i < tensors().size(); ++i) {
                all.push_back(i);
                add("uint " + kept_address(i) + " = call.tensors[" + text_of(i) + "].head.x;");
            }
            print_axes("rest", mask, all, true);
            return;
        }
        const std::vector<std::string> names = file_.signature.index_names();
        std::vector<std::size_t> numbers;
        for (std::size_t k = 0; k < names.size(); ++k) {
            if (!is_contracted(names[k]) && !(lowered_.fixed >> k & 1u)) numbers.push_back(k);
        }
        print_named("rest", numbers);
        if (leads_ && !contracts_leading()) {
            std::vector<std::size_t> all;
            for (std::size_t i = 0; i < tensors().size(); ++i) all.push_back(i);
            print_leading("rest", all);
        }
    }

    bool contracts_leading() const { return file_.signature.contracts_ellipsis && kind() == FunctionKind::accumulate; }

    /// offset_1 of the tensors `moved`, moved along the axes of the ellipsis, which are behind the named ones.
    void print_leading(const std::string& source, const std::vector<std::size_t>& moved) {
        const std::string first = text_of(file_.signature.index_names().size()) + "u";
        for (const std::size_t i : moved) {
            leading_.insert(i);
            add("uint offset_" + text_of(i) + " = call.tensors[" + text_of(i) + "].head.x;");
        }
        add("for (uint k = call.rank; k-- > " + first + ";) {");
        add("uint c = " + source + ";");
        add("if (k > " + first + ") {");
        add(source + " /= " + word("call.size") + ";");
        add("c -= " + source + " * " + word("call.size") + ";");
        add("}");
        for (const std::size_t i : moved) {
            add("{");
            add("const uint axis = k - " + first + " + " + text_of(own_axes(i)) + "u;");
            add("offset_" + text_of(i) + " += c * call.tensors[" + text_of(i) + "].stride[axis >> 2][axis & 3u];");
            add("}");
        }
        add("}");
    }

    /// Axes of tensor `i` that the signature names.
    std::size_t own_axes(std::size_t i) const {
        const FunctionTensor& tensor = tensors()[i];
        if (tensor.is_state) return file_.signature.outputs.front().named().size();
        for (const auto* const accesses : {&file_.signature.outputs, &file_.signature.inputs}) {
            for (const Access& access : *accesses) {
                if (access.tensor == tensor.name) return access.named().size();
            }
        }
        return 0;
    }

    /// The contracted indices from `point`.
    void print_contracted() {
        add("uint inner = point;");
        if (!ellipsis_) {
            const std::vector<std::string> names = file_.signature.index_names();
            std::vector<std::size_t> numbers;
            for (std::size_t k = 0; k < names.size(); ++k) {
                if (is_contracted(names[k])) numbers.push_back(k);
            }
            print_named("inner", numbers);
            if (leads_ && contracts_leading()) {
                std::vector<std::size_t> inputs;
                for (std::size_t i = 1; i < tensors().size(); ++i) inputs.push_back(i);
                print_leading("inner", inputs);
            }
            return;
        }
        std::vector<std::size_t> inputs;
        for (std::size_t i = 1; i < tensors().size(); ++i) {
            inputs.push_back(i);
            add("uint a" + text_of(i) + " = " + kept_address(i) + ";");
        }
        if (lowered_.uses_position) add("int64_t position = 0L, weight = 1L;");
        print_axes("inner", "call.contracted", inputs, false);
    }

    /// u_x of the indices `numbers` from `source`, the last one fastest. The slowest of all needs no division.
    void print_named(const std::string& source, const std::vector<std::size_t>& numbers) {
        const std::vector<std::string> names = file_.signature.index_names();
        for (std::size_t i = numbers.size(); i-- > 0;) {
            const std::string size = glsl_word("call.size", numbers[i]);
            const std::string from =
                "const uint " + low_name(names[numbers[i]]) + " = " + glsl_word("call.lo", numbers[i]);
            const bool more = i > 0 || leads_;
            add(from + " + " + source + (more ? " % " + size : "") + ";");
            if (more) add(source + " /= " + size + ";");
            if (widths_.wide(names[numbers[i]])) add(glsl_index(names[numbers[i]], numbers[i]));
        }
    }

    /// Moves the addresses of the tensors `moved` along the axes in `mask`, whose coordinates are in `source`.
    void print_axes(const std::string& source, const std::string& mask, const std::vector<std::size_t>& moved,
                    bool kept) {
        add("for (uint left = " + mask + "; left != 0u;) {");
        add("const uint k = uint(findMSB(left));");
        add("left ^= 1u << k;");
        add("uint c = " + source + ";");
        // The slowest axis needs no division, and often there is no other.
        add("if (left != 0u) {");
        add(source + " /= " + word("call.size") + ";");
        add("c -= " + source + " * " + word("call.size") + ";");
        add("}");
        if (!kept && lowered_.uses_position) {
            add("position += weight * (join_i64(" + word("call.lo") + ", " + word("call.lo_high") + ") + int64_t(c));");
            add("weight *= join_i64(" + word("call.extent") + ", " + word("call.extent_high") + ");");
        }
        add("c += " + word("call.lo") + ";");
        for (const std::size_t i : moved) {
            const std::string address = kept ? kept_address(i) : "a" + text_of(i);
            add(address + " += c * " + word("call.tensors[" + text_of(i) + "].stride") + ";");
        }
        add("}");
    }

    /// The name of the address of tensor `i` before the contracted axes are added.
    std::string kept_address(std::size_t i) const {
        const bool moves = kind() == FunctionKind::accumulate && i > 0;
        return (moves ? "b" : "a") + text_of(i);
    }

    /// The number of contracted points.
    void print_count() {
        if (ellipsis_) {
            add("uint count = 1u;");
            add("for (uint left = call.contracted; left != 0u; left &= left - 1u) {");
            add("const uint k = uint(findLSB(left));");
            add("count *= " + word("call.size") + ";");
            add("}");
            return;
        }
        const std::vector<std::string> names = file_.signature.index_names();
        std::string product;
        for (std::size_t k = 0; k < names.size(); ++k) {
            if (is_contracted(names[k])) product += (product.empty() ? "" : " * ") + glsl_word("call.size", k);
        }
        add((contracts_leading() ? "uint count = " : "const uint count = ") + (product.empty() ? "1u" : product) + ";");
        if (!contracts_leading()) return;
        add("for (uint k = " + text_of(names.size()) + "u; k < call.rank; ++k) count *= " + word("call.size") + ";");
    }

    // States.

    std::string state_place(const std::string& more) const { return place(state_number(), more); }

    /// "t0[a0 + …]": the state at the kept point.
    std::string place(std::size_t tensor, const std::string& more) const {
        const std::string number = text_of(tensor);
        if (ellipsis_) return "t" + number + "[a" + number + more + "]";
        std::string text = "t" + number + "[offset_" + number;
        const std::vector<Subscript> subscripts = file_.signature.outputs.front().named();
        for (std::size_t axis = 0; axis < subscripts.size(); ++axis) {
            text +=
                " + stride_" + number + "_" + text_of(axis) + " * " + low_name(subscripts[axis].terms.front().index);
        }
        return text + more + "]";
    }

    void declare_members() {
        for (const TypedMember& member : variant_.members)
            add(glsl_type(member.type) + " " + member_name(member.name) + ";");
    }

    void load_members(std::string (*name)(const std::string&), const std::string& from) {
        for (const TypedMember& member : variant_.members) {
            add("const " + glsl_type(member.type) + " " + name(member.name) + " = " +
                glsl_loaded(from + "." + member_name(member.name), member.type) + ";");
        }
    }

    void store_members(const std::string& to) {
        for (const TypedMember& member : variant_.members) {
            const std::string name = member_name(member.name);
            add(to + "." + name + " = " + glsl_stored(name, member.type) + ";");
        }
    }

    // Bodies.

    void print_body(FunctionKind body) {
        const LoweredFunction lowered = lower(*variant_.function(body), file_);
        GlslPrinter(lowered).print(lowered.function.body, code_);
    }

    void print_scope(FunctionKind body) {
        add("{");
        print_body(body);
        add("}");
    }

    const Variant& variant_;
    const KernelFile& file_;
    const LoweredFunction lowered_;
    const Widths widths_;
    const bool ellipsis_;            ///< no index has a name
    const bool leads_;               ///< an ellipsis stands before names
    std::set<std::size_t> leading_;  ///< tensors whose offset_1 is a variable of the code
    Lines code_;
};

}  // namespace

std::string main_text(const Function& function, const Variant& variant, const KernelFile& file) {
    return MainPrinter(function, variant, file).print();
}

}  // namespace maniple::compiler
