#include "compiler/narrow.hpp"

#include <algorithm>

#include "compiler/types.hpp"

namespace maniple::compiler {

bool low_bits_follow(const Expression& expression) {
    const auto whole_words = [](ValueType type) { return is_integer(type) && type != ValueType::u8; };
    if (!whole_words(expression.type)) return false;
    switch (expression.kind) {
        case Expression::Kind::integer: return true;
        case Expression::Kind::unary: return true;
        case Expression::Kind::binary: return true;  // + - * alone give integers
        case Expression::Kind::convert: return is_integer(expression.operands[0].type);
        case Expression::Kind::call: return expression.name == "extent";
        default: return false;
    }
}

Widths::Widths(const Body& body) {
    find_loops(body);
    for (const std::string& name : locals_) loops_.erase(name);
    // A loop variable that turns out wide makes the names in its bounds wide.
    std::size_t before = 0;
    do {
        before = wide_.size();
        visit(body);
    } while (wide_.size() != before);
}

void Widths::find_loops(const Body& body) {
    for (const Statement& statement : body) {
        if (statement.kind == Statement::Kind::range || statement.kind == Statement::Kind::whole) {
            loops_.insert(statement.name);
        }
        if (statement.kind == Statement::Kind::declare) locals_.insert(statement.name);
        find_loops(statement.body);
        find_loops(statement.otherwise);
    }
}

void Widths::visit(const Body& body) {
    for (const Statement& statement : body) {
        if (statement.kind == Statement::Kind::range) {
            const bool narrow = is_narrow_bound(statement.from) && is_narrow_bound(statement.to);
            if (!narrow) wide_.insert(statement.name);
            for (const Expression* const bound : {&statement.from, &statement.to}) {
                wide_.contains(statement.name) ? visit_value(*bound) : visit_low(*bound);
            }
        } else if (statement.kind != Statement::Kind::whole) {
            visit_value(statement.value);
        }
        if (statement.kind == Statement::Kind::assign) visit_value(statement.target);
        visit(statement.body);
        visit(statement.otherwise);
    }
}

void Widths::visit_value(const Expression& expression) {
    if (expression.kind == Expression::Kind::element) {
        for (std::size_t axis = 0; axis < expression.axes.size(); ++axis) {
            if (!expression.axes[axis].affine) visit_low(expression.operands[axis]);
        }
        return;
    }
    // The operands of extent(…) are names, not values.
    if (expression.kind == Expression::Kind::call && expression.name == "extent") return;
    if (expression.kind == Expression::Kind::variable) wide_.insert(expression.name);
    for (const Expression& operand : expression.operands) visit_value(operand);
}

void Widths::visit_low(const Expression& expression) {
    if (expression.kind == Expression::Kind::variable) {
        const bool low = expression.role == Role::index || expression.role == Role::parameter ||
                         (expression.role == Role::local && is_loop(expression.name));
        if (!low) visit_value(expression);
    } else if (low_bits_follow(expression)) {
        if (expression.kind == Expression::Kind::call) return;
        for (const Expression& operand : expression.operands) visit_low(operand);
    } else {
        visit_value(expression);
    }
}

/// Whether `expression` is made of indices, loop variables, integer parameters, extents and numbers.
bool Widths::is_narrow_bound(const Expression& expression) const {
    if (expression.kind == Expression::Kind::variable) {
        return expression.role == Role::index || expression.role == Role::parameter ||
               (expression.role == Role::local && is_loop(expression.name));
    }
    if (!low_bits_follow(expression)) return false;
    if (expression.kind == Expression::Kind::call) return true;
    return std::all_of(expression.operands.begin(), expression.operands.end(),
                       [&](const Expression& operand) { return is_narrow_bound(operand); });
}

}  // namespace maniple::compiler
