#include "compiler/spot.hpp"

namespace maniple::compiler {

Place Spot::place() const {
    if (node == nullptr) return {};
    // The code of a shorthand such as `sum` stands in no file; its node has the place of the signature.
    if (!node->source) return node->place;
    return node->place_at(offset, length);
}

void fail(const Spot& spot, const std::string& message, const std::string& suggestion) {
    throw JobError(spot.place(), message, suggestion);
}

}  // namespace maniple::compiler
