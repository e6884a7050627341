#include "kernel/signature.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "kernel/signature_check.hpp"

namespace maniple {

namespace {

constexpr std::string_view plus_minus = "\xC2\xB1";  // '±' in UTF-8

int column_of(std::string_view text, std::size_t offset) {
    int column = 1;
    for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) ++column;
    }
    return column;
}

[[noreturn]] void fail_at(std::string_view text, std::size_t offset, const std::string& message) {
    throw JobError(Place{"", 1, column_of(text, offset), 1, std::string(text)}, message);
}

/// A recursive descent over one line of text; every method leaves `at_` behind what it has read.
class SignatureParser {
public:
    explicit SignatureParser(std::string_view text) : text_(text) {}

    Signature parse(SignaturePlaces& places) {
        Signature signature;
        signature.text = std::string(text_);
        if (!next_is("->")) read_accesses(signature.inputs, places.inputs);
        expect("->", "'->'");
        read_accesses(signature.outputs, places.outputs);
        if (take(":")) {
            do { read_qualifier(signature, places); } while (take(","));
        }
        skip_blanks();
        if (at_ < text_.size()) fail("expected the end of the signature");
        return signature;
    }

private:
    [[noreturn]] void fail(const std::string& message) const { fail_at(text_, at_, message); }

    void skip_blanks() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    }

    bool next_is(std::string_view word) {
        skip_blanks();
        return text_.substr(at_, word.size()) == word;
    }

    bool take(std::string_view word) {
        if (!next_is(word)) return false;
        at_ += word.size();
        return true;
    }

    void expect(std::string_view word, const std::string& what) {
        if (!take(word)) fail("expected " + what);
    }

    bool next_is_name() {
        skip_blanks();
        if (at_ >= text_.size()) return false;
        const auto c = static_cast<unsigned char>(text_[at_]);
        return std::isalpha(c) || c == '_';
    }

    bool next_is_digit() {
        skip_blanks();
        return at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]));
    }

    std::string read_name(const std::string& what) {
        if (!next_is_name()) fail("expected " + what);
        const std::size_t start = at_;
        while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
        return std::string(text_.substr(start, at_ - start));
    }

    std::int64_t read_number() {
        std::int64_t value = 0;
        const char* const start = text_.data() + at_;
        const auto [end, error] = std::from_chars(start, text_.data() + text_.size(), value);
        if (error != std::errc{} || value > 1'000'000) fail("this number is too large for a subscript");
        at_ += static_cast<std::size_t>(end - start);
        return value;
    }

    void read_accesses(std::vector<Access>& accesses, std::vector<SignaturePlaces::Access>& places) {
        do {
            SignaturePlaces::Access& place = places.emplace_back();
            accesses.push_back(read_access(place));
        } while (take(","));
    }

    Access read_access(SignaturePlaces::Access& place) {
        Access access;
        skip_blanks();
        place.tensor = at_;
        access.tensor = read_name("the name of a tensor");
        expect("[", "'[' after the name of a tensor");
        if (take("]")) return access;
        do {
            skip_blanks();
            place.subscripts.push_back(at_);
            access.subscripts.push_back(read_subscript());
        } while (take(","));
        expect("]", "',' or ']'");
        return access;
    }

    Subscript read_subscript() {
        Subscript subscript;
        if (take("...")) {
            subscript.kind = Subscript::Kind::ellipsis;
        } else if (take("*")) {
            subscript.kind = Subscript::Kind::whole;
        } else {
            read_affine(subscript);
        }
        return subscript;
    }

    void read_affine(Subscript& subscript) {
        std::int64_t sign = take("-") ? -1 : 1;
        read_term(subscript, sign);
        for (;;) {
            if (take(plus_minus) || take("+-")) {
                read_halo(subscript);
                return;
            }
            if (take("+")) {
                sign = 1;
            } else if (!next_is("->") && take("-")) {
                sign = -1;
            } else {
                return;
            }
            read_term(subscript, sign);
        }
    }

    /// What of a product is an index and what a parameter is decided when all names are known.
    void read_term(Subscript& subscript, std::int64_t sign) {
        skip_blanks();
        const std::size_t start = at_;
        std::vector<std::string> names;
        std::int64_t coefficient = sign;
        std::size_t name_at = at_;
        do {
            skip_blanks();
            if (next_is_digit()) {
                coefficient *= read_number();
                if (std::abs(coefficient) > 1'000'000)
                    fail_at(text_, start, "this number is too large for a subscript");
            } else if (next_is_name()) {
                name_at = names.empty() ? at_ : name_at;
                names.push_back(read_name("an index"));
            } else {
                fail("expected a subscript: an index, a number, '*' or '...'");
            }
        } while (take("*"));
        if (names.size() > 2) fail_at(text_, start, "a term has at most one index and one parameter");
        if (names.empty()) {
            subscript.offset += coefficient;
        } else {
            add_term(subscript, coefficient, names, name_at);
        }
    }

    void add_term(Subscript& subscript, std::int64_t coefficient, const std::vector<std::string>& names,
                  std::size_t start) {
        const std::string second = names.size() > 1 ? names[1] : "";
        for (const Subscript::Term& term : subscript.terms) {
            const bool same = term.index == names[0] && term.parameter == second;
            if (same) fail_at(text_, start, "index '" + names[0] + "' occurs twice in this subscript");
        }
        if (coefficient == 0) fail_at(text_, start, "index '" + names[0] + "' has coefficient 0");
        subscript.terms.push_back({coefficient, names[0], second});
    }

    void read_halo(Subscript& subscript) {
        if (next_is_digit()) {
            subscript.halo = read_number();
            if (subscript.halo == 0) fail("the width behind '±' must be at least 1");
        } else {
            subscript.halo_parameter = read_name("a number or a parameter behind '±'");
        }
    }

    static std::optional<Rearrangement> rearrangement_of(std::string_view word) {
        if (word == "permuted") return Rearrangement::permuted;
        if (word == "sliced") return Rearrangement::sliced;
        if (word == "reshaped") return Rearrangement::reshaped;
        if (word == "joined") return Rearrangement::joined;
        return std::nullopt;
    }

    void read_qualifier(Signature& signature, SignaturePlaces& places) {
        skip_blanks();
        const std::size_t start = at_;
        const std::string word = read_name("sum(…), max(…), min(…), fold(…), whole(…) or irregular");
        if (word == "irregular") {
            if (signature.irregular) fail_at(text_, start, "'irregular' is written twice");
            signature.irregular = true;
        } else if (const std::optional<Rearrangement> rearrangement = rearrangement_of(word)) {
            if (signature.rearrangement != Rearrangement::none) fail_at(text_, start, "a kernel rearranges in one way");
            signature.rearrangement = *rearrangement;
            places.rearrangement = start;
        } else if (word == "whole") {
            if (!signature.whole.empty()) fail_at(text_, start, "'whole' is written twice");
            expect("(", "'('");
            read_names(signature.whole, places.whole);
        } else if (word == "sum" || word == "max" || word == "min" || word == "fold") {
            if (!signature.fold.empty()) fail_at(text_, start, "a kernel has one fold");
            signature.fold = word;
            places.fold = start;
            read_contracted(signature, places);
        } else {
            fail_at(text_, start,
                    "unknown qualifier '" + word +
                        "': sum, max, min, fold, whole, irregular, permuted, sliced, reshaped or joined");
        }
    }

    /// `(k, l)`, `(...)`, `(..., k)`
    void read_contracted(Signature& signature, SignaturePlaces& places) {
        expect("(", "'('");
        if (take("...")) {
            signature.contracts_ellipsis = true;
            if (take(")")) return;
            expect(",", "',' or ')'");
        }
        read_names(signature.contracted, places.contracted);
    }

    void read_names(std::vector<std::string>& names, std::vector<std::size_t>& places) {
        do {
            skip_blanks();
            const std::size_t start = at_;
            const std::string name = read_name("an index");
            if (std::find(names.begin(), names.end(), name) != names.end()) {
                fail_at(text_, start, "index '" + name + "' is written twice");
            }
            names.push_back(name);
            places.push_back(start);
        } while (take(","));
        expect(")", "',' or ')'");
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

void add_once(std::vector<std::string>& names, const std::string& name) {
    if (!has(names, name)) names.push_back(name);
}

std::vector<std::string> distinct_tensors(const std::vector<Access>& accesses) {
    std::vector<std::string> names;
    for (const Access& access : accesses) add_once(names, access.tensor);
    return names;
}

void add_indices(std::vector<std::string>& names, const std::vector<Access>& accesses) {
    for (const Access& access : accesses) {
        for (const Subscript& subscript : access.subscripts) {
            for (const Subscript::Term& term : subscript.terms) add_once(names, term.index);
        }
    }
}

/// Names that mean an index wherever they stand: of outputs and qualifiers.
std::vector<std::string> certain_indices(const Signature& signature) {
    std::vector<std::string> names = signature.contracted;
    for (const std::string& name : signature.whole) names.push_back(name);
    add_indices(names, signature.outputs);
    return names;
}

/// Tells the indices and the parameters of a subscript apart. Where it has no index, its names stay: they lack a meaning.
void find_parameters(Subscript& subscript, const std::vector<std::string>& indices, const SignatureFail& fail,
                     std::size_t place) {
    bool any = false;
    for (const Subscript::Term& term : subscript.terms)
        any = any || has(indices, term.index) || has(indices, term.parameter);
    if (!any) return;
    std::vector<Subscript::Term> terms;
    for (Subscript::Term term : subscript.terms) {
        if (has(indices, term.parameter)) std::swap(term.index, term.parameter);
        if (has(indices, term.parameter)) {
            fail(place, "'" + term.index + "' and '" + term.parameter + "' are both indices: a term has one");
        }
        if (has(indices, term.index)) {
            terms.push_back(term);
        } else {
            if (!term.parameter.empty()) fail(place, "a product of parameters has an index, too");
            subscript.parameter_offsets.push_back({term.coefficient, term.index});
        }
    }
    for (std::size_t i = 0; i < terms.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            if (terms[i].index == terms[k].index) {
                fail(place, "index '" + terms[i].index + "' occurs twice in this subscript");
            }
        }
    }
    subscript.terms = std::move(terms);
}

}  // namespace

std::string_view Subscript::index_alone() const {
    const bool alone = kind == Kind::affine && terms.size() == 1 && terms[0].coefficient == 1 &&
                       terms[0].parameter.empty() && offset == 0 && parameter_offsets.empty();
    return alone ? std::string_view(terms[0].index) : std::string_view();
}

std::vector<std::string> Subscript::parameters() const {
    std::vector<std::string> names;
    for (const Term& term : terms) {
        if (!term.parameter.empty()) add_once(names, term.parameter);
    }
    for (const ParameterOffset& each : parameter_offsets) add_once(names, each.parameter);
    if (!halo_parameter.empty()) add_once(names, halo_parameter);
    return names;
}

bool Access::has_ellipsis() const {
    return std::any_of(subscripts.begin(), subscripts.end(),
                       [](const Subscript& subscript) { return subscript.kind == Subscript::Kind::ellipsis; });
}

std::vector<Subscript> Access::named() const {
    std::vector<Subscript> result = subscripts;
    std::erase_if(result, [](const Subscript& each) { return each.kind == Subscript::Kind::ellipsis; });
    return result;
}

bool Signature::has_ellipsis() const {
    const auto any = [](const std::vector<Access>& accesses) {
        return std::any_of(accesses.begin(), accesses.end(),
                           [](const Access& access) { return access.has_ellipsis(); });
    };
    return any(inputs) || any(outputs);
}

bool Signature::only_ellipses() const {
    const auto all = [](const std::vector<Access>& accesses) {
        return std::all_of(accesses.begin(), accesses.end(),
                           [](const Access& access) { return access.subscripts.size() == 1 && access.has_ellipsis(); });
    };
    return !outputs.empty() && all(inputs) && all(outputs);
}

std::vector<std::string> Signature::input_names() const { return distinct_tensors(inputs); }

std::vector<std::string> Signature::output_names() const { return distinct_tensors(outputs); }

bool Signature::has_halo() const {
    for (const Access& access : inputs) {
        for (const Subscript& subscript : access.subscripts) {
            if (subscript.has_halo()) return true;
        }
    }
    return false;
}

bool Signature::may_leave() const {
    if (rearrangement == Rearrangement::joined) return true;
    for (const Access& access : inputs) {
        for (const Subscript& subscript : access.subscripts) {
            if (subscript.has_halo() || subscript.offset < 0 || !subscript.parameter_offsets.empty()) return true;
        }
    }
    return false;
}

std::vector<std::string> Signature::index_names() const {
    std::vector<std::string> names;
    add_indices(names, outputs);
    if (!contracted_by_axis) {
        for (const std::string& name : contracted) add_once(names, name);
    }
    add_indices(names, inputs);
    return names;
}

Signature parse_signature(std::string_view text) {
    SignaturePlaces places;
    Signature signature = SignatureParser(text).parse(places);
    signature.contracted_by_axis =
        signature.only_ellipses() && signature.contracted == std::vector<std::string>{"axis"};
    const SignatureFail fail = [&](std::size_t offset, const std::string& message) { fail_at(text, offset, message); };
    const std::vector<std::string> indices = certain_indices(signature);
    for (std::size_t i = 0; i < signature.inputs.size(); ++i) {
        std::vector<Subscript>& subscripts = signature.inputs[i].subscripts;
        for (std::size_t k = 0; k < subscripts.size(); ++k)
            find_parameters(subscripts[k], indices, fail, places.inputs[i].subscripts[k]);
    }
    check_signature(signature, places, fail);
    return signature;
}

}  // namespace maniple
