// tests/proof/mutation.hpp: programs made wrong on purpose, each so that a run of them would hang or compute something else.
#pragma once

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "program/layout.hpp"

namespace maniple {

/// The programs of all ranks for one block.
struct BlockPrograms {
    const Graph* graph = nullptr;
    std::vector<Layout> layouts;
    std::vector<Program> programs;
};

/// One way to go wrong. apply() changes the programs at a place drawn at random, and says what it did; nothing where there is
/// no such place. What it does is wrong by itself, never only different: `because` says why.
struct Mutation {
    const char* name;
    const char* because;
    std::optional<std::string> (*apply)(BlockPrograms& block, std::mt19937& random);
};

const std::vector<Mutation>& mutations();

}  // namespace maniple
