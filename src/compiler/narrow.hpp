// compiler/narrow.hpp: which 64-bit integers of a body are mere subscripts, so that 32 bits do on a gpu.
#pragma once

#include <set>
#include <string>

#include "compiler/ast.hpp"

namespace maniple::compiler {

/// How the 64-bit names of one body are used: indices, loop variables and integer parameters. Addresses are found
/// modulo 2^32, and sums, differences and products of such numbers need no more of their parts.
class Widths {
public:
    explicit Widths(const Body& body);

    /// Whether `name` is used as a value somewhere, with all its bits.
    bool wide(const std::string& name) const { return wide_.contains(name); }
    /// Whether `name` is a loop variable in all of the body.
    bool is_loop(const std::string& name) const { return loops_.contains(name); }

private:
    void find_loops(const Body& body);
    void visit(const Body& body);
    void visit_value(const Expression& expression);
    void visit_low(const Expression& expression);
    bool is_narrow_bound(const Expression& expression) const;

    std::set<std::string> wide_;
    std::set<std::string> loops_;
    std::set<std::string> locals_;
};

/// Whether the lower 32 bits of `expression` follow from those of its operands.
bool low_bits_follow(const Expression& expression);

}  // namespace maniple::compiler
