#include "compiler/lower.hpp"

#include <algorithm>

namespace maniple::compiler {

namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Whether the walk itself moves with `term`; else it holds a variable of the body.
bool is_walked(const std::string& term, const KernelFile& file) {
    const std::vector<std::string> names = factors_of(term);
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
        if (file.parameter(name) != nullptr) return true;
        return has(file.signature.index_names(), name) && !has(file.signature.whole, name);
    });
}

Affine walked_part(const Expression::Axis& axis, const KernelFile& file) {
    Affine result;
    if (!axis.affine) return result;
    result.constant = axis.value.constant;
    for (const auto& [name, coefficient] : axis.value.terms) {
        if (is_walked(name, file)) result.terms[name] = coefficient;
    }
    return result;
}

class Lowering {
public:
    Lowering(const Function& function, const KernelFile& file) : file_(file) {
        result_.function = function;
        for (std::size_t i = 0; i < function.tensors.size(); ++i) add_whole_tensor(function, static_cast<int>(i));
    }

    LoweredFunction run() {
        find_streams(result_.function.body);
        const std::vector<std::string> indices = file_.signature.index_names();
        for (std::size_t i = 0; i < indices.size(); ++i) {
            if (has(file_.signature.whole, indices[i])) result_.fixed |= 1u << i;
        }
        return std::move(result_);
    }

private:
    /// States and outputs, and every tensor of an ellipsis, have one stream each, written ones first.
    void add_whole_tensor(const Function& function, int number) {
        const FunctionTensor& tensor = function.tensors[static_cast<std::size_t>(number)];
        Stream stream;
        stream.tensor = number;
        stream.ellipsis = file_.signature.only_ellipses();
        if (!stream.ellipsis) {
            if (!tensor.is_state) return;
            for (const Subscript& subscript : file_.signature.outputs.front().named()) {
                stream.walked.push_back(Affine{{{subscript.terms[0].index, 1}}, 0});
            }
        }
        result_.streams.push_back(stream);
    }

    int stream_of(const Expression& element) {
        Stream wanted;
        wanted.tensor = element.number;
        wanted.ellipsis = file_.signature.only_ellipses();
        for (const Expression::Axis& axis : element.axes) wanted.walked.push_back(walked_part(axis, file_));
        for (std::size_t i = 0; i < result_.streams.size(); ++i) {
            const Stream& stream = result_.streams[i];
            const bool same = stream.tensor == wanted.tensor && stream.walked == wanted.walked;
            if (same) return static_cast<int>(i);
        }
        result_.streams.push_back(wanted);
        return static_cast<int>(result_.streams.size()) - 1;
    }

    int state_stream(bool other) const {
        int found = -1;
        for (std::size_t i = 0; i < result_.function.tensors.size(); ++i) {
            const FunctionTensor& tensor = result_.function.tensors[i];
            if (tensor.is_state && (tensor.name == "other") == other) found = static_cast<int>(i);
        }
        for (std::size_t i = 0; i < result_.streams.size(); ++i) {
            if (result_.streams[i].tensor == found) return static_cast<int>(i);
        }
        return -1;
    }

    void visit(Expression& expression) {
        switch (expression.kind) {
            case Expression::Kind::element:
                for (std::size_t i = 0; i < expression.operands.size(); ++i) {
                    if (!expression.axes[i].affine) visit(expression.operands[i]);
                }
                expression.stream = stream_of(expression);
                return;
            case Expression::Kind::variable:
                if (expression.role == Role::state) expression.stream = state_stream(false);
                if (expression.role == Role::other) expression.stream = state_stream(true);
                if (expression.role == Role::index) result_.uses_indices = true;
                if (expression.role == Role::position) result_.uses_position = true;
                return;
            default: visit_operands(expression);
        }
    }

    void visit_operands(Expression& expression) {
        // The operand of extent(…) is a name, not a value.
        if (expression.kind == Expression::Kind::call && expression.name == "extent") return;
        for (Expression& operand : expression.operands) visit(operand);
    }

    void find_streams(Body& body) {
        for (Statement& statement : body) {
            using Kind = Statement::Kind;
            if (statement.kind == Kind::assign) visit(statement.target);
            if (statement.kind == Kind::range) {
                visit(statement.from);
                visit(statement.to);
            } else if (statement.kind != Kind::whole) {
                visit(statement.value);
            }
            const bool loop =
                statement.kind == Kind::range || statement.kind == Kind::whole || statement.kind == Kind::loop;
            result_.has_loops = result_.has_loops || loop;
            find_streams(statement.body);
            find_streams(statement.otherwise);
        }
    }

    const KernelFile& file_;
    LoweredFunction result_;
};

}  // namespace

Remainder remainder_of(const Expression::Axis& axis, const KernelFile& file) {
    Remainder result;
    result.whole_expression = !axis.affine;
    if (!axis.affine) return result;
    for (const auto& [name, coefficient] : axis.value.terms) {
        if (!is_walked(name, file)) result.affine.terms[name] = coefficient;
    }
    return result;
}

LoweredFunction lower(const Function& function, const KernelFile& file) { return Lowering(function, file).run(); }

}  // namespace maniple::compiler
