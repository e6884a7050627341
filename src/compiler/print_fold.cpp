// `accumulate`: every point of the box into its state, in an order that the box alone decides: never the strides, the
// instruction set or the tile of somebody else.
#include "compiler/print_parts.hpp"

namespace maniple::compiler {

namespace {

/// Bodies as functions of one element: members by reference, inputs by a pointer to the element.
class ElementPrinter : public BodyPrinter {
public:
    using BodyPrinter::BodyPrinter;

protected:
    std::string element(const Expression& element) const override {
        return "p" + std::to_string(element.stream) + "[0" + remainder(element) + "]";
    }
    std::string member(const Expression& variable) const override {
        return (variable.role == Role::other ? "o_" : "m_") + cpp_name(variable.name);
    }
};

class AccumulatePrinter {
public:
    AccumulatePrinter(const Variant& variant, std::size_t number, const KernelFile& file, Lines& lines)
        : variant_(variant), n_(std::to_string(number)), number_(number), file_(file), lines_(lines),
          accumulate_(lower(*variant.function(FunctionKind::accumulate), file)) {}

    void print() {
        const bool coordinates = accumulate_.uses_indices || accumulate_.uses_position;
        print_element_function("add", FunctionKind::accumulate);
        if (coordinates || !file_.fold.commutative) print_plain();
        if (!coordinates && file_.fold.commutative) {
            print_element_function("begin", FunctionKind::init);
            print_element_function("join", FunctionKind::merge);
            print_lanes_struct();
            print_few();
            print_run();
            print_lanes();
        }
        if (!coordinates) print_kept();
        print_entry(coordinates);
    }

private:
    void add(const std::string& text) { lines_.add(text); }

    /// ", const float alpha_": the parameters as they are handed on; with values only, ", alpha_".
    std::string parameters(bool types) const {
        std::string text;
        for (const ParameterDeclaration& parameter : file_.parameters) {
            std::string type = "const i64 ";
            if (parameter.type == ParameterDeclaration::Type::real) type = "const " + cpp_type(variant_.real) + " ";
            if (parameter.type == ParameterDeclaration::Type::boolean) type = "const bool ";
            text += ", " + (types ? type : std::string()) + cpp_name(parameter.name);
        }
        return text;
    }

    std::string input_type(std::size_t stream) const {
        const int tensor = accumulate_.streams[stream].tensor;
        return "const " + tensor_type(accumulate_.function.tensors[static_cast<std::size_t>(tensor)], number_) + "*";
    }

    std::string row_start(std::size_t stream) const {
        const std::string type = stream == 0 ? state_name(number_) + "*" : input_type(stream);
        return "(" + type + ")call->tensors[" + std::to_string(accumulate_.streams[stream].tensor) +
               "].data + w.start[" + std::to_string(stream) + "]";
    }

    /// The loop indices as constants, where the body of an element asks for them.
    void print_coordinates() {
        if (!accumulate_.uses_indices) return;
        const std::vector<std::string> names = file_.signature.index_names();
        for (std::size_t k = 0; k < names.size(); ++k) {
            if (accumulate_.fixed >> k & 1u) continue;
            add("const i64 " + cpp_name(names[k]) + " = at[" + cpp_place(file_, k) + "];");
        }
    }

    /// add_0(call, at, parameters, members, [inputs]), begin_0(…, members), join_0(…, members, other's members)
    void print_element_function(const std::string& word, FunctionKind kind) {
        std::string text = "MANIPLE_INLINE void " + word + "_" + n_ + "(const maniple_call* call, const i64* at";
        text += parameters(true);
        for (const TypedMember& member : variant_.members)
            text += ", " + cpp_type(member.type) + "& m_" + cpp_name(member.name);
        if (kind == FunctionKind::merge) {
            for (const TypedMember& member : variant_.members) {
                text += ", const " + cpp_type(member.type) + " o_" + cpp_name(member.name);
            }
        }
        if (kind == FunctionKind::accumulate) {
            for (std::size_t s = 1; s < accumulate_.streams.size(); ++s)
                text += ", " + input_type(s) + " p" + std::to_string(s);
        }
        add(text + ") {");
        add("(void)call, (void)at;");
        const LoweredFunction lowered = lower(*variant_.function(kind), file_);
        if (kind == FunctionKind::accumulate) print_coordinates();
        ElementPrinter(lowered, file_).print(lowered.function.body, lines_);
        add("}");
        add("");
    }

    /// The members of the state at `place`, "lanes.s_[l]" or "r0->s_".
    std::string members(const std::string& before, const std::string& behind) const {
        std::string text;
        for (const TypedMember& member : variant_.members) text += ", " + before + cpp_name(member.name) + behind;
        return text;
    }

    std::string inputs(const std::string& index) const {
        std::string text;
        for (std::size_t s = 1; s < accumulate_.streams.size(); ++s) {
            const std::string number = std::to_string(s);
            text += ", r" + number + " + " + index + " * a" + number;
        }
        return text;
    }

    std::string add_call(const std::string& at, const std::string& members, const std::string& index) const {
        return "add_" + n_ + "(call, " + at + parameters(false) + members + inputs(index) + ");";
    }

    std::string walk_type() const { return "Walk<" + std::to_string(accumulate_.streams.size()) + ">"; }

    /// "i64 A0, i64 A1" from stream `first` on, or what `text` makes of the number.
    template <class Text>
    std::string for_streams(std::size_t first, const Text& text) const {
        std::string result;
        for (std::size_t s = first; s < accumulate_.streams.size(); ++s) {
            result += (result.empty() ? "" : ", ") + text(std::to_string(s));
        }
        return result;
    }

    void print_steps(std::size_t first) {
        for (std::size_t s = first; s < accumulate_.streams.size(); ++s) {
            const std::string n = std::to_string(s);
            add("const i64 a" + n + " = A" + n + " == any ? inner_step(w, " + n + ") : A" + n + ";");
        }
    }

    void begin_template(const std::string& word, std::size_t first) {
        const std::string list = for_streams(first, [](const std::string& n) { return "i64 A" + n; });
        if (!list.empty()) add("template <" + list + ">");
        add("void " + word + "_" + n_ + "(" + walk_type() + " w, const maniple_call* call) {");
        print_parameters(file_, variant_, lines_);
        print_steps(first);
    }

    /// One element after the other in row-major order.
    void print_plain() {
        begin_template("plain", 0);
        add("const int inner = w.rank - 1;");
        add("i64 at[MANIPLE_MAX_RANK] = {};");
        add("do {");
        for (std::size_t s = 0; s < accumulate_.streams.size(); ++s) {
            add((s == 0 ? state_name(number_) + "*" : input_type(s)) + " r" + std::to_string(s) + " = " + row_start(s) +
                ";");
        }
        add("for (int k = 0; k < call->rank; ++k) at[k] = call->lo[k] + w.at[k];");
        add("for (i64 i = 0; i < w.count[inner]; ++i) {");
        add("if (call->rank > 0) at[inner] = call->lo[inner] + i;");
        add(add_call("at", members("r0[i * a0].", ""), "i"));
        add("}");
        add("} while (next(w, 0, inner));");
        add("}");
        add("");
    }

    /// The innermost index is kept: rows of states stay in the second-level cache while the contracted indices run.
    void print_kept() {
        begin_template("kept", 0);
        add("const i64 all = w.count[w.rank - 1];");
        add("const i64 block = 8192;");
        add("for (i64 first = 0; first < all; first += block) {");
        add("const i64 count = all - first < block ? all - first : block;");
        add("do {");
        for (std::size_t s = 0; s < accumulate_.streams.size(); ++s) {
            const std::string n = std::to_string(s);
            add((s == 0 ? state_name(number_) + "* __restrict" : input_type(s)) + " r" + n + " = " + row_start(s) +
                " + first * a" + n + ";");
        }
        if (!accumulate_.has_loops) add("#pragma omp simd");
        add("for (i64 i = 0; i < count; ++i) {");
        add(add_call("nullptr", members("r0[i * a0].", ""), "i"));
        add("}");
        add("} while (next(w, 0, w.rank - 1));");
        add("}");
        add("}");
        add("");
    }

    /// Sixteen partial states: element e of a group goes to number e mod 16, whatever the width of a register.
    void print_lanes_struct() {
        add("struct Lanes_" + n_ + " {");
        for (const TypedMember& member : variant_.members)
            add(cpp_type(member.type) + " " + cpp_name(member.name) + "[16];");
        add("};");
        add("");
        add("MANIPLE_OUTLINE void fresh_" + n_ + "(Lanes_" + n_ + "& lanes, const maniple_call* call" +
            parameters(true) + ") {");
        add("for (int l = 0; l < 16; ++l) {");
        add("begin_" + n_ + "(call, nullptr" + parameters(false) + members("lanes.", "[l]") + ");");
        add("}");
        add("}");
        add("");
        add("MANIPLE_OUTLINE void tree_" + n_ + "(Lanes_" + n_ + "& lanes, const int used, const maniple_call* call" +
            parameters(true) + ") {");
        add("for (int half = 8; half > 0; half /= 2) {");
        add("for (int l = 0; l < half && l + half < used; ++l) {");
        add("join_" + n_ + "(call, nullptr" + parameters(false) + members("lanes.", "[l]") +
            members("lanes.", "[l + half]") + ");");
        add("}");
        add("}");
        add("}");
        add("");
    }

    /// ", r1, a1": the inputs' rows and steps as they are handed on.
    std::string rows(bool types) const {
        std::string text;
        for (std::size_t s = 1; s < accumulate_.streams.size(); ++s) {
            const std::string n = std::to_string(s);
            text += types ? ", " + input_type(s) + " r" + n + ", const i64 a" + n : ", r" + n + ", a" + n;
        }
        return text;
    }

    /// The elements of a row before and behind its groups of sixteen.
    void print_few() {
        add("MANIPLE_OUTLINE void few_" + n_ + "(Lanes_" + n_ +
            "& lanes, int l, i64 i, const i64 end, const maniple_call* call" + parameters(true) + rows(true) + ") {");
        add("for (; i < end; ++l, ++i) {");
        add(add_call("nullptr", members("lanes.", "[l]"), "i"));
        add("}");
        add("}");
        add("");
    }

    void print_run() {
        const std::string handed = ", call" + parameters(false) + rows(false) + ");";
        add("MANIPLE_INLINE void run_" + n_ + "(Lanes_" + n_ + "& lanes, const int phase, const i64 count, " +
            "const maniple_call* call" + parameters(true) + rows(true) + ") {");
        add("i64 i = 0;");
        add("if (phase != 0) {");
        add("i = 16 - phase < count ? 16 - phase : count;");
        add("few_" + n_ + "(lanes, phase, 0, i" + handed);
        add("}");
        add("if (count - i >= 16) {");
        add("Lanes_" + n_ + " local = lanes;  // constant subscripts only, so that it lives in registers");
        add("for (; i + 16 <= count; i += 16) {");
        if (!accumulate_.has_loops) add("#pragma omp simd");
        add("for (int l = 0; l < 16; ++l) {");
        add(add_call("nullptr", members("local.", "[l]"), "(i + l)"));
        add("}");
        add("}");
        add("lanes = local;");
        add("}");
        add("if (i < count) few_" + n_ + "(lanes, 0, i, count" + handed);
        add("}");
        add("");
    }

    /// The innermost index is contracted: for every run of contracted axes sixteen partial states, joined as a tree.
    void print_lanes() {
        begin_template("lanes", 1);
        add("int group = w.rank - 1;");
        add("while (group > 0 && w.step[0][group - 1] == 0) --group;");
        add("do {");
        add("Lanes_" + n_ + " lanes;");
        add("fresh_" + n_ + "(lanes, call" + parameters(false) + ");");
        add("const i64 count = w.count[w.rank - 1];");
        add("i64 done = 0;");
        add("do {");
        std::string call = "run_" + n_ + "(lanes, (int)(done & 15), count, call" + parameters(false);
        for (std::size_t s = 1; s < accumulate_.streams.size(); ++s) {
            call += ", " + row_start(s) + ", a" + std::to_string(s);
        }
        add(call + ");");
        add("done += count;");
        add("} while (next(w, group, w.rank - 1));");
        add("tree_" + n_ + "(lanes, done < 16 ? (int)done : 16, call" + parameters(false) + ");");
        add(state_name(number_) + "* r0 = " + row_start(0) + ";");
        add("join_" + n_ + "(call, nullptr" + parameters(false) + members("r0->", "") + members("lanes.", "[0]") +
            ");");
        add("} while (next(w, 0, group));");
        add("}");
        add("");
    }

    /// With named indices: whether the last output index is the one that memory runs along.
    bool keeps_inner() const {
        const std::vector<Subscript> output = file_.signature.outputs.front().named();
        if (output.empty()) return false;
        const std::string& index = output.back().terms.front().index;
        for (const Access& access : file_.signature.inputs) {
            if (access.subscripts.empty()) continue;
            for (const Subscript::Term& term : access.subscripts.back().terms) {
                if (term.index == index) return true;
            }
        }
        return false;
    }

    /// Without a name the innermost index is one of the ellipsis.
    std::string step_of(const Stream& stream, const std::string& inner) const {
        const bool unnamed = stream.ellipsis || (inner.empty() && file_.signature.has_ellipsis());
        return unnamed ? "1" : unit_step(stream, inner);
    }

    std::string pattern(std::size_t first, const std::string& inner) const {
        std::string text;
        for (std::size_t s = first; s < accumulate_.streams.size(); ++s) {
            const Stream& stream = accumulate_.streams[s];
            text += (text.empty() ? "" : ", ") + step_of(stream, inner);
        }
        return text;
    }

    std::string condition(std::size_t first, const std::string& inner) const {
        std::string text;
        for (std::size_t s = first; s < accumulate_.streams.size(); ++s) {
            const Stream& stream = accumulate_.streams[s];
            const std::string step = step_of(stream, inner);
            if (step == "any") continue;
            text += (text.empty() ? "" : " && ") + ("inner_step(w, " + std::to_string(s)) + ") == " + step;
        }
        return text;
    }

    std::string generic_call(const std::string& word, std::size_t first) const {
        const std::string generic = for_streams(first, [](const std::string&) { return std::string("any"); });
        return word + "_" + n_ + "<" + generic + ">(w, call);";
    }

    /// Calls `word`_N<…> for the strides that the innermost index `inner` has, else for any.
    void print_choice(const std::string& word, std::size_t first, const std::string& inner) {
        const std::string unit = condition(first, inner);
        if (!unit.empty()) {
            add("if (" + unit + ") return " + word + "_" + n_ + "<" + pattern(first, inner) + ">(w, call);");
        }
        add("return " + generic_call(word, first));
    }

    void print_entry(bool coordinates) {
        add("void accumulate_" + n_ + "(const maniple_call* call) {");
        print_parameters(file_, variant_, lines_);
        print_walk(accumulate_, file_, lines_);
        if (coordinates) {
            add("give_rank(w);");
            add(generic_call("plain", 0));
        } else {
            print_order();
        }
        add("}");
        add("");
    }

    void print_order() {
        const bool named = !accumulate_.streams.front().ellipsis;
        add("drop_by_extent(w, call);");
        if (named && keeps_inner()) {
            add("put_last(w, " + cpp_place(file_, file_.signature.outputs.front().named().size() - 1) + ");");
        }
        add("settle(w);");
        add("if (inner_step(w, 0) != 0) {");
        print_choice("kept", 0, named ? inner_index(file_, FunctionKind::init) : "");
        add("}");
        if (file_.fold.commutative) {
            print_choice("lanes", 1, named ? inner_index(file_, FunctionKind::accumulate) : "");
        } else {
            add(generic_call("plain", 0));
        }
    }

    const Variant& variant_;
    const std::string n_;
    const std::size_t number_;
    const KernelFile& file_;
    Lines& lines_;
    const LoweredFunction accumulate_;
};

}  // namespace

void print_accumulate(const Variant& variant, std::size_t number, const KernelFile& file, Lines& lines) {
    AccumulatePrinter(variant, number, file, lines).print();
}

}  // namespace maniple::compiler
