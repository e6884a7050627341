// Elements and their subscripts: what a body may touch is what its signature says.
#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"
#include "compiler/checker.hpp"

namespace maniple::compiler {

void Affine::add(const Affine& other, std::int64_t factor) {
    constant += factor * other.constant;
    for (const auto& [name, coefficient] : other.terms) {
        std::int64_t& term = terms[name];
        term += factor * coefficient;
        if (term == 0) terms.erase(name);
    }
}

std::vector<std::string> factors_of(const std::string& term) {
    std::vector<std::string> factors;
    for (std::size_t at = 0; at <= term.size();) {
        const std::size_t end = std::min(term.find('*', at), term.size());
        factors.push_back(term.substr(at, end - at));
        at = end + 1;
    }
    return factors;
}

std::string product_of(const std::string& a, const std::string& b) {
    std::vector<std::string> factors = factors_of(a);
    for (const std::string& factor : factors_of(b)) factors.push_back(factor);
    std::sort(factors.begin(), factors.end());
    return join(factors, "*");
}

namespace {

Affine affine_of(const Subscript& subscript) {
    Affine result;
    result.constant = subscript.offset;
    for (const Subscript::Term& term : subscript.terms) {
        const std::string product = term.parameter.empty() ? term.index : product_of(term.index, term.parameter);
        result.add(Affine{{{product, 1}}, 0}, term.coefficient);
    }
    for (const Subscript::ParameterOffset& each : subscript.parameter_offsets)
        result.add(Affine{{{each.parameter, 1}}, 0}, each.coefficient);
    return result;
}

void append(std::string& text, std::int64_t coefficient, const std::string& factor, const std::string& name) {
    if (coefficient < 0) text += '-';
    if (coefficient >= 0 && !text.empty()) text += '+';
    if (coefficient != 1 && coefficient != -1) text += std::to_string(std::abs(coefficient)) + "*";
    text += factor.empty() ? name : factor + "*" + name;
}

/// A subscript as it may be written in a signature.
std::string describe(const Subscript& subscript) {
    if (subscript.kind == Subscript::Kind::whole) return "*";
    if (subscript.kind == Subscript::Kind::ellipsis) return "...";
    std::string text;
    for (const Subscript::Term& term : subscript.terms) append(text, term.coefficient, term.parameter, term.index);
    for (const Subscript::ParameterOffset& each : subscript.parameter_offsets)
        append(text, each.coefficient, "", each.parameter);
    if (text.empty() || subscript.offset != 0) {
        if (!text.empty() && subscript.offset > 0) text += '+';
        text += std::to_string(subscript.offset);
    }
    if (subscript.halo > 0) text += "±" + std::to_string(subscript.halo);
    if (!subscript.halo_parameter.empty()) text += "±" + subscript.halo_parameter;
    return text;
}

std::string describe(const std::vector<Access>& accesses) {
    std::string text;
    for (const Access& access : accesses) {
        if (!text.empty()) text += ", ";
        text += access.tensor + "[";
        for (std::size_t i = 0; i < access.subscripts.size(); ++i) {
            if (i > 0) text += ", ";
            text += describe(access.subscripts[i]);
        }
        text += "]";
    }
    return text;
}

std::vector<Access> accesses_of(const std::vector<Access>& all, std::string_view tensor) {
    std::vector<Access> result;
    for (const Access& access : all) {
        if (access.tensor == tensor) result.push_back(access);
    }
    return result;
}

}  // namespace

int Checker::tensor_number(std::string_view name) const {
    for (std::size_t i = 0; i < function_.tensors.size(); ++i) {
        if (!function_.tensors[i].is_state && function_.tensors[i].name == name) return static_cast<int>(i);
    }
    return -1;
}

int Checker::index_number(std::string_view name) const {
    const std::vector<std::string> names = file_.signature.index_names();
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

bool Checker::is_whole(std::string_view name) const {
    const std::vector<std::string>& whole = file_.signature.whole;
    return std::find(whole.begin(), whole.end(), name) != whole.end();
}

void Checker::check_element(Expression& element, bool written) {
    const int number = tensor_number(element.name);
    if (number < 0) { fail(element.spot, "unknown tensor '" + element.name + "'"); }
    const FunctionTensor& tensor = function_.tensors[static_cast<std::size_t>(number)];
    if (written && !tensor.written) fail(element.spot, "'" + element.name + "' is an input and cannot be changed");
    if (!written && tensor.written) fail(element.spot, "'" + element.name + "' is an output and cannot be read");
    const std::vector<Access> declared =
        accesses_of(written ? file_.signature.outputs : file_.signature.inputs, element.name);
    const bool bracketed = element.kind == Expression::Kind::element;
    const std::size_t subscripts = declared.front().named().size();
    const bool bare = declared.front().has_ellipsis() && subscripts == 0;
    if (bare && bracketed) {
        fail(element.spot, "the elements of '" + element.name + "[...]' are named without brackets");
    }
    if (!bare && !bracketed) {
        fail(element.spot, "'" + element.name + "' needs its subscripts: " + describe(declared));
    }
    element.kind = Expression::Kind::element;
    element.role = Role::tensor;
    element.number = number;
    element.type = value_type(tensor.type);
    if (!bracketed) return;
    if (element.operands.size() != subscripts) {
        fail(element.spot, "'" + element.name + "' has " + std::to_string(subscripts) + " axes" +
                               (declared.front().has_ellipsis() ? " behind '...'" : "") + ", here are " +
                               std::to_string(element.operands.size()) + " subscripts");
    }
    // In `finish` the outputs' indices are no values, but they stand in the subscripts.
    check_subscripts(element);
    check_against_signature(element, declared);
}

void Checker::check_subscripts(Expression& element) {
    for (Expression& subscript : element.operands) {
        const bool output_index = subscript.kind == Expression::Kind::variable &&
                                  function_.kind == FunctionKind::finish && index_number(subscript.name) >= 0;
        if (output_index) {
            subscript.role = Role::index;
            subscript.number = index_number(subscript.name);
            subscript.type = ValueType::i64;
        } else {
            check_value(subscript);
            if (!is_integer(subscript.type) && subscript.type != ValueType::weak_integer) {
                fail(start_of(subscript), "a subscript is an integer, this is " + name_of(subscript.type));
            }
            coerce(subscript, ValueType::i64);
        }
        const std::optional<Affine> value = affine(subscript);
        element.axes.push_back({value.has_value(), value.value_or(Affine{})});
    }
}

void Checker::check_against_signature(const Expression& element, const std::vector<Access>& declared) const {
    std::vector<bool> fits_somewhere(element.axes.size(), false);
    for (const Access& access : declared) {
        const std::vector<Subscript> subscripts = access.named();
        bool all = true;
        for (std::size_t i = 0; i < element.axes.size(); ++i) {
            const bool fits = inside(element.axes[i], subscripts[i]);
            fits_somewhere[i] = fits_somewhere[i] || fits;
            all = all && fits;
        }
        if (all) return;
    }
    for (std::size_t i = 0; i < element.axes.size(); ++i) {
        if (fits_somewhere[i]) continue;
        const Spot spot = start_of(element.operands[i]);
        if (!element.axes[i].affine) {
            fail(spot, "this subscript is not affine in the indices; the signature reads " + describe(declared) +
                           ", only '*' takes any subscript");
        }
        fail(spot, "this subscript lies outside the signature: " + describe(declared));
    }
    fail(element.spot, "this element lies outside the signature: " + describe(declared));
}

/// Whether every value of `axis` is one that `subscript` covers.
bool Checker::inside(const Expression::Axis& axis, const Subscript& subscript) const {
    if (subscript.kind == Subscript::Kind::whole) return true;
    if (!axis.affine) return false;
    Affine difference = axis.value;
    difference.add(affine_of(subscript), -1);
    Affine halo{{}, subscript.halo};
    if (!subscript.halo_parameter.empty()) halo.add(Affine{{{subscript.halo_parameter, 1}}, 0}, 1);
    std::optional<Affine> above = bound(difference, true);
    std::optional<Affine> below = bound(difference, false);
    if (!above || !below) return false;
    above->add(halo, -1);
    below->add(halo, 1);
    return above->terms.empty() && above->constant <= 0 && below->terms.empty() && below->constant >= 0;
}

/// The largest (or smallest) value, with every loop variable replaced by the end of its range that gives it.
std::optional<Affine> Checker::bound(Affine value, bool upper) const {
    for (std::size_t i = locals_.size(); i-- > 0;) {
        const Local& variable = locals_[i];
        for (const auto& [term, coefficient] : value.terms) {
            const std::vector<std::string> factors = factors_of(term);
            const bool product =
                factors.size() > 1 && std::find(factors.begin(), factors.end(), variable.name) != factors.end();
            if (product) return std::nullopt;  // of a factor whose sign nobody knows
        }
        const auto found = value.terms.find(variable.name);
        if (found == value.terms.end()) continue;
        if (!variable.from || !variable.to) return std::nullopt;
        const std::int64_t coefficient = found->second;
        const bool at_end = (coefficient > 0) == upper;
        Affine end = at_end ? *variable.to : *variable.from;
        if (at_end) end.constant -= 1;
        value.terms.erase(found);
        value.add(end, coefficient);
    }
    return value;
}

/// Of two factors one at least holds nothing but parameters.
std::optional<Affine> Checker::product(const Affine& a, const Affine& b) const {
    const auto only_parameters = [&](const Affine& factor) {
        return std::all_of(factor.terms.begin(), factor.terms.end(), [&](const auto& term) {
            const std::vector<std::string> names = factors_of(term.first);
            return std::all_of(names.begin(), names.end(),
                               [&](const std::string& name) { return file_.parameter(name) != nullptr; });
        });
    };
    if (!only_parameters(a) && !only_parameters(b)) return std::nullopt;
    Affine result;
    result.constant = a.constant * b.constant;
    result.add(Affine{a.terms, 0}, b.constant);
    result.add(Affine{b.terms, 0}, a.constant);
    for (const auto& [first, a_coefficient] : a.terms) {
        for (const auto& [second, b_coefficient] : b.terms)
            result.add(Affine{{{product_of(first, second), 1}}, 0}, a_coefficient * b_coefficient);
    }
    return result;
}

std::optional<Affine> Checker::affine(const Expression& expression) const {
    switch (expression.kind) {
        case Expression::Kind::integer: return Affine{{}, expression.integer};
        case Expression::Kind::variable: {
            const bool loop = expression.role == Role::local && local(expression.name)->loop;
            const bool known = loop || expression.role == Role::index ||
                               (expression.role == Role::parameter && expression.type == ValueType::i64);
            return known ? std::optional(Affine{{{expression.name, 1}}, 0}) : std::nullopt;
        }
        case Expression::Kind::unary:
        case Expression::Kind::binary: break;
        default: return std::nullopt;
    }
    const std::optional<Affine> a = affine(expression.operands[0]);
    if (!a) return std::nullopt;
    Affine result;
    if (expression.kind == Expression::Kind::unary) {
        result.add(*a, -1);
        return result;
    }
    const std::optional<Affine> b = affine(expression.operands[1]);
    if (!b || expression.name == "/") return std::nullopt;
    if (expression.name == "*") return product(*a, *b);
    result.add(*a, 1);
    result.add(*b, expression.name == "+" ? 1 : -1);
    return result;
}

}  // namespace maniple::compiler
