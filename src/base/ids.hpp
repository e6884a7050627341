// base/ids.hpp: strong integers, so that a rank is not taken for an operation.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace maniple {

/// An index into the table of one kind of thing. Cheap to copy, ordered, hashable.
template <class Tag>
struct Id {
    std::int32_t value = -1;  ///< -1: none

    constexpr Id() = default;
    constexpr explicit Id(std::size_t index) : value(static_cast<std::int32_t>(index)) {}
    constexpr explicit Id(std::int32_t index) : value(index) {}

    constexpr std::size_t index() const { return static_cast<std::size_t>(value); }
    constexpr bool valid() const { return value >= 0; }
    constexpr auto operator<=>(const Id&) const = default;
};

using Rank = Id<struct RankTag>;                  ///< one MPI process of the run
using TensorId = Id<struct TensorTag>;            ///< a tensor of the graph
using OperationId = Id<struct OperationTag>;      ///< an operation of the graph
using BufferId = Id<struct BufferTag>;            ///< a piece of storage of one rank
using InstructionId = Id<struct InstructionTag>;  ///< an operation of one rank's program
using ChunkId = Id<struct ChunkTag>;              ///< a chunk of a program

}  // namespace maniple

template <class Tag>
struct std::hash<maniple::Id<Tag>> {
    std::size_t operator()(maniple::Id<Tag> id) const noexcept { return std::hash<std::int32_t>{}(id.value); }
};
