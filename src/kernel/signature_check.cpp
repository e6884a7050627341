#include "kernel/signature_check.hpp"

#include <algorithm>

#include "tensor/box.hpp"

namespace maniple {

namespace {

using Names = std::vector<std::string>;

bool has(const Names& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// A tensor has so many axes at most, and an ellipsis stands before those that have names.
void check_access(const Access& access, const SignaturePlaces::Access& place, const SignatureFail& fail) {
    for (std::size_t i = 0; i < access.subscripts.size(); ++i) {
        if (access.subscripts[i].kind == Subscript::Kind::ellipsis && i > 0) {
            fail(place.subscripts[i], "'...' stands first between its brackets");
        }
        if (static_cast<int>(i) >= max_rank) {
            fail(place.subscripts[i], "a tensor has at most " + std::to_string(max_rank) + " axes");
        }
    }
}

void check_inputs(const Signature& signature, const SignaturePlaces& places, const SignatureFail& fail) {
    for (std::size_t i = 0; i < signature.inputs.size(); ++i) {
        const Access& access = signature.inputs[i];
        check_access(access, places.inputs[i], fail);
        for (std::size_t k = 0; k < i; ++k) {
            const Access& other = signature.inputs[k];
            if (other.tensor != access.tensor) continue;
            if (other.subscripts.size() != access.subscripts.size()) {
                fail(places.inputs[i].tensor, "tensor '" + access.tensor + "' has another number of axes here");
            }
            if (other.has_ellipsis() != access.has_ellipsis() || signature.only_ellipses()) {
                fail(places.inputs[i].tensor, "tensor '" + access.tensor + "' occurs twice");
            }
        }
    }
}

void check_output_subscript(const Signature& signature, const Subscript& subscript, std::size_t place, Names& seen,
                            const SignatureFail& fail) {
    if (subscript.kind == Subscript::Kind::ellipsis) return;
    if (subscript.index_alone().empty() || subscript.has_halo()) {
        fail(place, "an output's subscript is one index alone, so that every element is written once");
    }
    const std::string& index = subscript.terms[0].index;
    if (has(seen, index)) fail(place, "index '" + index + "' occurs twice in this output");
    if (has(signature.contracted, index)) fail(place, "index '" + index + "' is contracted: no output can have it");
    seen.push_back(index);
}

void check_outputs(const Signature& signature, const SignaturePlaces& places, const SignatureFail& fail) {
    const Names inputs = signature.input_names();
    Names first;
    for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
        const Access& access = signature.outputs[i];
        const SignaturePlaces::Access& place = places.outputs[i];
        check_access(access, place, fail);
        if (has(inputs, access.tensor)) fail(place.tensor, "'" + access.tensor + "' is an input and an output");
        for (std::size_t k = 0; k < i; ++k) {
            if (signature.outputs[k].tensor == access.tensor) {
                fail(place.tensor, "output '" + access.tensor + "' occurs twice");
            }
        }
        Names seen;
        for (std::size_t k = 0; k < access.subscripts.size(); ++k) {
            check_output_subscript(signature, access.subscripts[k], place.subscripts[k], seen, fail);
        }
        std::sort(seen.begin(), seen.end());
        if (i == 0) first = seen;
        if (seen != first) fail(place.tensor, "all outputs have the same indices");
    }
}

/// The outputs have the ellipsis of the inputs, all of them, or a fold contracts it.
void check_mixed(const Signature& signature, const SignaturePlaces& places, const SignatureFail& fail) {
    const bool read = std::any_of(signature.inputs.begin(), signature.inputs.end(),
                                  [](const Access& access) { return access.has_ellipsis(); });
    for (std::size_t i = 0; i < signature.outputs.size(); ++i) {
        const std::size_t place = places.outputs[i].tensor;
        const bool written = signature.outputs[i].has_ellipsis();
        if (written != signature.outputs.front().has_ellipsis()) fail(place, "either all outputs have '...' or none");
        if (written && !read) fail(place, "no input has the '...' of this output");
        if (written && signature.contracts_ellipsis) fail(place, "'...' is contracted: no output can have it");
        if (!written && !signature.contracts_ellipsis) { fail(place, "'...' is in no output: contract it, fold(...)"); }
    }
    for (std::size_t i = 0; i < signature.inputs.size(); ++i) {
        for (std::size_t k = 0; k < signature.inputs[i].subscripts.size(); ++k) {
            const Subscript& subscript = signature.inputs[i].subscripts[k];
            const bool leaves = subscript.has_halo() || subscript.offset < 0 || !subscript.parameter_offsets.empty();
            if (!leaves) continue;
            fail(places.inputs[i].subscripts[k], "what may leave its tensor does not go with '...': name all axes");
        }
    }
}

void check_ellipses(const Signature& signature, const SignaturePlaces& places, const SignatureFail& fail) {
    if (!signature.has_ellipsis()) {
        if (signature.contracts_ellipsis) fail(places.fold, "no input has the '...' that is contracted");
        return;
    }
    if (!signature.only_ellipses()) return check_mixed(signature, places, fail);
    if (!signature.whole.empty()) fail(places.whole[0], "'[...]' has no indices that could be whole");
    if (signature.contracts_ellipsis) fail(places.fold, "'...' is contracted: no output can have it");
    if (!signature.contracted.empty() && !signature.contracted_by_axis) {
        fail(places.contracted[0], "'[...]' is contracted over the one word 'axis'");
    }
}

Names access_indices(const Signature& signature) {
    Names names;
    for (const std::vector<Access>* accesses : {&signature.outputs, &signature.inputs}) {
        for (const Access& access : *accesses) {
            for (const Subscript& subscript : access.subscripts) {
                for (const Subscript::Term& term : subscript.terms) names.push_back(term.index);
            }
        }
    }
    return names;
}

void check_qualifiers(const Signature& signature, const SignaturePlaces& places, const SignatureFail& fail) {
    if (!signature.fold.empty() && signature.inputs.empty()) fail(places.fold, "a fold needs an input");
    if (signature.rearrangement != Rearrangement::none) {
        const std::size_t inputs = signature.rearrangement == Rearrangement::joined ? 3 : 1;
        const bool fits =
            signature.inputs.size() == inputs && signature.outputs.size() == 1 && signature.only_ellipses();
        if (!fits || !signature.fold.empty()) {
            fail(places.rearrangement, inputs == 1 ? "only 'x[...] -> y[...]' is rearranged"
                                                   : "only 'a[...], b[...], first[...] -> c[...]' is joined");
        }
    }
    if (signature.only_ellipses()) return;
    const Names known = access_indices(signature);
    for (std::size_t i = 0; i < signature.contracted.size(); ++i) {
        if (!has(known, signature.contracted[i])) {
            fail(places.contracted[i], "no input has an index '" + signature.contracted[i] + "'");
        }
    }
    for (std::size_t i = 0; i < signature.whole.size(); ++i) {
        if (!has(known, signature.whole[i])) {
            fail(places.whole[i], "no access has an index '" + signature.whole[i] + "'");
        }
        if (has(signature.contracted, signature.whole[i])) {
            fail(places.whole[i], "index '" + signature.whole[i] + "' is contracted and whole");
        }
    }
}

/// Every index of an input must have a meaning: an output has it, or it is contracted, or whole.
void check_free_indices(const Signature& signature, const SignaturePlaces& places, const SignatureFail& fail) {
    Names bound = signature.contracted;
    bound.insert(bound.end(), signature.whole.begin(), signature.whole.end());
    for (const Access& access : signature.outputs) {
        for (const Subscript& subscript : access.subscripts) {
            for (const Subscript::Term& term : subscript.terms) bound.push_back(term.index);
        }
    }
    for (std::size_t i = 0; i < signature.inputs.size(); ++i) {
        const Access& access = signature.inputs[i];
        for (std::size_t k = 0; k < access.subscripts.size(); ++k) {
            for (const Subscript::Term& term : access.subscripts[k].terms) {
                if (has(bound, term.index)) continue;
                fail(places.inputs[i].subscripts[k], "index '" + term.index + "' is in no output: contract it, sum(" +
                                                         term.index + "), or declare it whole(" + term.index + ")");
            }
        }
    }
    if (static_cast<int>(signature.index_names().size()) > max_rank) {
        fail(places.outputs[0].tensor, "a kernel has at most " + std::to_string(max_rank) + " indices");
    }
}

}  // namespace

void check_signature(const Signature& signature, const SignaturePlaces& places, const SignatureFail& fail) {
    check_inputs(signature, places, fail);
    check_outputs(signature, places, fail);
    check_ellipses(signature, places, fail);
    check_qualifiers(signature, places, fail);
    check_free_indices(signature, places, fail);
}

}  // namespace maniple
