// run/chunk_bytes.hpp: what chunks read and write, as bytes that another rank can put where they belong.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lanes/arena.hpp"
#include "program/program.hpp"

namespace maniple {

/// The boxes that claimable chunks read, each once; those that they write. The same on every rank for the same program.
std::vector<Use> reads_of(const Program& program, std::span<const ChunkId> chunks);
std::vector<Use> writes_of(const Program& program, ChunkId chunk);

/// Appends the elements of `uses` to `bytes`, box after box.
void pack(const Arena& arena, std::span<const Use> uses, std::vector<std::byte>& bytes);
/// The other way. Requires: as many bytes as the boxes have.
void unpack(std::span<const std::byte> bytes, std::span<const Use> uses, Arena& arena);

}  // namespace maniple
