#include "random_call.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "elements.hpp"

namespace maniple::testing {

View& View::operator=(const View& other) {
    type = other.type;
    bytes = other.bytes;
    element_bytes = other.element_bytes;
    tensor = other.tensor;
    elements = other.elements;
    tensor.data = bytes.data();
    return *this;
}

Box RandomCall::kept() const {
    Box result = box;
    for (int k = 0; k < box.rank(); ++k) {
        if (contracted >> k & 1u) result.hi[k] = result.lo[k] + 1;
    }
    return result;
}

namespace {

int index_of(const std::vector<std::string>& names, const std::string& name) {
    return static_cast<int>(std::find(names.begin(), names.end(), name) - names.begin());
}

template <class T>
void fill_as(View& view, Numbers& numbers, std::int64_t limit) {
    for (std::int64_t i = 0; i < view.elements; ++i) {
        T element = next<T>(numbers);
        if constexpr (std::is_integral_v<T>) {
            if (limit > 0)
                element = static_cast<T>(static_cast<std::uint64_t>(element) % static_cast<std::uint64_t>(limit));
        }
        std::memcpy(view.bytes.data() + i * view.element_bytes, &element, sizeof element);
    }
}

}  // namespace

/// Where an index begins: mostly near 0, sometimes before it or beyond 32 bits.
std::int64_t CallMaker::origin() {
    constexpr std::int64_t far[] = {-3, 0x1'0000'0000 - 2, 0x123'4567'89ab};
    return chance(70) ? below(4) : far[below(3)];
}

/// `still`: axes that do not move, so that all their elements are one.
View CallMaker::view(const Box& box, DType type, std::int64_t element_bytes, unsigned still) {
    View result;
    result.type = type;
    result.element_bytes = element_bytes;
    maniple_tensor& t = result.tensor;
    t.rank = box.rank();
    std::vector<int> order(static_cast<std::size_t>(box.rank()));
    std::iota(order.begin(), order.end(), 0);
    if (chance(40)) std::shuffle(order.begin(), order.end(), numbers_);
    std::int64_t step = chance(60) ? 1 : 1 + below(3);
    t.offset = below(5);
    for (std::size_t i = order.size(); i-- > 0;) {
        const int axis = order[i];
        const std::int64_t extent = std::max<std::int64_t>(box.extent(axis), 1);
        t.lo[axis] = box.lo[axis];
        t.hi[axis] = box.hi[axis];
        if (still >> axis & 1u) continue;
        const bool reversed = chance(15);
        t.stride[axis] = reversed ? -step : step;
        if (reversed) t.offset += step * (extent - 1);
        t.offset -= t.stride[axis] * box.lo[axis];
        step *= extent + (chance(30) ? below(3) : 0);
    }
    result.elements = step + 10;
    result.bytes.assign(static_cast<std::size_t>(result.elements * element_bytes), std::byte{0x5a});
    t.data = result.bytes.data();
    return result;
}

void CallMaker::fill(View& view) {
    Numbers numbers(static_cast<unsigned>(numbers_()));
    // Beside a table integers may be its subscripts; sums of large ones, rounded in another order, have nothing in common.
    const std::int64_t limit = table_extent_ > 0 ? table_extent_ : kernel_.is_fold() && !types_.exact ? 100 : 0;
    switch (view.type) {
        case DType::f32: return fill_as<float>(view, numbers, limit);
        case DType::f64: return fill_as<double>(view, numbers, limit);
        case DType::f16: return fill_as<Half>(view, numbers, limit);
        case DType::i32: return fill_as<std::int32_t>(view, numbers, limit);
        case DType::i64: return fill_as<std::int64_t>(view, numbers, limit);
        case DType::u8: return fill_as<std::uint8_t>(view, numbers, limit);
        case DType::u32: return fill_as<std::uint32_t>(view, numbers, limit);
        case DType::boolean: return fill_as<Bool>(view, numbers, limit);
    }
}

void CallMaker::make_parameters(RandomCall& call) {
    for (const KernelParameter& parameter : kernel_.parameters) {
        switch (parameter.type) {
            case KernelParameter::Type::real: {
                const double value = 0.1 + 0.01 * below(50);
                const bool single =
                    std::find(types_.inputs.begin(), types_.inputs.end(), DType::f64) == types_.inputs.end();
                call.parameters.push_back(real(single ? static_cast<double>(static_cast<float>(value)) : value));
                break;
            }
            case KernelParameter::Type::integer: call.parameters.push_back(integer(below(4))); break;
            case KernelParameter::Type::boolean:
                if (parameter.name != "keepdims") call.parameters.push_back(integer(below(2)));
                break;
            default: break;
        }
    }
}

bool CallMaker::has_coefficients() const {
    for (const Access& access : kernel_.signature.inputs) {
        for (const Subscript& subscript : access.subscripts) {
            for (const Subscript::Term& term : subscript.terms) {
                if (!term.parameter.empty()) return true;
            }
        }
    }
    return false;
}

/// The integer parameter `name`, or `otherwise` if there is none.
std::int64_t CallMaker::value_of(const RandomCall& call, const std::string& name, std::int64_t otherwise) const {
    for (std::size_t i = 0; i < call.parameters.size(); ++i) {
        if (kernel_.parameters[i].name == name) return call.parameters[i].integer;
    }
    return otherwise;
}

/// What the accesses of `tensor` touch for the index box of `call`.
Box CallMaker::region(const RandomCall& call, const std::string& tensor, const std::vector<Access>& accesses) {
    const std::vector<std::string> names = kernel_.signature.index_names();
    Box result;
    for (const Access& access : accesses) {
        if (access.tensor != tensor) continue;
        const std::vector<Subscript> named = access.named();
        const int rank = call.leading + static_cast<int>(named.size());
        Box box{Extents(rank), Extents(rank)};
        for (int axis = 0; axis < call.leading; ++axis) {
            box.lo[axis] = call.box.lo[axis];
            box.hi[axis] = std::max(call.box.hi[axis], call.box.lo[axis] + 1);
        }
        for (int axis = call.leading; axis < rank; ++axis) {
            const Subscript& subscript = named[static_cast<std::size_t>(axis - call.leading)];
            if (subscript.kind == Subscript::Kind::whole) {
                box.hi[axis] = table_extent_;
                continue;
            }
            const std::int64_t halo = value_of(call, subscript.halo_parameter, subscript.halo);
            std::int64_t offset = subscript.offset;
            for (const Subscript::ParameterOffset& each : subscript.parameter_offsets)
                offset += each.coefficient * value_of(call, each.parameter, 0);
            box.lo[axis] = offset - halo;
            box.hi[axis] = offset + halo + 1;
            for (const Subscript::Term& term : subscript.terms) {
                const int k = call.leading + index_of(names, term.index);
                const std::int64_t coefficient = term.coefficient * value_of(call, term.parameter, 1);
                const std::int64_t first = coefficient * call.box.lo[k];
                const std::int64_t last = coefficient * std::max(call.box.hi[k] - 1, call.box.lo[k]);
                box.lo[axis] += std::min(first, last);
                box.hi[axis] += std::max(first, last);
            }
        }
        result = result.rank() == 0 ? box : bounding(result, box);
    }
    return result;
}

/// Up to two axes of an ellipsis before the names.
void CallMaker::make_leading(RandomCall& call) {
    if (!kernel_.signature.has_ellipsis()) return;
    call.leading = below(3);
    for (int k = 0; k < call.leading; ++k) {
        if (kernel_.signature.contracts_ellipsis) call.contracted |= 1u << k;
        const std::int64_t lo = below(4);
        call.box.lo.push_back(lo);
        call.box.hi.push_back(lo + 1 + below(kernel_.signature.contracts_ellipsis ? 20 : 3));
        call.extent.push_back(call.box.hi[k] + below(3));
    }
}

/// The axes of the ellipsis that `tensor` does not have, or has one element on.
unsigned CallMaker::still_leading(const RandomCall& call, const std::vector<Access>& accesses,
                                  const std::string& tensor) {
    const unsigned all = (1u << call.leading) - 1;
    for (const Access& access : accesses) {
        if (access.tensor == tensor && !access.has_ellipsis()) return all;
    }
    return &accesses == &kernel_.signature.inputs && chance(40) ? static_cast<unsigned>(below(1 << call.leading)) : 0;
}

void CallMaker::make_named(RandomCall& call) {
    const Signature& signature = kernel_.signature;
    const std::vector<std::string> names = signature.index_names();
    make_leading(call);
    for (std::size_t i = 0; i < names.size(); ++i) {
        const bool contracted = std::count(signature.contracted.begin(), signature.contracted.end(), names[i]) > 0;
        const bool whole = std::count(signature.whole.begin(), signature.whole.end(), names[i]) > 0;
        const std::size_t k = static_cast<std::size_t>(call.leading) + i;
        if (contracted) call.contracted |= 1u << k;
        if (whole) call.fixed |= 1u << k;
        // A coordinate that is multiplied must stay near the others of its tensor.
        const std::int64_t lo = whole ? 0 : has_coefficients() ? below(4) : origin();
        const std::int64_t size = contracted && chance(10) ? 0 : 1 + below(chance(20) ? 90 : 9);
        call.box.lo.push_back(lo);
        call.box.hi.push_back(lo + size);
        call.extent.push_back(lo + size + (whole ? 0 : below(3)));
    }
    for (const Access& access : signature.inputs) {
        for (const Subscript& subscript : access.subscripts) {
            if (subscript.kind == Subscript::Kind::whole) table_extent_ = 1 + below(7);
        }
    }
    for (std::size_t i = 0; i < types_.inputs.size(); ++i) {
        const Box box = region(call, signature.input_names()[i], signature.inputs);
        const unsigned still = static_cast<unsigned>(chance(20) ? below(1 << box.rank()) : 0) |
                               still_leading(call, signature.inputs, signature.input_names()[i]);
        call.inputs.push_back(view(box, types_.inputs[i], static_cast<std::int64_t>(size_of(types_.inputs[i])), still));
    }
    for (std::size_t i = 0; i < types_.outputs.size(); ++i) {
        const Box box = region(call, signature.output_names()[i], signature.outputs);
        const unsigned still = still_leading(call, signature.outputs, signature.output_names()[i]);
        call.outputs.push_back(
            view(box, types_.outputs[i], static_cast<std::int64_t>(size_of(types_.outputs[i])), still));
    }
}

void CallMaker::make_ellipses(RandomCall& call) {
    const int rank = below(5);
    const int far = chance(20) ? below(5) : -1;  // one at most, so that positions stay below 2^63
    for (int k = 0; k < rank; ++k) {
        if (kernel_.is_fold() && chance(50)) call.contracted |= 1u << k;
        const std::int64_t lo = k == far ? origin() : below(4);
        const std::int64_t size = (call.contracted >> k & 1u) && chance(8) ? 0 : 1 + below(chance(15) ? 60 : 7);
        call.box.lo.push_back(lo);
        call.box.hi.push_back(lo + size);
        call.extent.push_back(lo + size + below(3));
    }
    for (const DType type : types_.inputs) {
        const auto still = static_cast<unsigned>(chance(40) ? below(1 << rank) : 0);
        call.inputs.push_back(view(call.box, type, static_cast<std::int64_t>(size_of(type)), still));
    }
    for (const DType type : types_.outputs) {
        call.outputs.push_back(view(call.kept(), type, static_cast<std::int64_t>(size_of(type)), call.contracted));
    }
}

RandomCall CallMaker::make() {
    RandomCall call;
    make_parameters(call);
    kernel_.signature.only_ellipses() ? make_ellipses(call) : make_named(call);
    for (View& input : call.inputs) fill(input);
    return call;
}

View CallMaker::state(const RandomCall& call, std::int64_t parts, std::int64_t& part_stride) {
    const bool ellipsis = kernel_.signature.only_ellipses();
    const unsigned leading = (1u << call.leading) - 1;
    Box box = call.kept();  // and a state is there for every contracted point
    for (int k = 0; k < box.rank(); ++k) box.hi[k] = std::max(box.hi[k], call.box.hi[k]);
    if (!ellipsis) box = region(call, kernel_.signature.output_names()[0], kernel_.signature.outputs);
    View result = view(box, DType::f32, types_.state_bytes, call.contracted & (ellipsis ? ~0u : leading));
    part_stride = result.elements;
    result.elements *= parts;
    result.bytes.assign(static_cast<std::size_t>(result.elements * types_.state_bytes), std::byte{0x5a});
    result.tensor.data = result.bytes.data();
    return result;
}

}  // namespace maniple::testing
