// Any bytes as an expression: a tree whose nodes stand in the text, or one error that can be shown.
#include <cstdint>

#include "expect_presentable.hpp"
#include "job/expression.hpp"

namespace {

void expect_places(const maniple::Expression& tree, const std::vector<std::string>& lines);

void expect_places(const maniple::Expression::Value& value, const std::vector<std::string>& lines) {
    maniple::expect_place(value.place, lines);
    for (const auto& item : value.list) expect_places(item, lines);
    for (const auto& expression : value.expression) expect_places(expression, lines);
}

void expect_places(const maniple::Expression& tree, const std::vector<std::string>& lines) {
    maniple::expect_place(tree.place, lines);
    for (const auto& argument : tree.arguments) expect_places(argument, lines);
    for (const auto& parameter : tree.parameters) {
        maniple::expect_place(parameter.place, lines);
        expect_places(parameter.value, lines);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const std::vector<std::string> lines = {text};  // columns count on over line ends
    try {
        expect_places(maniple::parse_expression(text, {"job.yaml", 1, 1, 1, text}), lines);
    } catch (const maniple::JobError& error) {
        MANIPLE_CHECK(error.diagnostics().size() == 1, std::string("several errors"));
        maniple::expect_place(error.diagnostics().front().place, lines);
        maniple::render(error.diagnostics().front());
    }
    return 0;
}
